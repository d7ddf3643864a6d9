package dev.sojourn.spring.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.sojourn.RedisCluster;
import dev.sojourn.RedisServer;
import org.junit.jupiter.api.Test;
import org.springframework.context.ConfigurableApplicationContext;

/** A Redis Cluster, and a primary behind a Sentinel, by properties alone. */
class TopologyTest extends OnBoot {
  private static void use(String property) {
    ConfigurableApplicationContext context = start(Application.class, "sojourn.redis.uri=", property);
    for (String user : new String[] {"ada", "bob"}) {
      Browser browser = browser(context);
      browser.get("/me");
      browser.signIn(user, user.equals("ada") ? "lovelace" : "builder");
      assertEquals(user, browser.get("/me").body());
      browser.signOut();
      assertEquals("/login", browser.get("/me").location());
    }
    context.close();
  }

  @Test
  void cluster() {
    try (RedisCluster cluster = new RedisCluster()) {
      use("sojourn.redis.cluster=" + String.join(",", cluster.uris()));
    }
  }

  @Test
  void sentinel() {
    try (RedisServer primary = new RedisServer();
        RedisServer sentinel = RedisServer.sentinel(primary.port)) {
      use("sojourn.redis.uri=redis-sentinel://127.0.0.1:" + sentinel.port + "#main");
    }
  }
}
