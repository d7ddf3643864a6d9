package dev.sojourn;

import java.math.BigInteger;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** JSON, where values that it has no form for are objects with one key (protocol/README.md, 6). */
final class JsonCodec extends Codec {
  private static final Pattern BIG_INTEGER = Pattern.compile("0|-?[1-9][0-9]*");

  JsonCodec() {
    super(1);
  }

  @Override
  int encodedSize(@Nullable Object value) {
    JsonWriter writer = new JsonWriter();
    writer.value(value);
    return writer.toBytes().length;
  }

  @Override
  byte[] write(List<Map<String, @Nullable Object>> maps) {
    JsonWriter writer = new JsonWriter();
    writer.maps(maps);
    return writer.toBytes();
  }

  @Override
  List<Map<String, @Nullable Object>> read(byte[] bytes) {
    Object parsed = new JsonReader(Values.utf8(bytes, 0, bytes.length)).document();
    if (!(parsed instanceof List<?> list)) throw fail("the payload is not a list of maps");
    List<Map<String, @Nullable Object>> maps = new ArrayList<>();
    for (Object item : list) {
      if (!(item instanceof Map<?, ?> map)) throw fail("the payload is not a list of maps");
      Map<String, @Nullable Object> values = new LinkedHashMap<>();
      map.forEach((name, value) -> values.put((String) name, revived(value)));
      maps.add(values);
    }
    return maps;
  }

  /** One attribute's value of what was parsed: the tags are replaced. */
  static @Nullable Object revived(@Nullable Object parsed) {
    return new Revival().value(parsed, 0);
  }

  private static final class Revival {
    private int nodes;

    @Nullable Object value(@Nullable Object value, int depth) {
      if (++nodes > Values.MAX_NODES) throw fail("too many values");
      if (value instanceof List<?> list) return list(list, depth);
      if (!(value instanceof Map<?, ?> map)) return value;
      if (map.size() == 1) {
        Map.Entry<?, ?> only = map.entrySet().iterator().next();
        if (((String) only.getKey()).startsWith("$")) return tagged((String) only.getKey(), only.getValue(), depth);
      }
      return object(map, depth);
    }

    private @Nullable Object tagged(String tag, @Nullable Object content, int depth) {
      return switch (tag) {
        case "$date" -> date(content);
        case "$bigint" -> bigInteger(content);
        case "$bytes" -> bytes(content);
        case "$number" -> number(content);
        case "$set" -> set(content, depth);
        case "$map" -> keyed(content, depth);
        case "$object" -> {
          if (!(content instanceof Map<?, ?> map)) throw fail("$object without an object");
          yield object(map, depth);
        }
        default -> throw fail("a tag that is not known");
      };
    }

    private Map<String, @Nullable Object> object(Map<?, ?> map, int depth) {
      enter(depth);
      Map<String, @Nullable Object> object = new LinkedHashMap<>();
      map.forEach((key, item) -> object.put((String) key, value(item, depth + 1)));
      return object;
    }

    private List<@Nullable Object> list(List<?> list, int depth) {
      enter(depth);
      List<@Nullable Object> items = new ArrayList<>(list.size());
      for (Object item : list) items.add(value(item, depth + 1));
      return items;
    }

    private Set<@Nullable Object> set(@Nullable Object content, int depth) {
      if (!(content instanceof List<?> members)) throw fail("$set without a list");
      Set<@Nullable Object> set = Values.setOf(list(members, depth));
      if (set == null) throw fail("a set with the same member twice");
      return set;
    }

    private KeyedMap keyed(@Nullable Object content, int depth) {
      if (!(content instanceof List<?> entries)) throw fail("$map without a list");
      enter(depth);
      KeyedMap map = new KeyedMap();
      for (Object item : entries) {
        if (!(item instanceof List<?> pair) || pair.size() != 2) throw fail("$map without pairs");
        Object key = value(pair.get(0), depth + 1);
        if (!map.add(key, value(pair.get(1), depth + 1))) throw fail("a map with the same key twice");
      }
      return map;
    }

    private static void enter(int depth) {
      if (depth == Values.MAX_DEPTH) throw fail("nested too deeply");
    }
  }

  private static Instant date(@Nullable Object content) {
    if (content instanceof Double minusZero && minusZero == 0) return Instant.EPOCH;
    if (content instanceof Long ms && Values.isDate(ms)) return Instant.ofEpochMilli(ms);
    throw fail("$date without milliseconds");
  }

  private static BigInteger bigInteger(@Nullable Object content) {
    if (content instanceof String digits && BIG_INTEGER.matcher(digits).matches()) return new BigInteger(digits);
    throw fail("$bigint without decimal digits");
  }

  private static byte[] bytes(@Nullable Object content) {
    if (!(content instanceof String text)) throw fail("$bytes without text");
    try {
      byte[] decoded = Base64.getDecoder().decode(text);
      // The decoder takes what lacks its padding, or has bits beyond the last byte.
      if (Base64.getEncoder().encodeToString(decoded).equals(text)) return decoded;
    } catch (IllegalArgumentException notBase64) {
      // As below.
    }
    throw fail("$bytes without base64");
  }

  private static double number(@Nullable Object content) {
    if ("NaN".equals(content)) return Double.NaN;
    if ("Infinity".equals(content)) return Double.POSITIVE_INFINITY;
    if ("-Infinity".equals(content)) return Double.NEGATIVE_INFINITY;
    if ("-0".equals(content)) return -0.0;
    throw fail("$number without one");
  }

  private static MalformedPayloadException fail(String problem) {
    return new MalformedPayloadException(problem);
  }
}
