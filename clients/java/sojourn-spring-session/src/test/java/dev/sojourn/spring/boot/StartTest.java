package dev.sojourn.spring.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sojourn.OptionException;
import dev.sojourn.RedisServer;
import dev.sojourn.Session;
import dev.sojourn.Sessions;
import dev.sojourn.spring.EnableSojournHttpSession;
import dev.sojourn.spring.SessionCookie;
import dev.sojourn.spring.SojournSessionRepository;
import dev.sojourn.spring.SojournSessionsCustomizer;
import java.io.BufferedReader;
import java.io.File;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.context.properties.source.MapConfigurationPropertySource;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.boot.web.servlet.FilterRegistrationBean;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.session.MapSessionRepository;
import org.springframework.session.SessionRepository;
import org.springframework.session.config.annotation.web.http.EnableSpringHttpSession;

/** What an application is set up with, or is told that it lacks. */
class StartTest extends OnBoot {
  @Test
  void withoutSpringSecurityOnTheClassPath() throws Exception {
    List<String> entries = new ArrayList<>(List.of(System.getProperty("java.class.path").split(File.pathSeparator)));
    entries.removeIf(entry -> entry.contains("spring-security"));
    List<String> command =
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-XX:TieredStopAtLevel=1",
            "-cp",
            String.join(File.pathSeparator, entries),
            PlainApplication.class.getName(),
            "--server.address=127.0.0.1",
            "--server.port=0",
            "--spring.main.banner-mode=off",
            "--sojourn.secrets=" + SECRET,
            "--sojourn.redis.uri=" + server.uri(),
            "--sojourn.command-timeout=5s");
    Process process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    try (BufferedReader out = process.inputReader()) {
      String told = out.readLine();
      while (told != null && !told.startsWith("port ")) told = out.readLine();
      assertNotNull(told, "it has not started");
      Browser browser = new Browser(Integer.parseInt(told.substring("port ".length())));
      assertEquals("1", browser.get("/count").body());
      assertEquals("2", browser.get("/count").body());
      String anonymous = browser.cookies.get("session");
      browser.post("/login", "user", "ada");
      assertEquals("3", browser.get("/count").body());
      assertTrue(elsewhere.open(anonymous).isNew());
      assertEquals(1, elsewhere.of("ada").count());
      assertEquals("ada", at(browser).principal());
    } finally {
      process.outputWriter().close();
      if (!process.waitFor(10, TimeUnit.SECONDS)) process.destroyForcibly();
    }
  }

  /** By the annotation, on sessions of the application's own. */
  @Configuration(proxyBeanMethods = false)
  @EnableSojournHttpSession(allowedTypes = "com.acme.*")
  static class ByAnnotation {
    @Bean
    Sessions sessions() {
      return builder().namespace("spring").build();
    }
  }

  @Test
  void byTheAnnotation() {
    ConfigurableApplicationContext context = start(ByAnnotation.class, "spring.main.web-application-type=none");
    assertNotNull(context.getBean(SojournSessionRepository.class));
    assertNotNull(context.getBean("springSessionRepositoryFilter"));
    context.close();
    // In an application of Boot the auto-configuration gives way, but for the filter's place.
    ConfigurableApplicationContext boot = start(Both.class);
    assertEquals(1, boot.getBeanNamesForType(Sessions.class).length);
    Browser browser = browser(boot);
    browser.get("/count");
    assertEquals("2", browser.get("/count").body());
    assertEquals(2L, at(browser).get("count"));
    boot.close();
  }

  @Configuration(proxyBeanMethods = false)
  @Import({PlainApplication.class, ByAnnotation.class})
  static class Both {}

  /** What the application has of its own goes before. */
  @Configuration(proxyBeanMethods = false)
  @Import(PlainApplication.class)
  static class Own {
    @Bean
    SessionCookie cookie() {
      return SessionCookie.builder().name("mine").secure(SessionCookie.Secure.NEVER).build();
    }

    @Bean
    SojournSessionsCustomizer shorter() {
      return builder -> builder.idleTimeout(Duration.ofSeconds(77));
    }
  }

  @Test
  void beansOfTheApplicationsOwn() {
    ConfigurableApplicationContext context = start(Own.class, "spring.session.timeout=5m");
    Browser browser = browser(context);
    String cookie = browser.get("/count").setCookies().get(0);
    assertTrue(cookie.startsWith("mine=") && !cookie.contains("Secure"), cookie);
    assertEquals(77, elsewhere.open(browser.cookies.get("mine")).idleTimeout().toSeconds());
    context.close();
  }

  /** Another store altogether. */
  @Configuration(proxyBeanMethods = false)
  @Import(PlainApplication.class)
  static class Elsewhere {
    @Bean
    SessionRepository<?> repository() {
      return new MapSessionRepository(new java.util.concurrent.ConcurrentHashMap<>());
    }
  }

  @Test
  void anotherStoreAndNone() {
    ConfigurableApplicationContext context = start(Elsewhere.class);
    assertTrue(context.getBeansOfType(Sessions.class).isEmpty());
    context.close();
    ConfigurableApplicationContext disabled = start(PlainApplication.class, "sojourn.enabled=false");
    assertTrue(disabled.getBeansOfType(Sessions.class).isEmpty());
    disabled.close();
  }

  @Test
  void properties() {
    ConfigurableApplicationContext context =
        start(
            PlainApplication.class,
            "spring.session.timeout=600",
            "sojourn.absolute-timeout=1h",
            "sojourn.prefix=app",
            "sojourn.touch-after=0.5",
            "sojourn.seal=token-sealed",
            "sojourn.codec=json",
            "sojourn.max-size=8KB",
            "sojourn.merge.visits=counter",
            "sojourn.merge.cart=union:sku",
            "sojourn.max-sessions.max=3",
            "sojourn.max-sessions.policy=evict-idle",
            "sojourn.max-sessions.kinds.mobile=1",
            "sojourn.rotate-every=15m",
            "sojourn.header=X-Auth-Token");
    Browser client = browser(context);
    String token = client.get("/count").header("X-Auth-Token");
    assertEquals(48, token.length());
    client.headers.put("X-Auth-Token", token);
    Browser.Answer answer = client.get("/count");
    assertEquals("2", answer.body());
    assertEquals("", answer.header("X-Auth-Token"), "only once");
    assertTrue(answer.setCookies().isEmpty());
    try (Sessions there = builder().prefix("app").build()) {
      assertEquals(600, there.open(token).idleTimeout().toSeconds());
      assertEquals(2L, there.open(token).get("count"));
    }
    assertTrue(context.getBean(SojournProperties.class).toString().contains("app"));
    assertFalse(context.getBean(SojournProperties.class).toString().contains(SECRET));
    context.close();
  }

  @Test
  void beansOfASession() {
    ConfigurableApplicationContext context = start(PlainApplication.class, "sojourn.allowed-types=" + PlainApplication.Basket.class.getName());
    Browser browser = browser(context);
    assertEquals("1", browser.get("/basket").body());
    assertEquals("2", browser.get("/basket").body());
    assertEquals("3", browser.get("/basket").body());
    assertEquals("1", browser(context).get("/basket").body());
    context.close();
  }

  @Test
  void whatIsMissingIsNamed() {
    Map<String, String> wrong =
        Map.of(
            "sojourn.secrets=", "sojourn.secrets: is missing",
            "sojourn.secrets=short", "sojourn.secrets[0]: ",
            "sojourn.redis.uri=", "sojourn.redis.uri: is missing",
            "sojourn.redis.uri=http://x", "sojourn.redis.uri: takes a URI",
            "sojourn.max-sessions.policy=reject", "sojourn.max-sessions.max: is missing",
            "sojourn.merge.cart=sum", "sojourn.merge.cart: takes counter",
            "sojourn.allowed-types=*", "sojourn.allowed-types: ",
            "sojourn.cookie.secure=never,sojourn.cookie.same-site=none", "sojourn.cookie.same-site: none needs secure",
            "sojourn.cookie.domain=a b", "sojourn.cookie.domain: takes a domain name",
            "sojourn.idle-timeout=2d", "sojourn.idle-timeout: is longer than absoluteTimeout");
    wrong.forEach((properties, expected) -> assertRefused(expected, properties.split(",")));
  }

  private static void assertRefused(String expected, String... properties) {
    Throwable failure = assertThrows(RuntimeException.class, () -> start(PlainApplication.class, properties), expected);
    while (!(failure instanceof OptionException) && failure.getCause() != null) failure = failure.getCause();
    FailureAnalysis analysis = new SojournFailureAnalyzer().analyze(failure);
    assertNotNull(analysis, expected + " -> " + failure);
    assertTrue(analysis.getDescription().contains(expected), analysis.getDescription());
    assertFalse(analysis.getDescription().contains(SECRET));
    assertTrue(analysis.getAction().startsWith("Set sojourn."), analysis.getAction());
  }

  @Test
  void aVariableThatIsNotSetIsNoSecret() {
    Map<String, String> wrong =
        Map.of(
            "sojourn.secrets=${SOJOURN_SECRET_THAT_NOBODY_HAS_SET}",
                "sojourn.secrets[0]: the environment variable SOJOURN_SECRET_THAT_NOBODY_HAS_SET is not set",
            "sojourn.secrets=" + SECRET + ",x-${SOJOURN_SECRET_THAT_NOBODY_HAS_SET}",
                "sojourn.secrets[1]: the environment variable is not set",
            "sojourn.pepper=${SOJOURN_UNSET}", "sojourn.pepper: the environment variable SOJOURN_UNSET is not set");
    wrong.forEach((property, expected) -> assertRefused(expected, property));
  }

  @Configuration(proxyBeanMethods = false)
  @EnableSpringHttpSession
  @Import(PlainApplication.class)
  static class WithSpringsFilter {
    @Bean
    SojournSessionRepository repository() {
      return SojournSessionRepository.builder(builder().namespace("spring").build()).build();
    }
  }

  @Test
  void withAnotherFilterItDoesNotStart() {
    Throwable failure = assertThrows(RuntimeException.class, () -> start(WithSpringsFilter.class));
    while (failure.getCause() != null) failure = failure.getCause();
    assertTrue(failure.getMessage().contains("@EnableSpringHttpSession"), failure.getMessage());
  }

  @Test
  void whetherTheCookieIsSecureAsPeopleWriteIt() {
    Map<String, String> names =
        Map.of("never", "session=", "false", "session=", "ALWAYS", "__Host-session=", "true", "__Host-session=", "auto", "session=");
    names.forEach(
        (secure, name) -> {
          ConfigurableApplicationContext context = start(PlainApplication.class, "sojourn.cookie.secure=" + secure);
          String cookie = browser(context).get("/count").setCookies().get(0);
          assertTrue(cookie.startsWith(name), secure + ": " + cookie);
          context.close();
        });
    assertRefused("sojourn.cookie.secure: takes auto, always or true, never or false", "sojourn.cookie.secure=sometimes");
    // As YAML has it.
    Map<String, Object> yaml = Map.of("sojourn.cookie.secure", false);
    SojournProperties bound = new Binder(new MapConfigurationPropertySource(yaml)).bind("sojourn", SojournProperties.class).get();
    assertEquals(SessionCookie.Secure.NEVER, bound.cookie().whenSecure());
  }

  @Test
  void inProductionTheCookieIsSecureOnLoopbackToo() {
    ConfigurableApplicationContext context = start(PlainApplication.class, "spring.profiles.active=prod");
    String cookie = browser(context).get("/count").setCookies().get(0);
    assertTrue(cookie.startsWith("__Host-session=") && cookie.contains("; Secure"), cookie);
    context.close();
  }

  @Test
  void withoutRedis() {
    try (RedisServer own = new RedisServer()) {
      ConfigurableApplicationContext context =
          start(Application.class, "sojourn.redis.uri=" + own.uri(), "sojourn.command-timeout=300ms");
      Browser browser = browser(context);
      browser.signIn("ada", "lovelace");
      own.stop();
      for (String path : List.of("/me", "/public/session", "/")) {
        Browser.Answer answer = browser.get(path);
        assertEquals(503, answer.status(), path);
        assertTrue(answer.body().contains("\"status\":503"), "the application's own error page: " + answer.body());
        assertEquals("1", answer.header("Retry-After"));
        assertTrue(answer.setCookies().isEmpty());
      }
      assertEquals(503, browser.post("/public/set", "name", "a", "value", "1").status(), "not confirmed");
      assertEquals(200, browser(context).get("/").status(), "who has no session needs no store");
      own.restart();
      Browser fresh = browser(context);
      long end = System.nanoTime() + Duration.ofSeconds(10).toNanos();
      while (fresh.post("/public/set", "name", "a", "value", "1").status() != 200) {
        assertTrue(System.nanoTime() < end, "it comes back");
      }
      context.close();
    }
  }

  @Test
  void aFormThatWasOpenWhileOneSignedInElsewhere() {
    for (boolean isInCookie : new boolean[] {false, true}) {
      ConfigurableApplicationContext context = start(Application.class, "test.csrf-cookie=" + isInCookie);
      Browser browser = browser(context);
      browser.get("/me");
      String csrf = browser.csrf("/logout");
      Session there = at(browser);
      there.login("ada");
      browser.cookies.put("session", there.token().value());
      assertEquals(isInCookie ? 302 : 403, browser.post("/logout", "_csrf", csrf).status());
      context.close();
    }
  }

  @Test
  void theFilterIsInFrontOfAllOthers() {
    ConfigurableApplicationContext context = start(PlainApplication.class);
    List<?> registrations = Arrays.asList(context.getBeanNamesForType(FilterRegistrationBean.class));
    Object registration = context.getBean("sessionRepositoryFilterRegistration");
    assertEquals(Integer.MIN_VALUE + 50, ((org.springframework.core.Ordered) registration).getOrder(), registrations.toString());
    context.close();
  }
}
