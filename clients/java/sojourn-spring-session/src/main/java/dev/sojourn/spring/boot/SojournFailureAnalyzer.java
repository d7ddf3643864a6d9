package dev.sojourn.spring.boot;

import dev.sojourn.OptionException;
import java.util.Locale;
import java.util.Map;
import org.springframework.boot.diagnostics.AbstractFailureAnalyzer;
import org.springframework.boot.diagnostics.FailureAnalysis;

/** What is wrong with a property, instead of a stack trace. */
final class SojournFailureAnalyzer extends AbstractFailureAnalyzer<OptionException> {
  /** Where a property is named otherwise than the option. */
  private static final Map<String, String> PROPERTIES =
      Map.of("redis", "redis.uri", "cluster", "redis.cluster", "maxBytes", "maxSize", "maxSessions", "maxSessions.max");

  @Override
  protected FailureAnalysis analyze(Throwable failure, OptionException cause) {
    if (cause instanceof UnknownPropertyException unknown) return analyze(unknown);
    String option = PROPERTIES.getOrDefault(cause.option(), cause.option());
    String property = "sojourn." + option.replaceAll("([a-z])([A-Z])", "$1-$2").toLowerCase(Locale.ROOT);
    String action = "Set " + property + " in the application's properties or environment.";
    if (cause.option().startsWith("secrets")) {
      action += " A secret comes from a random generator, such as `openssl rand -base64 48`, and is the same in all applications"
          + " that share the sessions.";
    }
    return new FailureAnalysis("Sessions cannot be set up: " + property + ": " + problem(cause), action, cause);
  }

  private static FailureAnalysis analyze(UnknownPropertyException unknown) {
    String where = unknown.origin() == null ? "" : " (" + unknown.origin() + ")";
    String action =
        unknown.meant() == null
            ? "Remove it, or name one that there is: they are listed in docs/spring-boot.md, under Properties."
            : "Rename it to " + unknown.meant() + " (as an environment variable " + variable(unknown.meant()) + "), or remove it.";
    return new FailureAnalysis(
        "Sessions cannot be set up: there is no property " + unknown.property() + where + ", and it would have been ignored.", action, unknown);
  }

  private static String variable(String property) {
    return property.replace("-", "").replace('.', '_').toUpperCase(Locale.ROOT);
  }

  private static String problem(OptionException cause) {
    String message = String.valueOf(cause.getMessage());
    int start = message.indexOf("`: ");
    return start < 0 ? message : message.substring(start + 3);
  }
}
