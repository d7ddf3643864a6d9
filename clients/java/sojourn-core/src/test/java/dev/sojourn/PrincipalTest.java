package dev.sojourn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** Logins, limits, lists and revocations. */
class PrincipalTest extends TwoNodes {
  @Test
  void loginMakesANewToken() {
    Session session = Nodes.stored(one, "cart", 1, "csrf", 2);
    String before = Nodes.token(session);
    session.set("cart", 3);
    session.login("ada", LoginOptions.defaults().keep("cart").device("Firefox").address("192.0.2.1").kind("web").level(1).persistent(true));
    assertNotEquals(before, Nodes.token(session));
    assertEquals(Session.Cookie.SET, session.cookie());
    Session there = two.open(Nodes.token(session));
    assertEquals("ada", there.principal());
    assertEquals(Set.of("cart"), there.names());
    assertEquals(3L, there.get("cart"));
    assertEquals(1, there.level());
    assertEquals("Firefox", there.device());
    assertTrue(there.isPersistent());
    assertTrue(Duration.between(there.authenticatedAt(), java.time.Instant.now()).abs().toSeconds() < 5);
    Session late = two.open(before);
    assertNull(late.id());
    late.set("x", 1);
    late.finish();
    assertEquals(Session.Cookie.KEEP, late.cookie(), "it would overwrite the login's");
    assertNull(late.id());
    assertThrows(AttributeException.class, () -> session.login(""));
    assertThrows(AttributeException.class, () -> session.login("x".repeat(1025)));
    assertThrows(OptionException.class, () -> session.login("ada", LoginOptions.defaults().idleTimeout(Duration.ofDays(2))));
  }

  @Test
  void lists() {
    Session first = Nodes.signedIn(one, "ada");
    Session second = one.create();
    second.login("ada", LoginOptions.defaults().device("phone").kind("mobile").address("192.0.2.2"));
    Nodes.signedIn(one, "bob");
    List<SessionInfo> sessions = two.of(second).list();
    assertEquals(2, sessions.size());
    assertEquals(first.id(), sessions.get(0).id());
    SessionInfo info = sessions.get(1);
    assertTrue(info.current() && !sessions.get(0).current());
    assertEquals("phone", info.device());
    assertEquals("mobile", info.kind());
    assertEquals("192.0.2.2", info.address());
    assertEquals(second.createdAt(), info.createdAt());
    assertEquals(second.deadline(), info.deadline());
    assertTrue(Duration.between(info.lastActiveAt(), info.createdAt()).abs().toSeconds() < 5);
    assertEquals(List.of(), two.of("nobody").list());
    assertThrows(NotSignedInException.class, () -> two.of(one.create()));
  }

  @Test
  void revokedEverywhere() {
    Session first = Nodes.signedIn(one, "ada");
    Session second = Nodes.signedIn(one, "ada");
    Session third = Nodes.signedIn(two, "ada");
    Session other = Nodes.signedIn(two, "bob");
    assertFalse(two.of("bob").revoke(Nodes.id(first)), "another's");
    assertTrue(two.of("ada").revoke(Nodes.id(first)));
    assertFalse(two.of("ada").revoke(Nodes.id(first)));
    assertNull(one.open(Nodes.token(first)).id());
    String formerId = Nodes.id(third);
    third.rotate();
    assertEquals(1, two.of("ada").revokeAll(formerId), "spared by its id of before the rotation");
    assertNull(one.open(Nodes.token(second)).id());
    assertEquals("ada", one.open(Nodes.token(third)).principal());
    assertEquals(0, two.of(third).revokeOthers());
    assertEquals(1, two.of("ada").revokeAll());
    assertNull(one.open(Nodes.token(third)).id());
    assertEquals("bob", one.open(Nodes.token(other)).principal());
    second.set("x", 1);
    second.commit();
    assertTrue(second.isEnded());
    assertEquals(0, two.of("ada").count());
    assertFalse(two.revoke("no id"));
  }

  @Test
  void revokedByAFormerId() {
    Session session = Nodes.signedIn(one, "ada");
    String first = Nodes.id(session);
    session.rotate();
    session.rotate();
    assertTrue(two.revoke(first));
    assertNull(one.open(Nodes.token(session)).id());
    assertEquals(0, one.of("ada").count());
  }

