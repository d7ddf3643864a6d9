package dev.sojourn.spring.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sojourn.Session;
import java.time.Duration;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.security.core.session.SessionInformation;
import org.springframework.security.core.session.SessionRegistry;
import org.springframework.security.core.userdetails.User;

/** How many sessions a user may have, by Spring Security's means and by Sojourn's; and for how long. */
class LimitsTest extends OnBoot {
  @Test
  void oneMoreEndsTheOldestAtOnceAndEverywhere() {
    ConfigurableApplicationContext context = start(Application.class, "test.maximum-sessions=1");
    ConfigurableApplicationContext another = start(Application.class, "test.maximum-sessions=1");
    Browser first = browser(context);
    Browser second = browser(another);
    first.signIn("ada", "lovelace");
    String token = first.cookies.get("session");
    String id = at(first).id();
    long before = reads();
    assertEquals("ada", first.get("/me").body());
    assertEquals(1, reads() - before, "the limit costs no reads of its own");
    second.signIn("ada", "lovelace");
    assertTrue(elsewhere.open(token).isNew(), "nobody has come with it here since");
    assertEquals(1, elsewhere.of("ada").count());
    assertTrue(another.getBean(Application.Heard.class).told.contains("destroyed " + id), "and listeners hear of it");
    assertEquals("/login", first.get("/me").location());
    assertEquals("ada", second.get("/me").body());
    // Signing in again in the same browser ends nobody else's.
    second.signIn("ada", "lovelace");
    assertEquals("ada", second.get("/me").body());
    // One that was signed in elsewhere counts too.
    Session there = elsewhere.create();
    there.login("ada");
    String theirs = there.token().value();
    browser(context).signIn("ada", "lovelace");
    assertTrue(elsewhere.open(theirs).isNew());
    assertEquals(1, elsewhere.of("ada").count());
    context.close();
    another.close();
  }

  @Test
  void theRegistryKnowsSessionsByTheirIds() {
    ConfigurableApplicationContext context = start(Application.class);
    SessionRegistry registry = context.getBean(SessionRegistry.class);
    Browser browser = browser(context);
    browser.signIn("ada", "lovelace");
    String id = at(browser).id();
    assertEquals("ada", registry.getSessionInformation(id).getPrincipal());
    assertNull(registry.getSessionInformation("x".repeat(25)));
    assertThrows(UnsupportedOperationException.class, registry::getAllPrincipals);
    assertEquals(List.of(), registry.getAllSessions("bob", true));
    SessionInformation found = registry.getAllSessions(User.withUsername("ada").password("x").build(), false).get(0);
    assertEquals(id, found.getSessionId());
    assertFalse(found.isExpired());
    found.expireNow();
    assertTrue(found.isExpired());
    assertEquals("/login", browser.get("/me").location());
    assertNull(registry.getSessionInformation(id));
    context.close();
  }

  private static long reads() {
    Matcher found = Pattern.compile("cmdstat_get:calls=(\\d+)").matcher(server.tell("INFO commandstats"));
    return found.find() ? Long.parseLong(found.group(1)) : 0;
  }

  @Test
  void withSpringSessionsRegistryOneMoreExpiresTheOldestAtItsNextRequest() {
    ConfigurableApplicationContext context = start(Application.class, "test.maximum-sessions=1", "test.springs-registry=true");
    Browser first = browser(context);
    Browser second = browser(context);
    first.signIn("ada", "lovelace");
    assertEquals("ada", first.get("/me").body());
    second.signIn("ada", "lovelace");
    assertEquals("ada", second.get("/me").body());
    assertEquals(2, elsewhere.of("ada").count(), "marked");
    assertTrue(first.get("/me").body().contains("expired"), "Spring Security's own words");
    assertEquals("/login", first.get("/me").location());
    assertEquals("ada", second.get("/me").body());
    assertEquals(1, elsewhere.of("ada").count());
    // Signing in again in the same browser expires nobody.
    second.signIn("ada", "lovelace");
    assertEquals("ada", second.get("/me").body());
    // One that was signed in elsewhere counts too.
    Session there = elsewhere.create();
    there.login("ada");
    Browser third = browser(context);
    third.signIn("ada", "lovelace");
    assertEquals("ada", third.get("/me").body());
    context.close();
  }

