package dev.sojourn.spring;

import org.jspecify.annotations.Nullable;

/**
 * Spring's names for attributes and the stored ones (protocol/README.md, 13): what belongs to Spring alone is stored with
 * {@code spring:} in front, everything else is shared with all applications under its plain name.
 */
final class AttributeNames {
  static final String NAMESPACE = "spring";
  private static final String PREFIX = NAMESPACE + ":";

  private AttributeNames() {}

  static boolean isSprings(String name) {
    return name.startsWith("SPRING_SECURITY") || name.startsWith("org.springframework.");
  }

  static String stored(String name) {
    return isSprings(name) ? PREFIX + name : name;
  }

  /** Null for what is no attribute of Spring's applications, but a note of this module. */
  static @Nullable String shown(String stored) {
    if (!stored.startsWith(PREFIX)) return stored;
    String name = stored.substring(PREFIX.length());
    return isSprings(name) ? name : null;
  }
}
