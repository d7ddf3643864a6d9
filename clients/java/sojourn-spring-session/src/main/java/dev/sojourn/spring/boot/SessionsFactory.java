package dev.sojourn.spring.boot;

import dev.sojourn.Merge;
import dev.sojourn.Merges;
import dev.sojourn.OptionException;
import dev.sojourn.SessionLimit;
import dev.sojourn.SessionListener;
import dev.sojourn.Sessions;
import dev.sojourn.SessionsBuilder;
import dev.sojourn.spring.SojournSessionsCustomizer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.convert.DurationStyle;
import org.springframework.core.env.Environment;

/** {@link Sessions} from properties. */
final class SessionsFactory {
  private static final String UNION = "union:";
  private static final Pattern VARIABLE = Pattern.compile("\\$\\{([\\w.-]+)\\}");

  private SessionsFactory() {}

  static Sessions sessions(
      SojournProperties properties,
      Environment environment,
      List<SessionListener> listeners,
      List<SojournSessionsCustomizer> customizers) {
    SessionsBuilder builder = Sessions.builder().namespace("spring");
    if (properties.secrets().isEmpty()) {
      throw new OptionException("secrets", "is missing: at least one text of 32 bytes or more, the same in all applications");
    }
    for (int i = 0; i < properties.secrets().size(); i++) refuseUnset("secrets[" + i + "]", properties.secrets().get(i));
    builder.secrets(properties.secrets().toArray(new String[0]));
    address(builder, properties.redis());
    given(properties.pepper(), pepper -> refuseUnset("pepper", pepper));
    given(properties.pepper(), pepper -> builder.pepper(pepper.getBytes(StandardCharsets.UTF_8)));
    given(properties.prefix(), builder::prefix);
    given(properties.commandTimeout(), builder::commandTimeout);
    given(idleTimeout(properties, environment), builder::idleTimeout);
    given(properties.absoluteTimeout(), builder::absoluteTimeout);
    given(properties.touchAfter(), builder::touchAfter);
    given(properties.seal(), builder::seal);
    given(properties.codec(), builder::codec);
    given(properties.maxSize(), size -> builder.maxBytes(Math.toIntExact(size.toBytes())));
    given(properties.rotateEvery(), builder::rotateEvery);
    given(properties.rotationGrace(), builder::rotationGrace);
    given(properties.rotationPatience(), builder::rotationPatience);
    given(properties.reuseWindow(), builder::reuseWindow);
    given(properties.maxSessions(), limit -> builder.maxSessions(limit(limit)));
    given(properties.version(), builder::version);
    if (properties.endReused()) builder.endReused();
    if (properties.tellExpired()) builder.tellExpired();
    properties.merge().forEach((name, merge) -> builder.merge(name, merge(name, merge)));
    if (!listeners.isEmpty()) builder.listener(listeners.size() == 1 ? listeners.get(0) : new SeveralListeners(listeners));
    for (SojournSessionsCustomizer customizer : customizers) customizer.customize(builder);
    return builder.build();
  }

  private static <T> void given(@Nullable T value, Consumer<T> use) {
    if (value != null) use.accept(value);
  }

  /** Spring leaves a placeholder that nothing fills as it is: a secret that everybody who sees the properties knows. */
  private static void refuseUnset(String option, String secret) {
    if (!secret.contains("${")) return;
    Matcher variable = VARIABLE.matcher(secret);
    // Of a text that is more than that nothing is quoted: it may be a secret.
    String name = variable.matches() ? " " + variable.group(1) : "";
    throw new OptionException(option, "the environment variable" + name + " is not set: without it the secret would be ${…} itself");
  }

  private static void address(SessionsBuilder builder, SojournProperties.Redis redis) {
    String uri = redis.uri() == null || redis.uri().isBlank() ? null : redis.uri();
    if (uri != null && !redis.cluster().isEmpty()) throw new OptionException("redis", "takes uri or cluster, and not both");
    if (uri != null) builder.redis(uri);
    else if (!redis.cluster().isEmpty()) builder.cluster(redis.cluster().toArray(new String[0]));
    else throw new OptionException("redis.uri", "is missing, such as redis://localhost:6379; or redis.cluster");
  }

  /** Sojourn's own, or that of the application's sessions before. */
  private static @Nullable Duration idleTimeout(SojournProperties properties, Environment environment) {
    if (properties.idleTimeout() != null) return properties.idleTimeout();
    for (String name : List.of("spring.session.timeout", "server.servlet.session.timeout")) {
      String text = environment.getProperty(name);
      if (text != null) return DurationStyle.detectAndParse(text, java.time.temporal.ChronoUnit.SECONDS);
    }
    return null;
  }

  private static SessionLimit limit(SojournProperties.MaxSessions given) {
    if (given.max() == null) throw new OptionException("maxSessions.max", "is missing");
    SessionLimit limit = SessionLimit.of(given.max()).policy(given.policy());
    for (var kind : given.kinds().entrySet()) limit = limit.kind(kind.getKey(), kind.getValue());
    return limit;
  }

  private static Merge merge(String name, String merge) {
    if (merge.equals("counter")) return Merges.counter();
    if (merge.equals("fields")) return Merges.fields();
    if (merge.startsWith(UNION) && merge.length() > UNION.length()) return Merges.union(merge.substring(UNION.length()));
    throw new OptionException("merge." + name, "takes counter, fields or union:<key of the items>");
  }
}
