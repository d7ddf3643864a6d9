package dev.sojourn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class FailureTest {
  private RedisServer server;
  private Proxy proxy;
  private Sessions sessions;
  private Sessions direct;

  /** So that what is lost is the answer of the script, and not that it is unknown. */
  private void knowScripts() {
    Session session = Nodes.signedIn(direct, "warm");
    session.set("a", 1);
    session.commit();
    session.rotate();
    session.logout();
    server.tell("FLUSHALL");
  }

  @BeforeEach
  void open() {
    server = new RedisServer("--enable-debug-command", "yes");
    proxy = new Proxy(server.port);
    sessions = of(proxy.uri());
    direct = of(server.uri());
    knowScripts();
  }

  private static Sessions of(String uri) {
    return Sessions.builder()
        .redis(uri)
        .secrets(Nodes.SECRET)
        .commandTimeout(Duration.ofSeconds(1))
        .merge("visits", Merges.counter())
        .build();
  }

  @AfterEach
  void close() {
    sessions.close();
    direct.close();
    proxy.close();
    server.close();
  }

  private void assertLost(Runnable work) {
    proxy.loseNextAnswerForGood();
    StoreUnavailableException error = assertThrows(StoreUnavailableException.class, work::run);
    proxy.resume();
    assertTrue(error.indeterminate(), error.getMessage());
    assertEquals("ERR_SOJOURN_STORE_UNAVAILABLE", error.code());
    assertEquals(503, error.status());
  }

  @Test
  void aLostCommitIsNotCountedTwice() {
    Session session = Nodes.stored(sessions, "visits", 0);
    session.set("visits", 1);
    assertLost(session::commit);
    assertEquals(1L, direct.open(Nodes.token(session)).get("visits"), "it was carried out");
    session.commit();
    assertEquals(1L, direct.open(Nodes.token(session)).get("visits"));
    assertFalse(session.isDirty());
  }

  @Test
  void aLostUpdateIsNotCountedTwice() {
    Session session = Nodes.stored(sessions, "n", 0);
    assertLost(() -> session.update("n", value -> (long) value + 1));
    session.update("n", value -> (long) value + 1);
    assertEquals(1L, direct.open(Nodes.token(session)).get("n"));
  }

  @Test
  void aLostCommitThatAnotherHasBuiltOnIsRebased() {
    Session session = Nodes.stored(sessions, "visits", 0);
    session.set("a", 1);
    assertLost(session::commit);
    Session other = direct.open(Nodes.token(session));
    other.set("b", 1);
    other.commit();
    session.commit();
    Session after = direct.open(Nodes.token(session));
    assertTrue(after.has("a") && after.has("b"));
  }

  @Test
  void aLostCreationMakesOneSession() {
    sessions.ready();
    Session session = sessions.create();
    session.set("visits", 1);
    assertLost(session::commit);
    session.commit();
    assertEquals(1L, direct.open(Nodes.token(session)).get("visits"));
    assertTrue(server.tell("DBSIZE").startsWith(":1"));
  }

  @Test
  void aLostRotationIsFound() {
    Session session = Nodes.stored(sessions, "visits", 0);
    String former = Nodes.token(session);
    session.set("visits", 1);
    assertLost(session::rotate);
    session.rotate();
    Session there = direct.open(former);
    assertEquals(there.id(), session.id());
    assertEquals(1L, there.get("visits"));
    assertTrue(server.tell("DBSIZE").startsWith(":2"), "one successor and one forward");
  }

  @Test
  void aLostLoginLeavesNoSession() {
    Session session = Nodes.stored(sessions, "a", 1);
    assertLost(() -> session.login("ada"));
    Nodes.eventually(() -> direct.of("ada").count() == 0);
    assertEquals(1L, direct.open(Nodes.token(session)).get("a"), "as it was");
    session.login("ada");
    assertEquals(1, direct.of("ada").count());
  }

  @Test
  void aLoginWhoseTokenGoesToNobody() {
    Session session = Nodes.stored(sessions, "a", 1);
    String former = Nodes.token(session);
    assertFalse(session.abandonLogin(), "nobody has signed in");
    session.login("ada");
    session.set("b", 1);
    assertLost(session::rotate);
    proxy.loseNextAnswer();
    assertTrue(session.abandonLogin());
    Nodes.eventually(() -> direct.of("ada").count() == 0);
    assertNull(session.principal());
    assertEquals(Session.Cookie.CLEAR, session.cookie(), "what the client has is of no use any more");
    assertTrue(direct.open(former).isNew());
    assertFalse(session.abandonLogin());
    assertFalse(sessions.open(Nodes.token(Nodes.signedIn(direct, "bob"))).abandonLogin(), "of another request");
    assertEquals(1, direct.of("bob").count());
  }

  @Test
  void aShortLossIsNotEvenNoticed() {
    Session session = sessions.create();
    sessions.ready();
    session.set("visits", 1);
    proxy.loseNextAnswer();
    session.commit();
    proxy.loseNextAnswer();
    session.update("n", value -> value == null ? 1 : (long) value + 1);
    session.set("visits", 2);
    proxy.loseNextAnswer();
    session.commit();
    String former = Nodes.token(session);
    proxy.loseNextAnswer();
    session.rotate();
    Session there = direct.open(Nodes.token(session));
    assertEquals(2L, there.get("visits"));
    assertEquals(1L, there.get("n"));
    assertEquals(there.id(), direct.open(former).id());
    assertTrue(server.tell("DBSIZE").startsWith(":2"), "one session and one forward");
    proxy.loseNextAnswer();
    session.login("ada");
    assertEquals(1, direct.of("ada").count());
    proxy.loseNextAnswer();
    session.logout();
    assertEquals(0, direct.of("ada").count());
  }

  @Test
  void scriptsAreMadeKnownAgain() {
    Session session = Nodes.stored(sessions, "a", 1);
    for (int i = 0; i < 3; i++) {
      server.tell("SCRIPT FLUSH");
      session.set("a", i + 2);
      session.rotate();
    }
    assertEquals(4L, direct.open(Nodes.token(session)).get("a"));
    session.rotate();
    server.tell("SCRIPT FLUSH");
    // Not waited for, and made known all the same.
    direct.open(Nodes.token(session));
    Nodes.eventually(() -> !server.tell("SCRIPT EXISTS " + Script.SETTLE.sha1).contains(":0"));
  }

  @Test
  void aRestartedServerIsFoundAgain() {
    Session session = Nodes.stored(direct, "a", 1);
    server.restart();
    Nodes.eventually(
        () -> {
          try {
            return direct.open(Nodes.token(session)).isNew();
          } catch (StoreUnavailableException error) {
            return false;
          }
        });
    session.set("a", 2);
    session.commit();
    assertTrue(session.isEnded());
    assertTrue(server.tell("DBSIZE").startsWith(":0"), "nothing came back");
  }

  @Test
  void nothingListens() {
    server.stop();
    try (Sessions nowhere = of(server.uri())) {
      StoreUnavailableException error = assertThrows(StoreUnavailableException.class, nowhere::ready);
      assertFalse(error.indeterminate());
      assertThrows(StoreUnavailableException.class, () -> Nodes.stored(nowhere, "a", 1));
    }
    StoreUnavailableException closed = assertThrows(StoreUnavailableException.class, () -> {
      Sessions again = of(server.uri());
      again.close();
      again.ready();
    });
    assertTrue(String.valueOf(closed.getMessage()).contains("closed"));
  }

  @Test
  void aHungServerIsNotWaitedFor() {
    try (Sessions hasty = Sessions.builder().redis(server.uri()).secrets(Nodes.SECRET).commandTimeout(Duration.ofMillis(200)).build()) {
      Session session = Nodes.stored(hasty, "a", 1);
      Thread hanging = new Thread(this::hang);
      hanging.start();
      session.set("a", 2);
      Nodes.eventually(
          () -> {
            long start = System.nanoTime();
            try {
              hasty.open(Nodes.token(session));
              return false;
            } catch (StoreUnavailableException error) {
              return System.nanoTime() - start < 1_000_000_000L;
            }
          });
    }
  }

  private void hang() {
    try {
      server.command("DEBUG SLEEP 3");
    } catch (java.io.IOException error) {
      // The server is stopped while it sleeps.
    }
  }

  @Test
  void aFullServerRefusesAndSignsOut() {
    Session session = Nodes.signedIn(direct, "ada");
    server.tell("CONFIG SET maxmemory 1");
    session.set("a", 1);
    StoreRefusedException error = assertThrows(StoreRefusedException.class, session::commit);
    assertEquals("OOM", error.reason());
    assertTrue(String.valueOf(error.getMessage()).contains("maxmemory"), error.getMessage());
    session.logout();
    assertNull(direct.open(Nodes.token(Nodes.stored(afterwards(), "a", 1))).principal());
    assertEquals(0, direct.of("ada").count());
  }

  private Sessions afterwards() {
    server.tell("CONFIG SET maxmemory 0");
    return direct;
  }

  @Test
  void leastPrivilege() {
    String own = "~sj:* resetchannels -@all +hello +auth +client|setname +time +get +set +del +exists +getrange +setrange +pttl"
        + " +pexpire +pexpiretime +hget +hgetall +hkeys +hlen +hscan +hrandfield +hset +hdel +zadd +zmscore +zrem +evalsha +eval";
    assertTrue(server.tell("ACL SETUSER app on >password resetkeys " + own).startsWith("+OK"));
    try (Sessions app = of("redis://app:password@127.0.0.1:" + server.port)) {
      Session session = Nodes.stored(app, "a", 1);
      session.login("ada", LoginOptions.defaults().maxSessions(SessionLimit.of(1)));
      session.set("a", 2);
      session.rotate();
      session.stepUp(2);
      app.open(Nodes.token(session)).touch();
      assertEquals(1, app.of("ada").list().size());
      assertEquals(1, app.of("ada").revokeAll());
    }
    server.tell("ACL SETUSER app -get");
    try (Sessions app = of("redis://app:password@127.0.0.1:" + server.port)) {
      StoreRefusedException error = assertThrows(StoreRefusedException.class, app::ready);
      assertEquals("NOPERM", error.reason());
      assertFalse(String.valueOf(error.getMessage()).contains("sj:"), error.getMessage());
    }
    try (Sessions stranger = of("redis://app:wrong@127.0.0.1:" + server.port)) {
      assertEquals("WRONGPASS", assertThrows(StoreRefusedException.class, stranger::ready).reason());
    }
  }

  @Test
  void anotherApplicationsKeys() {
    Session session = Nodes.stored(direct, "a", 1);
    String key = "sj:{" + Nodes.id(session).substring(0, 3) + "}:s:" + Nodes.id(session).substring(3);
    server.tell("DEL " + key);
    server.tell("LPUSH " + key + " x");
    StoreRefusedException error = assertThrows(StoreRefusedException.class, () -> direct.open(Nodes.token(session)));
    assertEquals("WRONGTYPE", error.reason());
  }
}
