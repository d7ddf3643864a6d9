package dev.sojourn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class RotationTest extends TwoNodes {
  /** Of the forward at this token's id. */
  private Trail forward(String token) {
    Keyring keyring = Keyring.of(List.of(Bytes.utf8(Nodes.SECRET)));
    Token from = Objects.requireNonNull(Token.parse(keyring, token));
    RedisEngine.Stored stored = Objects.requireNonNull(one.engine().load(from.id()));
    return Trail.read(keyring, from, stored.record());
  }

  @Test
  void theFormerTokenLeadsToTheSuccessor() {
    Session session = Nodes.stored(one, "a", 1);
    String former = Nodes.token(session);
    session.set("b", 2);
    session.rotate();
    assertNotEquals(former, Nodes.token(session));
    Session late = two.open(former);
    assertEquals(session.id(), late.id());
    assertEquals(2L, late.get("b"));
    assertEquals(Session.Cookie.SET, late.cookie());
    assertEquals(Nodes.token(session), Nodes.token(late));
    // New to this client already: no second successor.
    late.rotate();
    assertEquals(Nodes.token(session), Nodes.token(late));
    assertFalse(forward(former).isUsed(), "a request by a former token does not settle");
  }

  @Test
  void theGraceEndsWithTheFirstUse() {
    Session session = Nodes.signedIn(one, "ada");
    String former = Nodes.token(session);
    session.rotate();
    nodes.pass(Duration.ofMinutes(4));
    assertEquals(session.id(), two.open(former).id(), "patience");
    two.open(Nodes.token(session));
    Nodes.eventually(() -> forward(former).isUsed());
    nodes.pass(Duration.ofSeconds(9));
    assertEquals(session.id(), two.open(former).id(), "grace");
    nodes.pass(Duration.ofSeconds(2));
    Session reuse = two.open(former);
    assertNull(reuse.id());
    assertEquals(Session.Cookie.KEEP, reuse.cookie());
    assertTrue(nodes.events.told.contains("reuse ada"), nodes.events.told.toString());
    assertEquals("ada", one.open(Nodes.token(session)).principal(), "the session stays");
    nodes.events.told.clear();
    two.open(former);
    assertFalse(nodes.events.told.contains("reuse ada"), "told once");
  }

  @Test
  void unusedItIsNoReuse() {
    Session session = Nodes.stored(one, "a", 1);
    String former = Nodes.token(session);
    session.rotate();
    nodes.pass(Duration.ofMinutes(6));
    assertNull(two.open(former).id());
    assertEquals(List.of("rejected ABSENT"), nodes.events.told);
  }

  @Test
  void reuseMayEndTheSession() {
    use(new Nodes(server, SessionsBuilder::endReused));
    Session session = Nodes.signedIn(one, "ada");
    String former = Nodes.token(session);
    session.rotate();
    two.open(Nodes.token(session));
    Nodes.eventually(() -> forward(former).isUsed());
    nodes.pass(Duration.ofSeconds(11));
    assertNull(two.open(former).id());
    assertNull(one.open(Nodes.token(session)).id());
    assertEquals(0, one.of("ada").count());
  }

  @Test
  void chainsAreFollowed() {
    Session session = Nodes.stored(one, "a", 1);
    String first = Nodes.token(session);
    for (int i = 0; i < 10; i++) session.rotate();
    assertEquals(session.id(), two.open(first).id());
    Session slow = two.open(first);
    slow.set("b", 1);
    slow.commit();
    assertEquals(1L, one.open(Nodes.token(session)).get("b"));
    two.open(first).logout();
    assertNull(one.open(Nodes.token(session)).id());
  }

  @Test
  void aRequestThatWasLetInGoesOnAndIsNotToldTheToken() {
    Session session = Nodes.stored(one, "a", 1);
    Session slow = two.open(Nodes.token(session));
    session.rotate();
    nodes.pass(Duration.ofMinutes(6));
    slow.set("b", 1);
    slow.commit();
    assertFalse(slow.isEnded());
    assertNull(slow.token());
    assertEquals(Session.Cookie.KEEP, slow.cookie());
    assertEquals(1L, one.open(Nodes.token(session)).get("b"));
  }

  @Test
  void signOutFollows() {
    Session session = Nodes.signedIn(one, "ada");
    Session slow = two.open(Nodes.token(session));
    session.rotate();
    slow.logout();
    assertNull(one.open(Nodes.token(session)).id());
    assertEquals(0, two.of("ada").count());
  }

  @Test
  void stepUpRefusesTheFormerTokenAtOnce() {
    Session session = one.create();
    session.login("ada", LoginOptions.defaults().level(1));
    String former = Nodes.token(session);
    String formerId = Nodes.id(session);
    session.set("a", 1);
    session.stepUp(2);
    Session there = two.open(Nodes.token(session));
    assertEquals(2, there.level());
    assertEquals("ada", there.principal());
    assertEquals(1L, there.get("a"));
    Session late = two.open(former);
    assertNull(late.id());
    late.set("x", 1);
    late.commit();
    assertTrue(late.isNew() && late.isEnded());
    assertEquals(Session.Cookie.KEEP, late.cookie());
    // It is the same session that goes on: by its former id it is reached.
    assertTrue(two.revoke(formerId));
    assertNull(one.open(Nodes.token(session)).id());
    assertThrows(NotSignedInException.class, () -> Nodes.stored(one, "a", 1).stepUp(2));
    assertThrows(OptionException.class, () -> session.stepUp(256));
  }

  @Test
  void aSignOutReachesThroughAStepUp() {
    Session session = Nodes.signedIn(one, "ada");
    Session slow = two.open(Nodes.token(session));
    session.stepUp(2);
    slow.logout();
    assertNull(one.open(Nodes.token(session)).id());
  }

  @Test
  void rotatedByItself() {
    use(new Nodes(server, builder -> builder.rotateEvery(Duration.ofMinutes(15))));
    Session session = Nodes.stored(one, "a", 1);
    String token = Nodes.token(session);
    Session young = two.open(token);
    young.finish();
    assertEquals(token, Nodes.token(young));
    nodes.pass(Duration.ofMinutes(16));
    Session old = two.open(token);
    old.finish();
    assertNotEquals(token, Nodes.token(old));
    assertEquals(Session.Cookie.SET, old.cookie());
    Session again = two.open(Nodes.token(old));
    again.finish();
    assertEquals(Nodes.token(old), Nodes.token(again));
  }

  @Test
  void laterIsWithTheNextCommit() {
    Session session = Nodes.stored(one, "a", 1);
    String before = Nodes.token(session);
    session.rotateLater();
    String id = session.rotateLater();
    assertTrue(session.isDirty());
    assertEquals(before, Nodes.token(session), "nothing is stored yet");
    assertEquals(id, session.reserveToken().id());
    session.set("a", 2);
    session.finish();
    assertEquals(id, session.id());
    assertEquals(Session.Cookie.SET, session.cookie());
    assertEquals(2L, two.open(before).get("a"), "the former one leads on");
    assertTrue(server.tell("DBSIZE").startsWith(":2"), "one rotation");
    session.finish();
    assertEquals(id, session.id());
  }

  @Test
  void laterOfTwoAtOnceIsOne() {
    String token = Nodes.token(Nodes.stored(one, "a", 1));
    Session first = one.open(token);
    Session second = two.open(token);
    first.rotateLater();
    second.rotateLater();
    second.set("b", 2);
    first.commit();
    second.commit();
    assertEquals(first.id(), second.id());
    assertEquals(2L, one.open(Nodes.token(first)).get("b"));
  }

  @Test
  void laterOfWhatIsNotStored() {
    Session session = one.create();
    String first = session.reserveToken().id();
    String second = session.rotateLater();
    assertNotEquals(first, second);
    session.set("a", 1);
    session.commit();
    assertEquals(second, session.id());
    assertTrue(server.tell("DBSIZE").startsWith(":1"));
  }

  @Test
  void laterComesToNothingWithALogin() {
    Session session = Nodes.stored(one, "a", 1);
    session.rotateLater();
    session.login("ada");
    String id = session.id();
    session.finish();
    assertEquals(id, session.id());
    session.rotateLater();
    session.logout();
    session.finish();
    assertTrue(session.isNew());
    assertThrows(SessionEndedException.class, () -> ended().rotateLater());
  }

  private Session ended() {
    Session session = Nodes.stored(one, "a", 1);
    two.revoke(Nodes.id(session));
    session.refresh();
    return session;
  }
}
