package dev.sojourn;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Instant;
import java.util.Base64;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** As {@code JSON.stringify} writes it. Values are in the kinds of {@link Values}. */
final class JsonWriter {
  private final StringBuilder out = new StringBuilder();

  byte[] toBytes() {
    return Bytes.utf8(out.toString());
  }

  /** The outer maps are no values: their keys are never tags. */
  void maps(List<Map<String, @Nullable Object>> maps) {
    out.append('[');
    for (int i = 0; i < maps.size(); i++) {
      if (i > 0) out.append(',');
      properties(maps.get(i));
    }
    out.append(']');
  }

  void value(@Nullable Object value) {
    if (value == null || value instanceof Boolean || value instanceof Long) out.append(value);
    else if (value instanceof String text) string(text);
    else if (value instanceof Double number) number(number);
    else if (value instanceof BigInteger number) tag("$bigint", number.toString());
    else if (value instanceof byte[] bytes) tag("$bytes", Base64.getEncoder().encodeToString(bytes));
    else if (value instanceof Instant instant) out.append("{\"$date\":").append(instant.toEpochMilli()).append('}');
    else if (value instanceof List<?> list) list(list);
    else if (value instanceof Set<?> set) {
      out.append("{\"$set\":");
      list(set);
      out.append('}');
    } else if (value instanceof KeyedMap map) keyed(map);
    else if (value instanceof Map<?, ?> map) object(map);
    else throw new IllegalArgumentException("not normalised: " + value.getClass().getName());
  }

  private void object(Map<?, ?> map) {
    boolean looksLikeTag = map.size() == 1 && ((String) map.keySet().iterator().next()).startsWith("$");
    if (looksLikeTag) out.append("{\"$object\":");
    properties(map);
    if (looksLikeTag) out.append('}');
  }

  private void properties(Map<?, ?> map) {
    out.append('{');
    Iterator<? extends Map.Entry<?, ?>> entries = map.entrySet().iterator();
    while (entries.hasNext()) {
      Map.Entry<?, ?> entry = entries.next();
      string((String) entry.getKey());
      out.append(':');
      value(entry.getValue());
      if (entries.hasNext()) out.append(',');
    }
    out.append('}');
  }

  private void list(Iterable<?> items) {
    out.append('[');
    Iterator<?> iterator = items.iterator();
    while (iterator.hasNext()) {
      value(iterator.next());
      if (iterator.hasNext()) out.append(',');
    }
    out.append(']');
  }

  private void keyed(KeyedMap map) {
    out.append("{\"$map\":[");
    boolean isFirst = true;
    for (Map.Entry<?, ?> entry : map.entrySet()) {
      out.append(isFirst ? "[" : ",[");
      isFirst = false;
      value(entry.getKey());
      out.append(',');
      value(entry.getValue());
      out.append(']');
    }
    out.append("]}");
  }

  private void tag(String tag, String content) {
    out.append("{\"").append(tag).append("\":\"").append(content).append("\"}");
  }

  private void number(double value) {
    if (Double.isNaN(value)) tag("$number", "NaN");
    else if (Double.isInfinite(value)) tag("$number", value > 0 ? "Infinity" : "-Infinity");
    else if (value == 0) tag("$number", "-0");
    else out.append(text(value));
  }

  /** As JavaScript writes numbers (ECMA-262, Number::toString), but for digits that this platform writes too many of. */
  static String text(double value) {
    BigDecimal decimal = new BigDecimal(Double.toString(value)).stripTrailingZeros();
    String digits = decimal.unscaledValue().abs().toString();
    // The decimal point stands behind so many of the digits.
    int point = digits.length() - decimal.scale();
    String sign = value < 0 ? "-" : "";
    if (point > 21 || point <= -6) {
      String rest = digits.length() == 1 ? "" : "." + digits.substring(1);
      return sign + digits.charAt(0) + rest + "e" + (point > 0 ? "+" : "-") + Math.abs(point - 1);
    }
    if (point <= 0) return sign + "0." + "0".repeat(-point) + digits;
    if (point >= digits.length()) return sign + digits + "0".repeat(point - digits.length());
    return sign + digits.substring(0, point) + "." + digits.substring(point);
  }

  private void string(String text) {
    out.append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '"' -> out.append("\\\"");
        case '\\' -> out.append("\\\\");
        case '\b' -> out.append("\\b");
        case '\f' -> out.append("\\f");
        case '\n' -> out.append("\\n");
        case '\r' -> out.append("\\r");
        case '\t' -> out.append("\\t");
        default -> {
          if (c < 0x20) out.append(String.format("\\u%04x", (int) c));
          else out.append(c);
        }
      }
    }
    out.append('"');
  }
}
