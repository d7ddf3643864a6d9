package dev.sojourn.spring;

import org.jspecify.annotations.Nullable;

/**
 * Spring's names for attributes and the stored ones (protocol/README.md, 13): what belongs to Spring alone is stored with
 * {@code spring:} in front, and so are objects of Java classes, {@code spring:object:<name>}. Everything else is shared with all
 * applications under its plain name.
 */
final class AttributeNames {
  static final String NAMESPACE = "spring";
  private static final String PREFIX = NAMESPACE + ":";
  private static final String OBJECT = PREFIX + "object:";

  private AttributeNames() {}

  static boolean isSprings(String name) {
    return name.startsWith("SPRING_SECURITY") || name.startsWith("org.springframework.");
  }

  /** Of this module's own stored names: no attribute of an application. */
  static boolean isReserved(String name) {
    return name.startsWith(PREFIX);
  }

  static String stored(String name) {
    return isSprings(name) ? PREFIX + name : name;
  }

  /** Where an attribute is stored that is an object of a Java class, or holds one. */
  static String ofObject(String name) {
    return OBJECT + name;
  }

  /** Null for what is no attribute of Spring's applications, but a note of this module. */
  static @Nullable String shown(String stored) {
    if (!stored.startsWith(PREFIX)) return stored;
    if (stored.startsWith(OBJECT)) return stored.substring(OBJECT.length());
    String name = stored.substring(PREFIX.length());
    return isSprings(name) ? name : null;
  }
}
