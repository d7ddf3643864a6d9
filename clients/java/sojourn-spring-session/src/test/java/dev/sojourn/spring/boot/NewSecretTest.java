package dev.sojourn.spring.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sojourn.Nodes;
import dev.sojourn.Session;
import dev.sojourn.Sessions;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.springframework.context.ConfigurableApplicationContext;

class NewSecretTest extends OnBoot {
  private static final String NEW = "a new secret for tests: 0123456789";

  @Test
  void whoComesWithATokenOfTheFormerOneGetsAnother() {
    Nodes.later(elsewhere, Duration.ofMinutes(-11));
    Session session = elsewhere.create();
    session.login("ada");
    String former = session.token().value();
    ConfigurableApplicationContext context = start(Application.class, "sojourn.secrets=" + NEW + "," + SECRET);
    Browser browser = browser(context);
    browser.cookies.put("session", former);
    assertEquals("ada", browser.get("/me").body());
    String token = browser.cookies.get("session");
    assertNotEquals(former, token);
    Browser.Answer next = browser.get("/me");
    assertEquals("ada", next.body());
    assertTrue(next.setCookies().isEmpty(), "only once");
    context.close();
    try (Sessions after = builder().secrets(NEW).build()) {
      assertEquals("ada", after.open(token).principal());
    }
  }
}
