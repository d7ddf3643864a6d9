package dev.sojourn.spring.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sojourn.Session;
import dev.sojourn.Sessions;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.springframework.context.ConfigurableApplicationContext;

/** A release that cannot read what the one before has stored of its own. */
class UpgradeTest extends OnBoot {
  private static void store(Browser browser, Map<String, Object> values) {
    try (Sessions spring = builder().namespace("spring").build()) {
      Session session = spring.open(browser.cookies.get("session"));
      values.forEach(session::set);
      session.commit();
    }
  }

  @Test
  void noRequestFailsForIt() {
    ConfigurableApplicationContext context = start(Application.class);
    Browser browser = browser(context);
    browser.post("/public/set", "name", "theme", "value", "dark");
    browser.signIn("ada", "lovelace");
    Object gone = Map.of("$java", Map.of("type", "com.acme.Gone", "value", Map.of()));
    store(
        browser,
        Map.of(
            "spring:SPRING_SECURITY_CONTEXT", Map.of("principal", "ada", "authentication", Map.of("kind", "password", "user", gone)),
            "spring:SPRING_SECURITY_SAVED_REQUEST", gone,
            "spring:org.springframework.web.servlet.support.SessionFlashMapManager.FLASH_MAPS", gone,
            "spring:org.springframework.security.web.csrf.HttpSessionCsrfTokenRepository.CSRF_TOKEN", gone,
            "spring:object:cart", gone));
    Browser.Answer answer = browser.get("/me");
    assertEquals("ada", answer.body(), "made anew from the users: " + answer.status());
    String told = browser.get("/public/session").body();
    assertTrue(told.contains("\"theme\":\"dark\"") && told.contains("\"principal\":\"ada\""), told);
    assertFalse(told.contains("cart"), told);
    // A form works: its token is a new one.
    assertEquals("/", browser.signOut().location());

    // Whom nobody knows here is nobody, and the session stays the others'.
    Session there = elsewhere.create();
    there.login("a stranger");
    browser.cookies.put("session", there.token().value());
    store(browser, Map.of("spring:SPRING_SECURITY_CONTEXT", Map.of("principal", "a stranger", "authentication", gone)));
    assertEquals("/login", browser.get("/me").location());
    there.refresh();
    assertEquals("a stranger", there.principal());
    context.close();
  }
}
