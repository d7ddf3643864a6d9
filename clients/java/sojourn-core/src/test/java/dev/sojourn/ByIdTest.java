package dev.sojourn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Sessions by their public ids, without their tokens. */
class ByIdTest extends TwoNodes {
  @Test
  void readByPublicId() {
    Session session = Nodes.signedIn(one, "ada");
    session.set("a", 1);
    session.commit();
    String before = Nodes.id(session);
    session.rotate();
    StoredSession stored = Objects.requireNonNull(two.read(before));
    assertEquals(session.id(), stored.id());
    assertEquals("ada", stored.principal());
    assertEquals(Map.of("a", 1L), stored.attributes());
    assertNull(two.read("x"));
    assertNull(two.read("*".repeat(25)));
  }

  @Test
  void updatedByPublicId() {
    Session session = Nodes.signedIn(one, "ada");
    session.set("a", 1);
    session.commit();
    String before = Nodes.id(session);
    session.rotate();
    assertTrue(
        two.update(
            before,
            attributes -> {
              attributes.put("b", List.of(attributes.get("a"), 2));
              attributes.remove("a");
            }));
    session.refresh();
    assertEquals(List.of(1L, 2L), session.get("b"));
    assertFalse(session.has("a"));
    assertEquals("ada", session.principal());
    assertThrows(AttributeException.class, () -> two.update(before, attributes -> attributes.put("c", new Object())));
  }

  @Test
  void itIsNoActivity() {
    Session session = Nodes.stored(one, "a", 1);
    String key = "sj:{" + Nodes.id(session).substring(0, 3) + "}:s:" + Nodes.id(session).substring(3);
    assertEquals(":1\r\n", server.tell("PEXPIRE " + key + " 60000"));
    assertTrue(two.update(Nodes.id(session), attributes -> attributes.put("a", 2)));
    assertTrue(Long.parseLong(server.tell("PTTL " + key).trim().substring(1)) <= 60_000);
    assertTrue(two.touch(Nodes.id(session)));
    assertTrue(Long.parseLong(server.tell("PTTL " + key).trim().substring(1)) > 1_700_000);
    assertTrue(two.touch(Nodes.id(session)), "not due, and there");
    session.logout();
    assertFalse(two.touch("x".repeat(25)));
  }

  @Test
  void whatHasEndedStaysSo() {
    Session session = Nodes.stored(one, "a", 1);
    String id = Nodes.id(session);
    session.logout();
    assertFalse(two.update(id, attributes -> attributes.put("a", 2)));
    assertFalse(two.update("x", attributes -> attributes.put("a", 2)));
    assertTrue(one.open(null).isNew() && server.tell("DBSIZE").startsWith(":0"));
  }

  @Test
  void noneIsLost() {
    Session session = Nodes.stored(one, "n", 0);
    List<Runnable> work = new ArrayList<>();
    for (Sessions node : List.of(one, two)) {
      work.add(
          () ->
              IntStream.range(0, 50)
                  .forEach(i -> node.update(Nodes.id(session), all -> all.put("n", (long) Objects.requireNonNull(all.get("n")) + 1))));
    }
    Nodes.atOnce(work);
    session.refresh();
    assertEquals(100L, session.get("n"));
  }

  @Test
  void theTokenAloneOpensSome() {
    use(new Nodes(server, builder -> builder.seal(SealMode.TOKEN_SEALED)));
    Session session = Nodes.stored(one, "a", 1);
    assertFalse(two.update(Nodes.id(session), attributes -> attributes.put("a", 2)));
    assertNull(two.read(Nodes.id(session)));
  }

  @Test
  void theIdOfAToken() {
    Session session = Nodes.stored(one, "a", 1);
    assertEquals(session.id(), two.idOf(Nodes.token(session)));
    assertNotNull(two.idOf(Nodes.token(session)));
    assertNull(two.idOf(null));
    assertNull(two.idOf(session.id()), "a public id is no token");
    assertNull(two.idOf("x".repeat(Token.LENGTH)));
  }
}
