package dev.sojourn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.Set;
import java.util.HashSet;
import org.junit.jupiter.api.Test;

/** A Redis Cluster, and a primary behind Sentinels. */
class TopologyTest {
  @Test
  void cluster() {
    try (RedisCluster cluster = new RedisCluster();
        Sessions sessions =
            Sessions.builder()
                .cluster(cluster.uris())
                .secrets(Nodes.SECRET)
                .commandTimeout(Duration.ofSeconds(5))
                .build()) {
      sessions.ready();
      use(sessions);
      for (RedisServer server : cluster.servers) assertTrue(!server.tell("DBSIZE").startsWith(":0"), "each has some");
    }
  }

  private static void use(Sessions sessions) {
    Set<String> tags = new HashSet<>();
    for (int i = 0; i < 30; i++) {
      Session session = Nodes.stored(sessions, "n", i);
      tags.add(Nodes.id(session).substring(0, 3));
      session.login("user-" + i, LoginOptions.defaults().keep("n").maxSessions(SessionLimit.of(2)));
      session.set("more", true);
      session.commit();
      session.rotate();
      Session there = sessions.open(Nodes.token(session));
      assertEquals((long) i, there.get("n"));
      assertEquals(1, sessions.of(there).list().size());
      there.stepUp(2);
      assertEquals("user-" + i, sessions.open(Nodes.token(there)).principal());
    }
    assertTrue(tags.size() > 20);
    Session other = Nodes.signedIn(sessions, "user-0");
    assertEquals(1, sessions.of(other).revokeOthers());
    assertEquals(1, sessions.of("user-1").revokeAll());
    assertNull(sessions.read(Nodes.id(sessions.create().isNew() ? other : other)) == null ? "" : null);
  }

  @Test
  void sentinel() {
    try (RedisServer primary = new RedisServer("--repl-diskless-sync-delay", "0");
        RedisServer replica = new RedisServer("--replicaof", "127.0.0.1 " + primary.port)) {
      Nodes.eventually(() -> replica.tell("INFO replication").contains("master_link_status:up"));
      try (RedisServer sentinel = RedisServer.sentinel(primary.port);
          Sessions sessions =
              Sessions.builder()
                  .redis("redis-sentinel://127.0.0.1:" + sentinel.port + "#main")
                  .secrets(Nodes.SECRET)
                  .commandTimeout(Duration.ofSeconds(1))
                  .build()) {
        Session session = Nodes.signedIn(sessions, "ada");
        session.set("a", 1);
        session.commit();
        Nodes.eventually(() -> sentinel.tell("SENTINEL REPLICAS main").contains("" + replica.port));
        Nodes.eventually(() -> primary.tell("WAIT 1 1000").startsWith(":1") && !replica.tell("DBSIZE").startsWith(":0"));
        primary.stop();
        Nodes.eventually(
            () -> {
              try {
                sessions.open(Nodes.token(session)).update("a", value -> (long) value + 1);
                return true;
              } catch (StoreUnavailableException | StoreRefusedException passing) {
                return false;
              }
            });
        assertTrue((long) sessions.open(Nodes.token(session)).get("a") >= 2);
        assertEquals(1, sessions.of("ada").revokeAll());
      }
    }
  }
}
