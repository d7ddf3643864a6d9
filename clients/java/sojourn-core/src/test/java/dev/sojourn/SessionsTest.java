package dev.sojourn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.Test;

class SessionsTest extends TwoNodes {
  @Test
  void storedHereAndKnownThere() {
    Session session = one.create();
    assertTrue(session.isNew() && session.id() == null && session.token() == null);
    session.set("views", 1);
    session.set("cart", List.of(Map.of("sku", "a", "quantity", 2)));
    session.set("bytes", new byte[] {0, -1});
    session.set("at", Instant.ofEpochMilli(1_732_440_000_123L));
    session.set("tags", Set.of("x"));
    session.set("nothing", null);
    session.finish();
    assertEquals(Session.Cookie.SET, session.cookie());
    Session there = two.open(Nodes.token(session));
    assertEquals(session.id(), there.id());
    assertEquals(Session.Cookie.KEEP, there.cookie());
    assertEquals(1L, there.get("views"));
    assertEquals(1, there.get("views", Integer.class));
    assertEquals(1.0, there.get("views", Double.class));
    assertThrows(AttributeException.class, () -> there.get("views", String.class));
    assertEquals(List.of(Map.of("sku", "a", "quantity", 2L)), there.get("cart"));
    assertArrayEquals(new byte[] {0, -1}, there.get("bytes", byte[].class));
    assertEquals(Instant.ofEpochMilli(1_732_440_000_123L), there.get("at"));
    assertEquals(Set.of("x"), there.get("tags"));
    assertTrue(there.has("nothing") && there.get("nothing") == null);
    assertFalse(there.has("absent"));
    assertFalse(there.toString().contains(Nodes.token(there)));
    assertFalse(String.valueOf(there.token()).contains(Nodes.token(there)));
  }

  @Test
  void whatIsNoTokenOpensNothing() {
    String token = Nodes.token(Nodes.stored(one, "a", 1));
    String forged = token.substring(0, 47) + (token.endsWith("A") ? "B" : "A");
    for (String text : List.of("", "x", token.substring(1), token + "A", "+" + token.substring(1), "é".repeat(48), forged)) {
      nodes.events.told.clear();
      assertNull(one.open(text).id());
      assertEquals(List.of(text.equals(forged) ? "rejected FORGED" : "rejected MALFORMED"), nodes.events.told);
    }
  }

  @Test
  void whatIsHandedOutIsACopy() {
    List<Object> list = new ArrayList<>(List.of(1));
    Session session = Nodes.stored(one, "list", list);
    list.add(2);
    session.get("list", List.class).clear();
    assertEquals(List.of(1L), session.get("list"));
    assertFalse(session.isDirty());
    session.set("list", List.of(1));
    assertFalse(session.isDirty(), "the same value");
    session.remove("list");
    session.commit();
    assertFalse(two.open(Nodes.token(session)).has("list"));
  }

  @Test
  void nothingSetNothingStored() {
    Session session = one.create();
    session.finish();
    assertTrue(session.isNew());
    assertEquals(Session.Cookie.KEEP, session.cookie());
    assertTrue(server.tell("DBSIZE").startsWith(":0"));
  }

  @Test
  void everyKeyHasALifetime() {
    Session session = Nodes.signedIn(one, "ada");
    session.set("a", 1);
    session.rotate();
    for (String key : keys()) {
      long ttl = Long.parseLong(server.tell("PTTL " + key).trim().substring(1));
      assertTrue(ttl > 0 && ttl <= Duration.ofHours(12).toMillis(), key + " " + ttl);
    }
    assertEquals(3, keys().size());
  }

  private static List<String> keys() {
    return server.tell("KEYS *").lines().filter(line -> line.startsWith("sj:")).toList();
  }

  @Test
  void redisHoldsNoSecrets() {
    Session session = Nodes.stored(one, "word", "needle");
    String key = keys().get(0);
    assertEquals(-1, key.indexOf(Nodes.token(session).substring(4)));
    assertFalse(server.tell("GET " + key).contains("needle"));
  }

  @Test
  void madeUpTokensAskNothing() {
    Nodes elsewhere = new Nodes(new RedisServerThatIsNone().server);
    assertNull(elsewhere.one.open("x".repeat(48)).id());
    assertNull(elsewhere.one.open(null).id());
    elsewhere.close();
  }

  /** Stopped: whoever asks it fails. */
  private static final class RedisServerThatIsNone {
    final RedisServer server = new RedisServer();

    RedisServerThatIsNone() {
      server.close();
    }
  }

