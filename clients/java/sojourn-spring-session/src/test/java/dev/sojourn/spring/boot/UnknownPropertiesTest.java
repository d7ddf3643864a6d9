package dev.sojourn.spring.boot;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sojourn.OptionException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.support.DefaultListableBeanFactory;
import org.springframework.boot.context.properties.source.ConfigurationPropertySources;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.core.env.MapPropertySource;
import org.springframework.core.env.StandardEnvironment;
import org.springframework.core.env.SystemEnvironmentPropertySource;

/** What is misspelt is told, and what is not ours is left alone. */
class UnknownPropertiesTest extends OnBoot {
  private static void check(Map<String, Object> properties, Map<String, Object> variables) {
    StandardEnvironment environment = new StandardEnvironment();
    environment.getPropertySources().addFirst(new MapPropertySource("file", properties));
    environment
        .getPropertySources()
        .replace(
            StandardEnvironment.SYSTEM_ENVIRONMENT_PROPERTY_SOURCE_NAME,
            new SystemEnvironmentPropertySource(StandardEnvironment.SYSTEM_ENVIRONMENT_PROPERTY_SOURCE_NAME, variables));
    ConfigurationPropertySources.attach(environment);
    new UnknownProperties(environment).postProcessBeanFactory(new DefaultListableBeanFactory());
  }

  private static void refused(String property, @Nullable String meant, Map<String, Object> properties, Map<String, Object> variables) {
    UnknownPropertyException error = assertThrows(UnknownPropertyException.class, () -> check(properties, variables), property);
    assertEquals(property, error.property());
    assertEquals(meant, error.meant(), property);
    assertEquals("ERR_SOJOURN_OPTION", error.code());
  }

  @Test
  void misspeltOnes() {
    Map<String, String> meant = new LinkedHashMap<>();
    meant.put("sojourn.idle-timout", "sojourn.idle-timeout");
    meant.put("sojourn.secret", "sojourn.secrets");
    meant.put("sojourn.redis.url", "sojourn.redis.uri");
    meant.put("sojourn.same-site", "sojourn.cookie.same-site");
    meant.put("sojourn.cookie.samesit", "sojourn.cookie.same-site");
    meant.put("sojourn.max-session.max", "sojourn.max-sessions.max");
    meant.put("sojourn.allowed-type[0]", "sojourn.allowed-types");
    meant.put("sojourn.prefix[0]", "sojourn.prefix");
    meant.put("sojourn.rotateevry", "sojourn.rotate-every");
    meant.put("sojourn.near-cache.max-staleness", null);
    meant.forEach((property, near) -> refused(property, near, Map.of(property, "x"), Map.of()));
  }

  @Test
  void thoseThatThereAre() {
    List<String> names =
        List.of(
            "sojourn.enabled", "sojourn.idle-timeout", "sojourn.idleTimeout", "sojourn.IDLE_TIMEOUT", "sojourn.secrets", "sojourn.secrets[1]",
            "sojourn.redis.cluster[0]", "sojourn.cookie", "sojourn.cookie.sameSite", "sojourn.max-sessions.kinds.mobile",
            "sojourn.merge.visits", "sojourn.merge.[a.b]", "sojourned.x", "other");
    for (String name : names) assertDoesNotThrow(() -> check(Map.of(name, "x"), Map.of()), name);
  }

  @Test
  void variables() {
    List<String> names =
        List.of(
            "SOJOURN_IDLE_TIMEOUT", "SOJOURN_IDLETIMEOUT", "SOJOURN_SECRETS_0", "SOJOURN_MERGE_VISITS", "SOJOURN_COOKIE_SAME_SITE",
            // Of Kubernetes, and of whoever else has a use for the name.
            "SOJOURN_SERVICE_HOST", "SOJOURN_PORT", "SOJOURN_PORT_6379_TCP_ADDR", "SOJOURN", "SOJOURN_X");
    for (String name : names) assertDoesNotThrow(() -> check(Map.of(), Map.of(name, "x")), name);
    refused("sojourn.idle.timout", "sojourn.idle-timeout", Map.of(), Map.of("SOJOURN_IDLE_TIMOUT", "1h"));
    refused("sojourn.redis.url", "sojourn.redis.uri", Map.of(), Map.of("SOJOURN_REDIS_URL", "x"));
    // What such a property is made of.
    check(Map.of("sojourn.redis.uri", "${SOJOURN_REDIS_URL}"), Map.of("SOJOURN_REDIS_URL", "x"));
    check(Map.of("sojourn.secrets[0]", "${SOJOURN_SECRET}"), Map.of("SOJOURN_SECRET", "x"));
  }

  @Test
  void theApplicationDoesNotStart() {
    Throwable failure = assertThrows(RuntimeException.class, () -> start(PlainApplication.class, "sojourn.idle-timout=1h"));
    while (!(failure instanceof OptionException) && failure.getCause() != null) failure = failure.getCause();
    FailureAnalysis analysis = new SojournFailureAnalyzer().analyze(failure);
    assertTrue(analysis.getDescription().contains("there is no property sojourn.idle-timout (\"sojourn.idle-timout\" from property source"), analysis.getDescription());
    assertEquals("Rename it to sojourn.idle-timeout (as an environment variable SOJOURN_IDLETIMEOUT), or remove it.", analysis.getAction());
  }
}
