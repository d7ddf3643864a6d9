package dev.sojourn.spring;

import org.jspecify.annotations.Nullable;

/**
 * All languages share numbers, of which a whole one is a {@code Long} here: an attribute that was set to one has a note beside it, {@code
 * spring:type:<name>}, by which it comes back as one. What another application has stored there since is given so where it fits.
 */
final class NumberNotes {
  private static final String PREFIX = AttributeNames.NAMESPACE + ":type:";

  private NumberNotes() {}

  private static @Nullable String type(Object value) {
    if (value instanceof Integer) return "int";
    if (value instanceof Short) return "short";
    if (value instanceof Byte) return "byte";
    // One that is not whole comes back as it is.
    if (value instanceof Double number && number == Math.rint(number)) return "double";
    return value instanceof Float ? "float" : null;
  }

  /** @param value null where the attribute is removed */
  static void write(Held held, String stored, @Nullable Object value) {
    String type = value == null ? null : type(value);
    String note = PREFIX + stored;
    if (type != null) held.set(note, type);
    else if (held.has(note)) held.remove(note);
  }

  static Object read(Held held, String stored, Object value) {
    if (!(value instanceof Long || value instanceof Double)) return value;
    Number number = (Number) value;
    Object type = held.get(PREFIX + stored);
    if ("float".equals(type)) return number.floatValue();
    if ("double".equals(type)) return number.doubleValue();
    if (!(value instanceof Long whole)) return value;
    if ("int".equals(type) && whole == whole.intValue()) return whole.intValue();
    if ("short".equals(type) && whole == whole.shortValue()) return whole.shortValue();
    return "byte".equals(type) && whole == whole.byteValue() ? (Object) whole.byteValue() : whole;
  }
}
