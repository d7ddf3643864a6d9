package dev.sojourn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** Reads that do not ask for the TTL: while no renewal is due it is known well enough. */
class LifetimesTest extends TwoNodes {
  private static final long MINUTE = 60_000;

  private static long calls(String command) {
    Matcher found = Pattern.compile("cmdstat_" + command + ":calls=(\\d+)").matcher(server.tell("INFO commandstats"));
    return found.find() ? Long.parseLong(found.group(1)) : 0;
  }

  private static String key(Session session) {
    String id = Nodes.id(session);
    return "sj:{" + id.substring(0, 3) + "}:s:" + id.substring(3);
  }

  private static long ttl(Session session) {
    return Long.parseLong(server.tell("PTTL " + key(session)).trim().substring(1));
  }

  private void pass(Session session, int minutes) {
    nodes.pass(Duration.ofMinutes(minutes));
    server.tell("PEXPIRE " + key(session) + " " + Math.max(0, ttl(session) - minutes * MINUTE));
  }

  @Test
  void itIsAskedForWhenARenewalMayBeDue() {
    Session made = Nodes.stored(one, "n", 1);
    String token = Nodes.token(made);
    long before = calls("pttl");
    for (int i = 0; i < 5; i++) one.open(token).finish();
    assertEquals(0, calls("pttl") - before, "it has just been written");
    for (int i = 0; i < 5; i++) two.open(token).finish();
    assertEquals(1, calls("pttl") - before, "a node that has not heard of it");
    pass(made, 4);
    one.open(token).finish();
    assertTrue(ttl(made) > 29 * MINUTE, "renewed");
    long scripts = calls("evalsha");
    Session session = two.open(token);
    session.finish();
    assertEquals(scripts, calls("evalsha"), "another has just done so");
    assertTrue(Duration.between(session.createdAt(), session.expiresAt()).toMinutes() >= 33);
    pass(made, 31);
    assertTrue(two.open(token).isNew());
  }

  @Test
  void aWriteIsOneReadAndOneScript() {
    String token = Nodes.token(Nodes.stored(one, "n", 0));
    one.open(token).finish();
    long[] before = {calls("get"), calls("evalsha")};
    for (int i = 1; i <= 5; i++) {
      Session session = one.open(token);
      session.set("n", i);
      session.finish();
    }
    assertEquals(5, calls("get") - before[0]);
    assertEquals(5, calls("evalsha") - before[1]);
    assertEquals(5L, two.open(token).get("n"));
  }

  @Test
  void otherLifetimesOfAnotherNodeAreNoticed() {
    for (boolean isSignedIn : new boolean[] {false, true}) {
      String token = Nodes.token(isSignedIn ? Nodes.signedIn(one, "ada") : Nodes.stored(one, "n", 1));
      one.open(token);
      Session session = two.open(token);
      session.setIdleTimeout(Duration.ofMinutes(1));
      session.commit();
      Session found = one.open(Nodes.token(session));
      assertEquals(60, found.idleTimeout().toSeconds());
      assertTrue(Duration.between(found.createdAt(), found.expiresAt()).toMinutes() < 2);
      session.setLifetime(null, Duration.ofMinutes(5), null);
      session.commit();
      found = one.open(Nodes.token(session));
      assertEquals(Duration.ofMinutes(5), Duration.between(Objects.requireNonNull(found.createdAt()), found.deadline()));
    }
  }

  @Test
  void whatHasEndedIsNotThere() {
    Session session = Nodes.stored(one, "n", 1);
    String token = Nodes.token(session);
    one.open(token);
    assertTrue(two.revoke(Nodes.id(session)));
    assertTrue(one.open(token).isNew());
    // A rotation elsewhere, and a login.
    Session rotated = Nodes.stored(one, "n", 1);
    token = Nodes.token(rotated);
    Session there = two.open(token);
    there.rotate();
    assertEquals(there.id(), one.open(token).id());
    assertNotNull(one.open(token).expiresAt());
    there.login("ada");
    assertTrue(one.open(Nodes.token(rotated)).isNew());
  }

  @Test
  void withNothingToSpareItIsAlwaysAskedFor() {
    use(new Nodes(server, builder -> builder.touchAfter(0)));
    String token = Nodes.token(Nodes.stored(one, "n", 1));
    long before = calls("pttl");
    one.open(token);
    one.open(token);
    assertEquals(2, calls("pttl") - before);
  }
}
