package dev.sojourn.spring;

import dev.sojourn.SessionsBuilder;

/** What no property says: merges of one's own, migrations, options of the connection. With Spring Boot. */
@FunctionalInterface
public interface SojournSessionsCustomizer {
  /** @param builder with what the properties say, which this may overrule; called once, at start */
  void customize(SessionsBuilder builder);
}