  @Test
  void anotherSecretOpensNothing() {
    String token = Nodes.token(Nodes.stored(one, "a", 1));
    try (Sessions stranger = Sessions.builder().redis(server.uri()).secrets("x".repeat(32)).build()) {
      assertTrue(stranger.open(token).isNew());
    }
    assertEquals(1L, two.open(token).get("a"));
  }

  @Test
  void secretsAreRotated() {
    String token = Nodes.token(Nodes.stored(one, "a", 1));
    String fresh = "the next secret: 0123456789abcdef0123";
    try (Sessions next = Sessions.builder().redis(server.uri()).secrets(fresh, Nodes.SECRET).build();
        Sessions last = Sessions.builder().redis(server.uri()).secrets(fresh).build()) {
      assertNull(last.open(token).get("a"));
      Session session = next.open(token);
      assertEquals(1L, session.get("a"));
      session.rotate();
      assertEquals(1L, last.open(Nodes.token(session)).get("a"));
      // A former token that leads there is of the former secret.
      assertEquals(1L, next.open(token).get("a"));
    }
  }

  @Test
  void sealings() {
    for (SealMode seal : SealMode.values()) {
      for (SessionsBuilder.PayloadCodec codec : SessionsBuilder.PayloadCodec.values()) {
        try (Sessions sessions = Sessions.builder().redis(server.uri()).secrets(Nodes.SECRET).seal(seal).codec(codec).build()) {
          Session session = Nodes.stored(sessions, "text", "all work ".repeat(100));
          session.set("more", 1);
          session.commit();
          session.rotate();
          Session there = two.open(Nodes.token(session));
          assertEquals("all work ".repeat(100), there.get("text"));
          boolean isReadable = two.read(Nodes.id(session)) != null;
          assertEquals(seal != SealMode.TOKEN_SEALED, isReadable);
        }
      }
    }
  }

  @Test
  void tooLargeIsNamed() {
    Session session = Nodes.stored(one, "small", 1);
    session.set("large", "x".repeat(70_000));
    SessionTooLargeException error = assertThrows(SessionTooLargeException.class, session::commit);
    assertEquals("large", error.largest().get(0).attribute());
    assertTrue(two.open(Nodes.token(session)).has("small"));
    assertFalse(two.open(Nodes.token(session)).has("large"));
    session.remove("large");
    session.set("small", 2);
    session.commit();
    assertEquals(2L, two.open(Nodes.token(session)).get("small"));
  }

  @Test
  void logoutIsEverywhere() {
    Session session = Nodes.stored(one, "a", 1);
    String token = Nodes.token(session);
    Session slow = two.open(token);
    session.logout();
    assertEquals(Session.Cookie.CLEAR, session.cookie());
    slow.set("b", 2);
    slow.commit();
    assertTrue(slow.isEnded());
    assertEquals(Session.Cookie.KEEP, slow.cookie(), "the client may have that of a new login");
    assertTrue(nodes.events.told.contains("dropped [b]"), nodes.events.told.toString());
    assertTrue(two.open(token).isNew());
    assertTrue(keys().isEmpty(), "nothing came back");
    assertThrows(SessionEndedException.class, () -> slow.update("a", value -> 1));
    assertThrows(SessionEndedException.class, slow::rotate);
    session.set("again", 1);
    session.commit();
    assertNotEquals(token, Nodes.token(session));
    assertEquals(Session.Cookie.SET, session.cookie());
  }

  @Test
  void lifetimes() {
    Session session = Nodes.stored(one, "a", 1);
    assertTrue(Objects.requireNonNull(session.expiresAt()).isBefore(Instant.now().plusSeconds(1801)));
    session.setLifetime(Duration.ofDays(14), Duration.ofDays(60), true);
    assertTrue(session.isDirty());
    session.commit();
    assertEquals(Session.Cookie.SET, session.cookie());
    Session there = two.open(Nodes.token(session));
    assertTrue(there.isPersistent());
    assertEquals(Duration.ofDays(14), there.idleTimeout());
    assertEquals(Duration.ofDays(60).toMillis(), Duration.between(there.createdAt(), there.deadline()).toMillis());
    there.setIdleTimeout(Duration.ofSeconds(1));
    there.commit();
    long ttl = Long.parseLong(server.tell("PTTL " + keys().get(0)).trim().substring(1));
    assertTrue(ttl > 0 && ttl <= 1000, "" + ttl);
    assertThrows(OptionException.class, () -> there.setIdleTimeout(Duration.ZERO));
    assertThrows(OptionException.class, () -> there.setIdleTimeout(Duration.ofDays(401)));
  }

