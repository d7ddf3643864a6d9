package dev.sojourn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Requests at once, on two nodes: nothing is lost, and nothing comes back. */
class ConcurrencyTest extends TwoNodes {
  @Override
  SessionsBuilder options(SessionsBuilder builder) {
    return builder
        .merge("visits", Merges.counter())
        .merge("cart", Merges.union("sku"))
        .merge("settings", Merges.fields())
        .merge("broken", (base, theirs, mine) -> new Object());
  }

  private Sessions node(int number) {
    return number % 2 == 0 ? nodes.one : nodes.two;
  }

  @Test
  void differentAttributesAllCount() {
    String token = Nodes.token(Nodes.stored(nodes.one, "start", 1));
    List<Runnable> requests = new ArrayList<>();
    for (int i = 0; i < 16; i++) {
      Session session = node(i).open(token);
      String name = "a" + i;
      requests.add(
          () -> {
            session.set(name, name);
            session.commit();
          });
    }
    Nodes.atOnce(requests);
    assertEquals(17, nodes.one.open(token).names().size());
  }

  @Test
  void updatesAllCount() {
    String token = Nodes.token(Nodes.stored(nodes.one, "count", 0));
    List<Runnable> requests = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      int number = i;
      requests.add(
          () -> {
            for (int round = 0; round < 50; round++) {
              node(number).open(token).update("count", value -> (long) value + 1);
            }
          });
    }
    Nodes.atOnce(requests);
    assertEquals(400L, nodes.one.open(token).get("count"));
  }

  @Test
  void countersAreMerged() {
    String token = Nodes.token(Nodes.stored(nodes.one, "visits", 0));
    List<Runnable> requests = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      int number = i;
      requests.add(
          () -> {
            for (int round = 0; round < 25; round++) {
              Session session = node(number).open(token);
              session.set("visits", (long) session.get("visits") + 1);
              session.finish();
            }
          });
    }
    Nodes.atOnce(requests);
    assertEquals(200L, nodes.one.open(token).get("visits"));
  }

  private Session[] twoOf(String token) {
    return new Session[] {nodes.one.open(token), nodes.two.open(token)};
  }

  @Test
  void theLaterOneWinsWithoutAMerge() {
    String token = Nodes.token(Nodes.stored(nodes.one, "a", 1, "b", 1));
    Session[] both = twoOf(token);
    both[0].set("a", 2);
    both[0].set("b", 2);
    both[0].commit();
    both[1].set("a", 3);
    both[1].remove("b");
    both[1].commit();
    Session after = nodes.one.open(token);
    assertEquals(3L, after.get("a"));
    assertFalse(after.has("b"), "my deletion stands");
  }

  private static Map<String, Object> item(String sku, int quantity) {
    return Map.of("sku", sku, "quantity", quantity);
  }

  @Test
  void unionsAndFieldsAreMerged() {
    String token = Nodes.token(Nodes.stored(nodes.one, "cart", List.of(item("a", 1), item("b", 1)), "settings", Map.of("x", 1, "y", 1)));
    Session[] both = twoOf(token);
    both[0].set("cart", List.of(item("a", 1), item("b", 2), item("c", 1)));
    both[0].set("settings", Map.of("x", 2, "y", 1));
    both[0].commit();
    both[1].set("cart", List.of(item("b", 1), item("d", 1)));
    both[1].set("settings", Map.of("x", 1, "z", 1));
    both[1].commit();
    Session after = nodes.one.open(token);
    Set<Object> skus = new HashSet<>();
    for (Object item : after.get("cart", List.class)) skus.add(((Map<?, ?>) item).get("sku") + "" + ((Map<?, ?>) item).get("quantity"));
    assertEquals(Set.of("b2", "c1", "d1"), skus);
    assertEquals(Map.of("x", 2L, "z", 1L), after.get("settings"));
  }

  @Test
  void mergesAsOnNode() {
    Merge counter = Merges.counter();
    assertEquals(5L, counter.merge(1L, 3L, 3L));
    assertEquals(2L, counter.merge(null, 1L, 1L));
    assertEquals(1.5, counter.merge(0L, 1L, 0.5));
    assertEquals(java.math.BigInteger.valueOf(3), counter.merge(java.math.BigInteger.ONE, java.math.BigInteger.TWO, java.math.BigInteger.TWO));
    Merge union = Merges.union(item -> item);
    assertEquals(List.of(3L, 4L), union.merge(List.of(1L, 2L), List.of(2L, 3L), List.of(1L, 4L)));
    Map<String, Object> nothing = new LinkedHashMap<>();
    assertEquals(nothing, Merges.fields().merge(Map.of("a", 1L), Map.of("a", 1L), Map.of()));
  }

  @Test
  void whatAMergeMakesIsCheckedToo() {
    String token = Nodes.token(Nodes.stored(nodes.one, "broken", 1));
    Session[] both = twoOf(token);
    both[0].set("broken", 2);
    both[0].commit();
    both[1].set("broken", 3);
    assertThrows(AttributeException.class, both[1]::commit);
    assertEquals(2L, nodes.one.open(token).get("broken"));
  }

  @Test
  void aSlowRequestBringsNothingBack() {
    for (int i = 0; i < 50; i++) {
      Session session = Nodes.stored(nodes.one, "a", 1);
      String token = Nodes.token(session);
      Session slow = nodes.two.open(token);
      slow.set("b", 1);
      List<Runnable> both = List.of(session::logout, slow::commit);
      Nodes.atOnce(both);
      assertNull(nodes.one.open(token).id());
    }
    assertTrue(server.tell("DBSIZE").startsWith(":0"));
  }

  @Test
  void aSlowRequestBringsNoLoginBack() {
    for (int i = 0; i < 50; i++) {
      Session session = Nodes.stored(nodes.one, "a", 1, "kept", 1);
      String token = Nodes.token(session);
      Session slow = nodes.two.open(token);
      slow.set("kept", 2);
      slow.set("b", 1);
      Nodes.atOnce(List.of(() -> session.login("ada", LoginOptions.defaults().keep("kept")), slow::commit));
      assertNull(nodes.one.open(token).id());
      Session signedIn = nodes.two.open(Nodes.token(session));
      assertEquals("ada", signedIn.principal());
      assertEquals(Set.of("kept"), signedIn.names());
      // Acknowledged, so it went along.
      if (!slow.isEnded()) assertEquals(2L, signedIn.get("kept"));
      assertEquals(Session.Cookie.KEEP, slow.cookie());
    }
    assertEquals(50, nodes.one.of("ada").count());
  }

  @Test
  void aWriterThatNeverRestsKeepsNobodyFromSigningIn() {
    String token = Nodes.token(Nodes.stored(nodes.one, "count", 0));
    boolean[] isDone = {false};
    Nodes.atOnce(
        List.of(
            () -> {
              while (!isDone[0]) {
                Session session = nodes.two.open(token);
                if (session.isNew()) break;
                try {
                  session.update("count", value -> (long) value + 1);
                } catch (SessionEndedException ended) {
                  break;
                }
              }
            },
            () -> {
              Session session = nodes.one.open(token);
              session.login("ada", LoginOptions.defaults().keep("count"));
              isDone[0] = true;
            }));
    assertNull(nodes.one.open(token).id());
    assertEquals(1, nodes.one.of("ada").count());
  }

  @Test
  void twoRotationsAtOnceMakeOneSuccessor() {
    for (int i = 0; i < 30; i++) {
      String token = Nodes.token(Nodes.stored(nodes.one, "a", 1));
      Session[] both = twoOf(token);
      both[0].set("b", 1);
      both[1].set("c", 1);
      Nodes.atOnce(List.of(both[0]::rotate, both[1]::rotate));
      assertEquals(Nodes.token(both[0]), Nodes.token(both[1]));
      assertEquals(Set.of("a", "b", "c"), nodes.one.open(token).names());
    }
  }
}