  @Test
  void theOldestMakesRoom() {
    LoginOptions three = LoginOptions.defaults().maxSessions(SessionLimit.of(3));
    List<Session> sessions = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      Session session = one.create();
      session.login("ada", three);
      nodes.pass(Duration.ofSeconds(1));
      sessions.add(session);
    }
    assertEquals(3, two.of("ada").count());
    assertNull(two.open(Nodes.token(sessions.get(0))).id());
    assertTrue(nodes.events.told.contains("evicted ada"));
    // One that this login replaces does not count.
    sessions.get(1).login("ada", three);
    assertEquals(3, two.of("ada").count());
    assertEquals("ada", two.open(Nodes.token(sessions.get(2))).principal());
  }

  @Test
  void limitsMayRefuse() {
    SessionLimit limit = SessionLimit.of(2).kind("mobile", 1).policy(SessionLimit.Policy.REJECT);
    LoginOptions mobile = LoginOptions.defaults().maxSessions(limit).kind("mobile");
    LoginOptions web = LoginOptions.defaults().maxSessions(limit).kind("web");
    Session first = one.create();
    first.login("ada", mobile);
    Session second = Nodes.stored(one, "a", 1);
    SessionLimitException error = assertThrows(SessionLimitException.class, () -> second.login("ada", mobile));
    assertEquals("mobile", error.kind());
    assertEquals(1, error.max());
    assertEquals(1L, two.open(Nodes.token(second)).get("a"), "as it was");
    second.login("ada", web);
    error = assertThrows(SessionLimitException.class, () -> one.create().login("ada", web));
    assertNull(error.kind());
    first.logout();
    one.create().login("ada", web);
    assertEquals(2, two.of("ada").count());
  }

  @Test
  void theLongestUnusedMakesRoom() {
    LoginOptions two2 = LoginOptions.defaults().maxSessions(SessionLimit.of(2).policy(SessionLimit.Policy.EVICT_IDLE));
    Session first = one.create();
    first.login("ada", two2);
    Session second = one.create();
    second.login("ada", two2);
    server.tell("PEXPIRE sj:{" + Nodes.id(second).substring(0, 3) + "}:s:" + Nodes.id(second).substring(3) + " 60000");
    one.create().login("ada", two2);
    assertNull(two.open(Nodes.token(second)).id());
    assertEquals("ada", two.open(Nodes.token(first)).principal());
  }

  @Test
  void exactHoweverManyLoginsComeAtOnce() {
    LoginOptions three = LoginOptions.defaults().maxSessions(SessionLimit.of(3).policy(SessionLimit.Policy.REJECT));
    AtomicInteger refused = new AtomicInteger();
    List<Runnable> logins = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      Sessions node = i % 2 == 0 ? one : two;
      logins.add(
          () -> {
            try {
              node.create().login("ada", three);
            } catch (SessionLimitException error) {
              refused.incrementAndGet();
            }
          });
    }
    Nodes.atOnce(logins);
    assertEquals(9, refused.get());
    assertEquals(3, one.of("ada").count());
  }

  @Test
  void aCrowdedIndexIsBroughtDown() {
    for (int i = 0; i < 1_510; i++) Nodes.signedIn(i % 2 == 0 ? one : two, "ada");
    assertEquals(1_510, one.of("ada").list().size());
    LoginOptions reject = LoginOptions.defaults().maxSessions(SessionLimit.of(5).policy(SessionLimit.Policy.REJECT));
    assertThrows(SessionLimitException.class, () -> one.create().login("ada", reject));
    Session last = one.create();
    last.login("ada", LoginOptions.defaults().maxSessions(SessionLimit.of(5)));
    assertEquals(5, two.of("ada").count());
    assertEquals("ada", two.open(Nodes.token(last)).principal());
    assertEquals(5, two.of("ada").revokeAll());
  }

  @Test
  void aPepperNamesThemOtherwise() {
    try (Sessions peppered =
        Sessions.builder().redis(server.uri()).secrets(Nodes.SECRET).pepper(Bytes.utf8("a pepper")).build()) {
      Nodes.signedIn(peppered, "ada");
      assertEquals(0, one.of("ada").count());
      assertEquals(1, peppered.of("ada").count());
    }
  }

  @Test
  void aRevocationDuringALoginIsTold() {
    // A merge runs between the two writes of a login, where another has changed what goes along.
    Merge revoking =
        (base, theirs, mine) -> {
          one.of("ada").revokeAll();
          return "merged";
        };
    try (Sessions third = Sessions.builder().redis(server.uri()).secrets(Nodes.SECRET).merge("kept", revoking).build()) {
      Session before = Nodes.stored(one, "kept", 1);
      Session session = third.open(Nodes.token(before));
      before.set("kept", 2);
      before.commit();
      session.set("kept", 3);
      LoginOptions keeping = LoginOptions.defaults().keep("kept");
      assertThrows(SessionEndedException.class, () -> session.login("ada", keeping));
      assertTrue(session.isEnded());
      assertEquals(0, one.of("ada").count());
      assertNull(one.open(Nodes.token(before)).id(), "the former one is ended all the same");
    }
  }

  @Test
  void whatHasEndedElsewhereGoesAlongWithNoLogin() {
    Session session = Nodes.stored(one, "kept", 1, "mine", 1);
    Session slow = two.open(Nodes.token(session));
    slow.set("mine", 2);
    session.logout();
    slow.login("ada", LoginOptions.defaults().keep("kept", "mine"));
    Session there = one.open(Nodes.token(slow));
    assertEquals(Set.of("mine"), there.names(), "only what this request has set itself");
    assertEquals(2L, there.get("mine"));
  }

  @Test
  void aListenerThatThrowsIsNoFailure() {
    List<String> told = new ArrayList<>();
    SessionListener throwing =
        new SessionListener() {
          @Override
          public void evicted(String id, String principal, String by) {
            throw new IllegalStateException("a fault of the application");
          }

          @Override
          public void error(String operation, Throwable error) {
            told.add(operation);
            throw new IllegalStateException("once more");
          }
        };
    try (Sessions third = Sessions.builder().redis(server.uri()).secrets(Nodes.SECRET).listener(throwing).build()) {
      LoginOptions single = LoginOptions.defaults().maxSessions(SessionLimit.of(1));
      third.create().login("ada", single);
      Session session = third.create();
      session.login("ada", single);
      assertEquals("ada", session.principal());
      assertEquals(List.of("listener"), told);
    }
  }

  @Test
  void allMayGoAlong() {
    Session session = Nodes.stored(one, "a", 1, "b", 1);
    session.login("ada", LoginOptions.defaults().keepAll());
    assertEquals(Set.of("a", "b"), two.open(Nodes.token(session)).names());
  }

  @Test
  void whoHasSignedOutElsewhereIsNobody() {
    Session session = Nodes.signedIn(one, "ada");
    Session same = two.open(Nodes.token(session));
    session.logout();
    same.refresh();
    assertTrue(same.isEnded());
    assertNull(same.principal());
    assertEquals(Session.Cookie.KEEP, same.cookie(), "the client may have that of a new login");
    same.login("bob");
    assertEquals("bob", one.open(Nodes.token(same)).principal());
  }
}
