package dev.sojourn.spring;

import java.math.BigDecimal;
import java.time.Instant;
import java.util.Date;
import org.jspecify.annotations.Nullable;

/**
 * All languages share numbers, texts and moments (protocol/README.md, 13), of which Java has more kinds: an attribute that was set
 * to one of them has a note beside it, {@code spring:type:<name>}, by which it comes back as one. What another application has
 * stored there since is given so where it fits.
 */
final class TypeNotes {
  private static final String PREFIX = AttributeNames.NAMESPACE + ":type:";
  private static final String DECIMAL = "decimal";
  private static final String DATE = "date";
  /** Longer than any that {@link BoundedDecimals} allows. */
  private static final int LONGEST_TEXT = 2048;

  private TypeNotes() {}

  private static @Nullable String type(Object value) {
    if (value instanceof Integer) return "int";
    if (value instanceof Short) return "short";
    if (value instanceof Byte) return "byte";
    // One that is not whole comes back as it is.
    if (value instanceof Double number && number == Math.rint(number)) return "double";
    if (isDecimal(value)) return DECIMAL;
    if (isDate(value)) return DATE;
    return value instanceof Float ? "float" : null;
  }

  /** One whose text is itself: of 1E+3 that is another one, 1000. */
  private static boolean isDecimal(Object value) {
    return value.getClass() == BigDecimal.class && BoundedDecimals.isBounded((BigDecimal) value) && ((BigDecimal) value).scale() >= 0;
  }

  private static boolean isDate(Object value) {
    return value.getClass() == Date.class;
  }

  /** As all languages have it: a decimal as its text, a {@code Date} as an {@code Instant}; anything else as it is. */
  static Object shared(Object value) {
    if (isDecimal(value)) return ((BigDecimal) value).toPlainString();
    return isDate(value) ? ((Date) value).toInstant() : value;
  }

  /** @param value null where the attribute is removed */
  static void write(Held held, String stored, @Nullable Object value) {
    String type = value == null ? null : type(value);
    String note = PREFIX + stored;
    if (type != null) held.set(note, type);
    else if (held.has(note)) held.remove(note);
  }

  static Object read(Held held, String stored, Object value) {
    if (value instanceof Number number) return number(number, held.get(PREFIX + stored));
    if (value instanceof String text && DECIMAL.equals(held.get(PREFIX + stored))) return decimal(text);
    if (value instanceof Instant instant && DATE.equals(held.get(PREFIX + stored))) return Date.from(instant);
    return value;
  }

  private static Object decimal(String text) {
    if (text.length() > LONGEST_TEXT) return text;
    try {
      BigDecimal decimal = new BigDecimal(text);
      return BoundedDecimals.isBounded(decimal) ? decimal : text;
    } catch (NumberFormatException another) {
      return text;
    }
  }

  private static Object number(Number value, @Nullable Object type) {
    if (!(value instanceof Long || value instanceof Double)) return value;
    if ("float".equals(type)) return value.floatValue();
    if ("double".equals(type)) return value.doubleValue();
    if (!(value instanceof Long whole)) return value;
    if ("int".equals(type) && whole == whole.intValue()) return whole.intValue();
    if ("short".equals(type) && whole == whole.shortValue()) return whole.shortValue();
    return "byte".equals(type) && whole == whole.byteValue() ? (Object) whole.byteValue() : whole;
  }
}