  @Test
  void oneMoreIsRefused() {
    ConfigurableApplicationContext context = start(Application.class, "test.maximum-sessions=1", "test.prevents-login=true");
    Browser first = browser(context);
    Browser second = browser(context);
    first.signIn("ada", "lovelace");
    assertEquals("/login?error", second.signIn("ada", "lovelace").location());
    assertEquals("ada", first.get("/me").body());
    assertEquals(1, elsewhere.of("ada").count());
    first.signOut();
    second.signIn("ada", "lovelace");
    assertEquals("ada", second.get("/me").body());
    context.close();
  }

  @Test
  void sojournsOwnLimit() {
    ConfigurableApplicationContext context =
        start(Application.class, "sojourn.max-sessions.max=1", "sojourn.max-sessions.policy=reject", "test.remember=true");
    Browser first = browser(context);
    Browser second = browser(context);
    first.signIn("ada", "lovelace");
    String token = first.cookies.get("session");
    assertEquals("/login?error", second.signIn("ada", "lovelace").location(), "answered as a wrong password is");
    assertEquals("/login", second.get("/me").location());
    assertEquals("ada", first.get("/me").body());
    // A new sign-in in the same browser takes the place of its own.
    first.signIn("ada", "lovelace");
    assertFalse(token.equals(first.cookies.get("session")));
    assertEquals(1, elsewhere.of("ada").count());
    remembered(browser(context));
  }

  private void remembered(Browser browser) {
    Browser.Answer answer = browser.signIn("bob", "builder", "remember-me", "on");
    String cookie = answer.setCookies().get(answer.setCookies().size() - 1);
    assertTrue(cookie.matches("session=.*; Max-Age=2591\\d\\d\\d; .*"), cookie);
    assertTrue(at(browser).isPersistent());
    assertEquals(30, at(browser).idleTimeout().toDays());
    assertEquals("bob", browser.get("/me").body());
    assertEquals(1, elsewhere.of("bob").count());
  }

  /** Whatever Spring Security is to do with the session at a login, the token is a new one and the session one. */
  @Test
  void fixation() {
    for (String kind : new String[] {"migrate", "none", "new"}) {
      ConfigurableApplicationContext context = start(Application.class, "test.fixation=" + kind);
      Browser browser = browser(context);
      browser.post("/public/set", "name", "a", "value", "1");
      String before = browser.cookies.get("session");
      browser.signIn("bob", "builder");
      assertEquals("bob", browser.get("/me").body());
      assertFalse(before.equals(browser.cookies.get("session")));
      assertTrue(elsewhere.open(before).isNew(), kind);
      assertEquals(kind.equals("new") ? null : "1", at(browser).get("a"), kind);
      assertEquals(1, elsewhere.of("bob").count());
      elsewhere.of("bob").revokeAll();
      context.close();
    }
  }

  @Test
  void theOldestMakesRoom() throws InterruptedException {
    ConfigurableApplicationContext context = start(Application.class, "sojourn.max-sessions.max=1", "sojourn.tell-expired=true");
    Browser first = browser(context);
    Browser second = browser(context);
    first.signIn("ada", "lovelace");
    String id = at(first).id();
    second.signIn("ada", "lovelace");
    assertEquals("ada", second.get("/me").body());
    assertEquals("/login", first.get("/me").location());
    List<String> told = context.getBean(Application.Heard.class).told;
    assertTrue(told.contains("destroyed " + id), "listeners hear of it");
    // And of one whose time is over.
    Session session = at(second);
    session.setIdleTimeout(Duration.ofMillis(100));
    session.commit();
    String expired = "destroyed " + session.id();
    long end = System.nanoTime() + Duration.ofSeconds(15).toNanos();
    while (!told.contains(expired)) {
      assertTrue(System.nanoTime() < end, told.toString());
      Thread.sleep(50);
    }
    context.close();
  }
}
