package dev.sojourn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A web node on Node and one on the JVM, with their sessions in one Redis. */
class NodeSessionsTest {
  private RedisServer server;
  private Sessions sessions;
  private final Nodes.Events events = new Nodes.Events();

  @BeforeEach
  void open() {
    server = new RedisServer();
    sessions =
        Sessions.builder()
            .redis(server.uri())
            .secrets(Nodes.SECRET)
            .commandTimeout(Duration.ofSeconds(5))
            .merge("visits", Merges.counter())
            .rotationGrace(Duration.ofMillis(1500))
            .listener(events)
            .build();
  }

  @AfterEach
  void close() {
    sessions.close();
    server.close();
  }

  private NodeProcess node() {
    return new NodeProcess("sessions.mjs", server.uri(), Nodes.SECRET, "{\"rotationGrace\":1500,\"commandTimeout\":5000}");
  }

  private static String token(Map<String, Object> told) {
    return Vectors.text(told, "token");
  }

  @Test
  void thereAndBack() {
    try (NodeProcess node = node()) {
      Map<String, Object> made = node.ask("set", "token", null, "values", Map.of("n", 1, "list", List.of(1, "a", Map.of("x", 0.5))));
      Session session = sessions.open(token(made));
      assertEquals(made.get("id"), session.id());
      assertEquals(List.of(1L, "a", Map.of("x", 0.5)), session.get("list"));
      assertTrue(Math.abs(Vectors.number(made, "expiresAt") - Objects.requireNonNull(session.expiresAt()).toEpochMilli()) < 1000);
      assertEquals(Vectors.number(made, "deadline"), Objects.requireNonNull(session.deadline()).toEpochMilli());
      session.set("n", 2);
      session.set("at", Instant.ofEpochMilli(1_732_440_000_123L));
      session.set("big", BigInteger.ONE.shiftLeft(70));
      session.commit();
      Map<String, Object> back = Vectors.map(node.ask("set", "token", Nodes.token(session), "values", Map.of("m", 3)).get("attributes"));
      assertEquals(2L, back.get("n"));
      assertEquals("1180591620717411303424n", back.get("big"));
      assertEquals("2024-11-24T09:20:00.123Z", back.get("at"));
      session.refresh();
      assertEquals(BigInteger.ONE.shiftLeft(70), session.get("big"));
      assertEquals(3L, session.get("m"));
    }
  }

  @Test
  void ourSessionsThere() {
    Session session = sessions.create();
    session.set("user", Map.of("name", "Zoë 🙂"));
    session.set("n", 1);
    session.commit();
    try (NodeProcess node = node()) {
      Map<String, Object> told = node.ask("open", "token", Nodes.token(session));
      assertEquals(session.id(), told.get("id"));
      assertEquals(Map.of("user", Map.of("name", "Zoë 🙂"), "n", 1L), told.get("attributes"));
      node.ask("logout", "token", Nodes.token(session));
      assertNull(sessions.open(Nodes.token(session)).id());
    }
  }

  @Test
  void nothingIsLostBetweenThem() {
    String token = Nodes.token(Nodes.stored(sessions, "count", 0, "visits", 0));
    try (NodeProcess node = node()) {
      List<Runnable> work = new ArrayList<>();
      work.add(() -> node.ask("count", "token", token, "name", "count", "times", 100));
      work.add(
          () -> {
            for (int i = 0; i < 100; i++) sessions.open(token).update("count", value -> (long) value + 1);
          });
      Nodes.atOnce(work);
      assertEquals(200L, sessions.open(token).get("count"));
      work.clear();
      work.add(() -> node.ask("visit", "token", token, "times", 100));
      work.add(
          () -> {
            for (int i = 0; i < 100; i++) {
              Session session = sessions.open(token);
              session.set("visits", (long) session.get("visits") + 1);
              session.commit();
            }
          });
      Nodes.atOnce(work);
      assertEquals(200L, sessions.open(token).get("visits"));
    }
  }

  @Test
  void loginsListsAndRevocations() {
    try (NodeProcess node = node()) {
      Map<String, @Nullable Object> options = new LinkedHashMap<>();
      options.put("device", "Firefox");
      options.put("kind", "web");
      options.put("address", "192.0.2.1");
      options.put("level", 1);
      options.put("keep", List.of("cart"));
      Session before = Nodes.stored(sessions, "cart", 1, "csrf", 1);
      Map<String, Object> theirs = node.ask("login", "token", Nodes.token(before), "principal", "ada", "options", options);
      assertNull(sessions.open(Nodes.token(before)).id());
      Session session = sessions.open(token(theirs));
      assertEquals("ada", session.principal());
      assertEquals(1, session.level());
      assertEquals(Set.of("cart"), session.names());
      Session ours = sessions.create();
      ours.login("ada", LoginOptions.defaults().device("JVM").kind("mobile").address("192.0.2.2"));
      List<SessionInfo> here = sessions.of("ada").list();
      List<Object> there = Vectors.list(node.ask("list", "principal", "ada").get("sessions"));
      assertEquals(2, here.size());
      for (int i = 0; i < 2; i++) {
        SessionInfo info = here.get(i);
        Map<String, Object> told = Vectors.map(there.get(i));
        assertEquals(told.get("id"), info.id());
        assertEquals(told.get("device"), info.device());
        assertEquals(told.get("kind"), info.kind());
        assertEquals(told.get("address"), info.address());
        assertEquals(Vectors.number(told, "createdAt"), Objects.requireNonNull(info.createdAt()).toEpochMilli());
        assertEquals(Vectors.number(told, "deadline"), Objects.requireNonNull(info.deadline()).toEpochMilli());
        assertTrue(Math.abs(Vectors.number(told, "lastActiveAt") - Objects.requireNonNull(info.lastActiveAt()).toEpochMilli()) < 2000);
      }
      assertEquals(1L, node.ask("revokeAll", "principal", "ada", "except", ours.id()).get("count"));
      assertNull(sessions.open(token(theirs)).id());
      assertEquals(1, sessions.of("ada").revokeAll());
      assertNull(node.ask("open", "token", Nodes.token(ours)).get("id"));
    }
  }