  @Test
  void aPrincipalsLifetimeIsInTheIndexToo() {
    Session session = Nodes.signedIn(one, "ada");
    String before = Nodes.token(session);
    session.setLifetime(Duration.ofDays(1), Duration.ofDays(2), null);
    session.commit();
    assertNotEquals(before, Nodes.token(session));
    SessionInfo listed = two.of("ada").list().get(0);
    assertEquals(session.deadline(), listed.deadline());
    assertEquals(session.id(), listed.id());
  }

  @Test
  void touchIsDueAfterAPart() {
    Session session = Nodes.stored(one, "a", 1);
    Session there = two.open(Nodes.token(session));
    Instant end = Objects.requireNonNull(there.expiresAt());
    there.finish();
    assertEquals(end, there.expiresAt(), "nothing to gain yet");
    nodes.pass(Duration.ofMinutes(29));
    server.tell("PEXPIRE " + keys().get(0) + " 60000");
    Session later = two.open(Nodes.token(session));
    later.finish();
    assertTrue(Long.parseLong(server.tell("PTTL " + keys().get(0)).trim().substring(1)) > 1_700_000);
    assertTrue(Objects.requireNonNull(later.expiresAt()).isAfter(Instant.now().plusSeconds(1700)));
  }

  @Test
  void theDeadlinePassesWhateverTheTtl() {
    Session session = Nodes.stored(one, "a", 1);
    nodes.pass(Duration.ofHours(13));
    assertTrue(two.open(Nodes.token(session)).isNew());
    session.set("a", 2);
    session.commit();
    assertTrue(session.isEnded());
    assertTrue(keys().isEmpty());
  }

  @Test
  void dataIsMigrated() {
    Session old = Nodes.stored(one, "name", "Ada");
    try (Sessions next =
            Sessions.builder()
                .redis(server.uri())
                .secrets(Nodes.SECRET)
                .version(2)
                .migrate(1, data -> Map.of("user", Map.of("name", Objects.requireNonNull(data.get("name")))))
                .build();
        Sessions later = Sessions.builder().redis(server.uri()).secrets(Nodes.SECRET).version(3).build()) {
      Session session = next.open(Nodes.token(old));
      assertEquals(Map.of("name", "Ada"), session.get("user"));
      assertTrue(later.open(Nodes.token(old)).isNew(), "no step leads there");
      session.set("a", 1);
      session.commit();
      // A node of before reads what there is, and keeps the version.
      Session before = one.open(Nodes.token(old));
      before.set("b", 2);
      before.commit();
      assertEquals(Map.of("name", "Ada"), next.open(Nodes.token(old)).get("user"));
    }
  }

  @Test
  void reservedTokens() {
    Session session = one.create();
    String reserved = session.reserveToken().value();
    session.set("a", 1);
    session.commit();
    assertEquals(reserved, Nodes.token(session));
  }

  @Test
  void optionsAreCheckedAtOnce() {
    SessionsBuilder builder = Sessions.builder();
    assertOption("secrets[0]", () -> builder.secrets("short"));
    assertOption("secrets[1]", () -> builder.secrets("x".repeat(32), "x".repeat(32)));
    assertOption("secrets[0]", () -> builder.secrets((String) null));
    assertOption("prefix", () -> builder.prefix("a b"));
    assertOption("idleTimeout", () -> builder.idleTimeout(Duration.ZERO));
    assertOption("absoluteTimeout", () -> builder.absoluteTimeout(Duration.ofDays(401)));
    assertOption("touchAfter", () -> builder.touchAfter(Double.NaN));
    assertOption("maxBytes", () -> builder.maxBytes(1));
    assertOption("redis", () -> builder.redis("http://x"));
    assertOption("redis", builder::build);
    assertOption("maxSessions", () -> SessionLimit.of(0));
    assertOption("maxSessions.kinds.web", () -> SessionLimit.of(2).kind("web", 3));
    builder.redis("redis://127.0.0.1:1");
    assertOption("secrets", builder::build);
    builder.secrets("x".repeat(32));
    assertOption("idleTimeout", () -> builder.idleTimeout(Duration.ofDays(1)).build());
    builder.idleTimeout(Duration.ofMinutes(1));
    assertOption("rotationPatience", () -> builder.rotationPatience(Duration.ofSeconds(1)).build());
    builder.rotationPatience(Duration.ofMinutes(1));
    builder.build().close();
  }

  private static void assertOption(String option, org.junit.jupiter.api.function.Executable work) {
    OptionException error = assertThrows(OptionException.class, work);
    assertEquals(option, error.option());
    assertEquals("ERR_SOJOURN_OPTION", error.code());
  }
}
