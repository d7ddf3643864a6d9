package dev.sojourn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Sessions whose time is over are told of, once. */
class ExpiryTest extends TwoNodes {
  @Override
  SessionsBuilder options(SessionsBuilder builder) {
    return builder.tellExpired();
  }

  private static String key(String id) {
    return "sj:{" + id.substring(0, 3) + "}:s:" + id.substring(3);
  }

  /** As if nobody had come. */
  private static void expire(String id) {
    assertTrue(server.tell("PEXPIRE " + key(id) + " 1").startsWith(":1"));
    // The score is that of before: as it is with a session that has been used to its end.
    String awaited = "sj:{" + id.substring(0, 3) + "}:x";
    server.tell("EVAL \"for _,m in ipairs(redis.call('ZRANGE',KEYS[1],0,-1)) do redis.call('ZADD',KEYS[1],'XX',1,m) end return 1\" 1 " + awaited);
  }

  private static String awaited(String id) {
    return server.tell("ZRANGE sj:{" + id.substring(0, 3) + "}:x 0 -1");
  }

  private List<String> told() {
    return nodes.events.told.stream().filter(line -> line.startsWith("expired")).toList();
  }

  @Test
  void toldOnce() {
    Session nobodys = Nodes.stored(one, "a", 1);
    Session adas = Nodes.signedIn(two, "ada");
    adas.rotate();
    Session ended = Nodes.signedIn(one, "bob");
    ended.logout();
    Session living = Nodes.signedIn(one, "eve");
    expire(Nodes.id(nobodys));
    expire(Nodes.id(adas));
    Nodes.eventually(() -> told().size() >= 2);
    assertEquals(
        Set.of("expired " + nobodys.id() + " null", "expired " + adas.id() + " ada"), new HashSet<>(told()));
    assertEquals(0, two.of("ada").count());
    // What is told of is done with a moment later.
    Nodes.eventually(() -> !awaited(Nodes.id(adas)).contains(Nodes.id(adas).substring(3)));
    assertFalse(living.isEnded());
    assertEquals(2, told().size());
  }

  @Test
  void whatIsUsedIsNotToldOf() {
    Session session = Nodes.stored(one, "a", 1);
    String awaited = "sj:{" + Nodes.id(session).substring(0, 3) + "}:x";
    server.tell("ZADD " + awaited + " XX 1 " + Nodes.id(session).substring(3));
    Nodes.eventually(() -> !server.tell("ZSCORE " + awaited + " " + Nodes.id(session).substring(3)).contains("\r\n1\r\n"));
    assertTrue(told().isEmpty());
  }

  @Test
  void aShorterLifetimeToo() {
    Session session = Nodes.stored(one, "a", 1);
    session.setIdleTimeout(Duration.ofMillis(50));
    session.commit();
    Nodes.eventually(() -> told().size() == 1);
    assertEquals(List.of("expired " + session.id() + " null"), told());
  }
}