  @Test
  void rotations() {
    try (NodeProcess node = node()) {
      Session session = Nodes.signedIn(sessions, "ada");
      String first = Nodes.token(session);
      session.rotate();
      String second = Nodes.token(session);
      assertEquals(second, node.ask("open", "token", first).get("token"), "our forward there");
      Map<String, Object> rotated = node.ask("rotate", "token", second);
      assertEquals(token(rotated), Nodes.token(sessions.open(second)), "theirs here");
      assertEquals(token(rotated), Nodes.token(sessions.open(first)), "a chain of both");
      // Used here, by its own token: theirs is settled, and is over soon.
      sessions.open(token(rotated));
      Nodes.eventually(() -> sessions.open(second).isNew());
      assertTrue(events.told.contains("reuse ada"), events.told.toString());
      Map<String, Object> again = node.ask("rotate", "token", token(rotated));
      node.ask("open", "token", token(again));
      Nodes.eventually(() -> node.ask("open", "token", token(rotated)).get("id") == null);
      assertFalse(Vectors.list(node.ask("reused").get("reused")).isEmpty());
      Map<String, Object> stepped = node.ask("stepUp", "token", token(again), "level", 2);
      assertNull(sessions.open(token(again)).id());
      Session known = sessions.open(token(stepped));
      assertEquals(2, known.level());
      known.stepUp(3);
      assertNull(node.ask("open", "token", token(stepped)).get("id"));
      assertEquals(3L, node.ask("open", "token", Nodes.token(known)).get("level"));
      assertEquals(true, node.ask("revoke", "id", Vectors.text(again, "id")).get("revoked"), "through their step-up and ours");
      assertNull(sessions.open(Nodes.token(known)).id());
    }
  }

  @Test
  void limitsCountBoth() {
    try (NodeProcess node = node()) {
      Map<String, Object> two = Map.of("maxSessions", Map.of("max", 2, "policy", "reject"));
      Nodes.signedIn(sessions, "ada");
      node.ask("login", "token", null, "principal", "ada", "options", two);
      LoginOptions reject = LoginOptions.defaults().maxSessions(SessionLimit.of(2).policy(SessionLimit.Policy.REJECT));
      assertThrows(SessionLimitException.class, () -> sessions.create().login("ada", reject));
      AssertionError refused =
          assertThrows(AssertionError.class, () -> node.ask("login", "token", null, "principal", "ada", "options", two));
      assertTrue(String.valueOf(refused.getMessage()).contains("ERR_SOJOURN_SESSION_LIMIT"));
    }
  }

  @Test
  void expiredThereAndToldHere() {
    String reliable = "{\"expiry\":\"reliable\",\"idleTimeout\":\"1s\"}";
    Nodes.Events told = new Nodes.Events();
    try (NodeProcess node = new NodeProcess("sessions.mjs", server.uri(), Nodes.SECRET, reliable);
        Sessions telling = Sessions.builder().redis(server.uri()).secrets(Nodes.SECRET).tellExpired().listener(told).build()) {
      telling.ready();
      Map<String, Object> there = node.ask("login", "token", null, "principal", "ada");
      Nodes.eventually(() -> !told.told.isEmpty());
      assertEquals(List.of("expired " + there.get("id") + " ada"), told.told);
    }
  }

  @Test
  void tokenSealed() {
    try (Sessions sealed = Sessions.builder().redis(server.uri()).secrets(Nodes.SECRET).seal(SealMode.TOKEN_SEALED).build();
        NodeProcess node = new NodeProcess("sessions.mjs", server.uri(), Nodes.SECRET, "{\"seal\":\"token\",\"codec\":\"json\"}")) {
      Session session = Nodes.stored(sealed, "a", "b".repeat(1000));
      Map<String, Object> there = node.ask("set", "token", Nodes.token(session), "values", Map.of("c", 1));
      assertEquals(2, Vectors.map(there.get("attributes")).size());
      session.refresh();
      assertEquals(1L, session.get("c"));
      assertNull(sealed.read(Nodes.id(session)));
    }
  }
}
