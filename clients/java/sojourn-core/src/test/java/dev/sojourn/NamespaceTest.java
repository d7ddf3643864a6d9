package dev.sojourn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Attributes that belong to one framework: its own nodes set them, all others keep them. */
class NamespaceTest extends TwoNodes {
  private Sessions spring;
  private Session mine;

  @BeforeEach
  void openSpring() {
    // Node one is an application's.
    use(new Nodes(server, builder -> builder.namespace("spring")));
    spring = one;
    one = builder().build();
    Sessions django = builder().namespace("django").build();
    Session session = Nodes.stored(django, "views", 1, "django:_auth_user_id", "7");
    mine = spring.open(Nodes.token(session));
    mine.set("spring:CONTEXT", "ada");
    mine.commit();
    django.close();
  }

  private static SessionsBuilder builder() {
    return Sessions.builder().redis(server.uri()).secrets(Nodes.SECRET).commandTimeout(Duration.ofSeconds(5));
  }

  @Override
  @AfterEach
  void close() {
    one.close();
    super.close();
  }

  private Map<String, Object> stored(Session session) {
    try (Sessions django = builder().namespace("django").build()) {
      Map<String, Object> all = new java.util.TreeMap<>();
      for (Sessions each : new Sessions[] {spring, django}) {
        all.putAll(Objects.requireNonNull(each.read(Nodes.id(session))).attributes());
      }
      return all;
    }
  }

  @Test
  void whatALoginIsToHoldFromTheBeginning() {
    mine.login("ada", LoginOptions.defaults().keep("spring:CONTEXT"));
    mine.login("bob", LoginOptions.defaults().with("spring:CONTEXT", "bob").with("n", 1));
    assertEquals(Map.of("spring:CONTEXT", "bob", "n", 1L), stored(mine));
    assertFalse(mine.isDirty());
    assertThrows(AttributeException.class, () -> mine.login("eve", LoginOptions.defaults().with("django:x", 1)));
    assertThrows(AttributeException.class, () -> LoginOptions.defaults().with("n", new Object()));
    assertEquals("bob", mine.principal());
    assertEquals(0, one.of("eve").count());
    // Over what goes along, also where another request has changed that meanwhile.
    Session session = Nodes.stored(one, "n", 1, "kept", 1);
    Session other = one.open(Nodes.token(session));
    other.set("n", 5);
    other.set("kept", 2);
    other.commit();
    session.login("ada", LoginOptions.defaults().keepAll().with("n", 3));
    assertEquals(Map.of("n", 3L, "kept", 2L), stored(session));
  }

  @Test
  void othersAreNotShown() {
    assertEquals(Set.of("views", "spring:CONTEXT"), mine.names());
    Session plain = one.open(Nodes.token(mine));
    assertEquals(Set.of("views"), plain.names());
    assertEquals(Map.of("views", 1L), Objects.requireNonNull(one.read(Nodes.id(mine))).attributes());
    assertFalse(plain.toString().contains("CONTEXT"));
  }

  @Test
  void othersAreRefused() {
    Session plain = one.open(Nodes.token(mine));
    AttributeException error = assertThrows(AttributeException.class, () -> plain.set("spring:CONTEXT", "eve"));
    assertTrue(error.getMessage().contains("spring"), error.getMessage());
    assertThrows(AttributeException.class, () -> plain.remove("spring:CONTEXT"));
    assertThrows(AttributeException.class, () -> plain.update("django:x", value -> 1));
    assertThrows(AttributeException.class, () -> mine.set("django:x", 1));
    assertThrows(AttributeException.class, () -> one.update(Nodes.id(mine), attributes -> attributes.put("django:x", 1)));
    // A colon alone makes no framework of it.
    plain.set("theme:dark", true);
    plain.set("springs", true);
    plain.commit();
  }

  @Test
  void othersAreKept() {
    Session plain = one.open(Nodes.token(mine));
    plain.clear();
    plain.set("a", 1);
    plain.rotate();
    assertTrue(one.update(Nodes.id(plain), attributes -> attributes.clear()));
    assertEquals(Map.of("django:_auth_user_id", "7", "spring:CONTEXT", "ada"), stored(plain));
  }

  @Test
  void othersOutliveMigrations() {
    try (Sessions next = builder().version(2).migrate(1, data -> Map.of("count", data.size())).build()) {
      Session session = next.open(Nodes.token(mine));
      assertEquals(1L, session.get("count"));
      session.set("b", 1);
      session.commit();
      assertEquals("7", stored(session).get("django:_auth_user_id"));
    }
  }

  @Test
  void oneUsersAreNotTheNextOnes() {
    mine.login("ada", LoginOptions.defaults().keepAll());
    assertEquals("ada", mine.get("spring:CONTEXT"), "nobody's go along, if that is said");
    mine.login("ada", LoginOptions.defaults().keepAll());
    assertEquals("ada", mine.get("spring:CONTEXT"));
    mine.login("bob", LoginOptions.defaults().keepAll());
    assertEquals(Map.of("views", 1L), stored(mine));
    mine.set("spring:CONTEXT", "bob");
    mine.login("ada", LoginOptions.defaults().keep("views", "spring:CONTEXT"));
    assertEquals(Map.of("views", 1L), stored(mine));
  }

  @Test
  void othersDoNotGoAlongALogin() {
    Session plain = one.open(Nodes.token(mine));
    plain.login("ada", LoginOptions.defaults().keepAll());
    assertEquals(Map.of("views", 1L), stored(plain), "from nobody's session");
    try (Sessions django = builder().namespace("django").build()) {
      for (LoginOptions options : new LoginOptions[] {LoginOptions.defaults().keepAll(), LoginOptions.defaults().keep("views", "spring:A", "django:a")}) {
        Session theirs = django.open(Nodes.token(plain));
        theirs.set("django:a", 1);
        theirs.commit();
        Session again = spring.open(Nodes.token(theirs));
        again.set("spring:A", 1);
        again.login("ada", options);
        assertEquals(Map.of("views", 1L, "spring:A", 1L), stored(again), "the same principal's");
        plain = again;
      }
    }
  }

  @Test
  void namesThatAreNone() {
    OptionException error = assertThrows(OptionException.class, () -> Sessions.builder().namespace("rails"));
    assertEquals("namespace", error.option());
  }
}
