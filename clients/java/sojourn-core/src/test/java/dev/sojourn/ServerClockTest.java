package dev.sojourn;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class ServerClockTest {
  private static void assertAbout(long expected, long actual) {
    assertTrue(Math.abs(expected - actual) < 2_000, expected + " and " + actual);
  }

  @Test
  void theServersTimeCarriedOn() throws InterruptedException {
    ServerClock clock = new ServerClock();
    assertAbout(System.currentTimeMillis(), clock.now());
    long years = System.currentTimeMillis() + Duration.ofDays(1_000).toMillis();
    clock.learn(System.nanoTime(), years);
    assertAbout(years, clock.now());
    long before = clock.now();
    Thread.sleep(20);
    assertTrue(clock.now() >= before + 15);
    clock.learn(System.nanoTime(), 1_000_000);
    assertAbout(1_000_000, clock.now());
  }

  @Test
  void learnedWithTheConnection() {
    try (RedisServer server = new RedisServer();
        Nodes nodes = new Nodes(server)) {
      nodes.one.ready();
      String[] time = server.tell("TIME").split("\r\n");
      assertAbout(Long.parseLong(time[2]) * 1000, nodes.one.engine().now());
    }
  }
}
