package dev.sojourn.spring.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sojourn.RedisServer;
import dev.sojourn.Sessions;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.security.Principal;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.core.Authentication;
import org.springframework.security.core.userdetails.User;
import org.springframework.security.core.userdetails.UserDetailsService;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RestController;
import jakarta.servlet.http.HttpSession;

/** Redis goes away in the middle of a sign-in: it has failed, for the browser and in Redis, and the next one works. */
class FailedSignInTest extends OnBoot {
  /** When, and how. */
  private static volatile Runnable whenTheUserIsLookedUp = () -> {};
  private static volatile Runnable whenSignedIn = () -> {};

  private RedisServer failing;
  private Sessions there;
  private ConfigurableApplicationContext context;
  private Browser browser;

  @Configuration(proxyBeanMethods = false)
  @EnableAutoConfiguration
  @Import(Pages.class)
  static class ByForm {
    @Bean
    SecurityFilterChain security(HttpSecurity http) throws Exception {
      return http.authorizeHttpRequests(all -> all.requestMatchers("/public/**", "/error").permitAll().anyRequest().authenticated())
          .csrf(csrf -> csrf.ignoringRequestMatchers("/public/**"))
          .formLogin(form -> form.successHandler(ByForm::welcome))
          .build();
    }

    /** Something is stored after the sign-in, as applications do. */
    private static void welcome(HttpServletRequest request, HttpServletResponse response, Authentication user) throws IOException {
      request.getSession().setAttribute("welcomed", user.getName());
      whenSignedIn.run();
      response.sendRedirect("/me");
    }

    @Bean
    UserDetailsService users() {
      return name -> {
        whenTheUserIsLookedUp.run();
        return User.withUsername(name).password("{noop}lovelace").roles("USER").build();
      };
    }
  }

  @RestController
  static class Pages {
    @GetMapping("/me")
    String me(Principal principal) {
      return principal.getName();
    }

    @PostMapping("/public/cart")
    String cart(HttpSession session) {
      session.setAttribute("cart", "pear");
      return "stored";
    }

    /** An application's own failure right behind its own sign-in. */
    @PostMapping("/public/enter")
    String enter(HttpServletRequest request) throws Exception {
      request.login("ada", "lovelace");
      whenSignedIn.run();
      throw new IllegalStateException("as it happens");
    }
  }

  @BeforeEach
  void open() {
    failing = new RedisServer();
    there = Sessions.builder().redis(failing.uri()).secrets(SECRET).commandTimeout(Duration.ofSeconds(5)).build();
    context = start(ByForm.class, "sojourn.redis.uri=" + failing.uri(), "sojourn.command-timeout=300ms");
    browser = browser(context);
    browser.post("/public/cart");
  }

  @AfterEach
  void closeAll() {
    whenSignedIn = whenTheUserIsLookedUp = () -> {};
    context.close();
    there.close();
    failing.close();
  }

  private void assertFailed(Browser.Answer answer) {
    assertEquals(503, answer.status(), answer.location());
    assertEquals("1", answer.header("Retry-After"));
    assertFalse(answer.body().contains("ada"), answer.body());
  }

  /** Off the request's path: as soon as Redis answers. */
  private void assertNobodySignedIn() throws InterruptedException {
    long end = System.nanoTime() + Duration.ofSeconds(10).toNanos();
    while (there.of("ada").count() > 0) {
      assertTrue(System.nanoTime() < end, "a session of ada stands there that nobody has the token of");
      Thread.sleep(20);
    }
  }

  private void assertTheNextOneWorks() {
    whenSignedIn = whenTheUserIsLookedUp = () -> {};
    assertEquals("/me", browser.signIn("ada", "lovelace").location());
    assertEquals("ada", browser.get("/me").body());
    assertEquals(1, there.of("ada").count());
  }

  @Test
  void whileTheSessionIsMade() throws InterruptedException {
    String token = browser.cookies.get("session");
    whenTheUserIsLookedUp = failing::pause;
    Browser.Answer answer = browser.signIn("ada", "lovelace");
    assertFailed(answer);
    assertTrue(answer.setCookies().isEmpty(), "the session of before is there still");
    failing.resume();
    assertNobodySignedIn();
    assertEquals("pear", there.open(token).get("cart"));
    assertEquals("/login", browser.get("/me").location());
    assertTheNextOneWorks();
    assertEquals("pear", there.open(browser.cookies.get("session")).get("cart"));
  }

  @Test
  void whenTheRestIsStored() throws InterruptedException {
    whenSignedIn = failing::pause;
    Browser.Answer answer = browser.signIn("ada", "lovelace");
    assertFailed(answer);
    assertTrue(answer.setCookies().get(0).startsWith("session=; Max-Age=0"), "no cookie of the session that the sign-in has ended: " + answer.setCookies());
    assertEquals(1, answer.setCookies().size());
    failing.resume();
    assertNobodySignedIn();
    assertEquals("/login", browser.get("/me").location());
    assertTheNextOneWorks();
  }

  @Test
  void whenTheServerIsGone() {
    whenSignedIn = failing::stop;
    assertFailed(browser.signIn("ada", "lovelace"));
    failing.restart();
    assertEquals(0, there.of("ada").count());
    long end = System.nanoTime() + Duration.ofSeconds(10).toNanos();
    while (browser.get("/me").status() == 503) assertTrue(System.nanoTime() < end, "it comes back");
    assertTheNextOneWorks();
  }

  /** What the application throws is its own failure: who has signed in is signed in, and the answer brings the token. */
  @Test
  void theApplicationsOwnFailure() throws InterruptedException {
    assertEquals(500, browser.post("/public/enter").status());
    assertEquals("ada", there.open(browser.cookies.get("session")).principal());
    there.of("ada").revokeAll();
    browser.cookies.clear();
    whenSignedIn = failing::pause;
    Browser.Answer answer = browser.post("/public/enter");
    failing.resume();
    assertEquals(500, answer.status());
    assertEquals("ada", there.open(browser.cookies.get("session")).principal(), "nothing was left to store");
  }
}
