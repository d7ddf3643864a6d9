package dev.sojourn.spring.boot;

import dev.sojourn.RedisServer;
import dev.sojourn.Session;
import dev.sojourn.Sessions;
import dev.sojourn.SessionsBuilder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.springframework.boot.SpringApplication;
import org.springframework.context.ConfigurableApplicationContext;

/** Tests with a Redis of their own and applications of Spring Boot on it, on loopback. */
abstract class OnBoot {
  static final String SECRET = "a secret for tests: 0123456789abcdef";

  static RedisServer server;
  private static final List<ConfigurableApplicationContext> RUNNING = new ArrayList<>();
  /** Of an application without Spring. */
  Sessions elsewhere;

  @BeforeAll
  static void startServer() {
    server = new RedisServer();
  }

  @AfterAll
  static void stopAll() {
    RUNNING.forEach(ConfigurableApplicationContext::close);
    RUNNING.clear();
    server.close();
  }

  @BeforeEach
  void empty() {
    server.tell("FLUSHALL");
    elsewhere = builder().build();
  }

  @AfterEach
  void close() {
    elsewhere.close();
  }

  static SessionsBuilder builder() {
    return Sessions.builder().redis(server.uri()).secrets(SECRET).commandTimeout(Duration.ofSeconds(5));
  }

  /** @param properties name=value, … */
  static ConfigurableApplicationContext start(Class<?> application, String... properties) {
    List<String> all =
        new ArrayList<>(
            List.of(
                "--server.address=127.0.0.1",
                "--server.port=0",
                "--spring.main.banner-mode=off",
                "--sojourn.secrets=" + SECRET,
                "--sojourn.redis.uri=" + server.uri(),
                "--sojourn.command-timeout=5s"));
    for (String property : properties) all.add("--" + property);
    ConfigurableApplicationContext context = new SpringApplication(application).run(all.toArray(new String[0]));
    RUNNING.add(context);
    return context;
  }

  static Browser browser(ConfigurableApplicationContext context) {
    return new Browser(Integer.parseInt(Objects.requireNonNull(context.getEnvironment().getProperty("local.server.port"))));
  }

  Session at(Browser browser) {
    return elsewhere.open(browser.cookies.get("session"));
  }
}
