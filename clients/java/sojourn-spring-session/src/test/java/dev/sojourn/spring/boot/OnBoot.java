package dev.sojourn.spring.boot;

import dev.sojourn.RedisServer;
import dev.sojourn.Session;
import dev.sojourn.Sessions;
import dev.sojourn.SessionsBuilder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
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
    Map<String, String> all = new LinkedHashMap<>();
    all.put("server.address", "127.0.0.1");
    all.put("server.port", "0");
    all.put("spring.main.banner-mode", "off");
    all.put("sojourn.secrets", SECRET);
    all.put("sojourn.redis.uri", server.uri());
    all.put("sojourn.command-timeout", "5s");
    // What these tests bring about on purpose.
    all.put("logging.level.org.apache.catalina.core", "off");
    all.put("logging.level.org.springframework.boot", "off");
    all.put("logging.level.dev.sojourn", "off");
    for (String property : properties) all.put(property.substring(0, property.indexOf('=')), property.substring(property.indexOf('=') + 1));
    String[] arguments = all.entrySet().stream().map(property -> "--" + property.getKey() + "=" + property.getValue()).toArray(String[]::new);
    ConfigurableApplicationContext context = new SpringApplication(application).run(arguments);
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
