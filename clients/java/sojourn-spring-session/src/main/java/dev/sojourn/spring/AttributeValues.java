package dev.sojourn.spring;

import dev.sojourn.AttributeException;
import dev.sojourn.KeyedMap;
import java.math.BigInteger;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What applications set, and what is stored of it (protocol/README.md, 13). Texts, numbers, moments, bytes, lists, sets and maps
 * are what they are in all languages. An object of a Java class is stored as {@code {"$java": {"type": …, "value": …}}}: only
 * of classes that are allowed, when it is set and when it is read.
 */
final class AttributeValues {
  static final String MARK = "$java";
  private static final String TYPE = "type";
  private static final String VALUE = "value";

  /** Refused for its type; which attribute it was says the caller. */
  static final class Refusal extends RuntimeException {
    private static final long serialVersionUID = 1;

    Refusal(String problem) {
      super(problem, null, false, false);
    }

    Refusal(String problem, Throwable cause) {
      super(problem, cause, false, false);
    }

    AttributeException of(String attribute) {
      return new AttributeException(attribute, String.valueOf(getMessage()), getCause());
    }
  }

  /** @param type by whose name it is read again */
  record Form(String type, @Nullable Object value) {}

  /** Objects of some classes, in a form of their own. */
  interface Forms {
    /** @return null for a class that these are not for */
    @Nullable Form write(Object value);

    /** @return null for a class that these are not for */
    @Nullable Object read(String type, @Nullable Object stored);
  }

  private final List<Forms> forms;

  /** @param forms the first that takes a class has it */
  AttributeValues(List<? extends Forms> forms) {
    this.forms = List.copyOf(forms);
  }

  /**
   * In the core's types.
   *
   * @throws AttributeException
   */
  @Nullable Object write(String attribute, Object value) {
    try {
      return write(value);
    } catch (Refusal refusal) {
      throw refusal.of(attribute);
    }
  }

  /** @throws AttributeException */
  @Nullable Object read(String attribute, Object stored) {
    try {
      return read(stored);
    } catch (Refusal refusal) {
      throw refusal.of(attribute);
    }
  }

  /** Whether it can change after it was set. */
  static boolean isMutable(Object value) {
    return !(value instanceof String || value instanceof Boolean || value instanceof Instant || value instanceof Number);
  }

  /** @throws Refusal */
  @Nullable Object write(@Nullable Object value) {
    if (value == null || value instanceof String || value instanceof Boolean || value instanceof Instant) return value;
    if (value instanceof byte[] || isStoredNumber(value)) return value;
    for (Forms each : forms) {
      Form form = each.write(value);
      if (form != null) return marked(form);
    }
    if (value instanceof List<?> list) return writeAll(list, new ArrayList<>(list.size()));
    if (value instanceof Set<?> set) return writeAll(set, new LinkedHashSet<>());
    if (value instanceof Map<?, ?> map) return writeMap(map);
    throw notAllowed(value.getClass().getName(), "cannot be stored");
  }

  private static boolean isStoredNumber(Object value) {
    return value instanceof Long
        || value instanceof Integer
        || value instanceof Double
        || value instanceof Float
        || value instanceof Short
        || value instanceof Byte
        || value instanceof BigInteger;
  }

  private Object writeAll(Collection<?> from, Collection<@Nullable Object> to) {
    for (Object item : from) to.add(write(item));
    return to;
  }

  private Object writeMap(Map<?, ?> map) {
    if (map.size() == 1 && map.containsKey(MARK)) throw new Refusal("a map whose only key is \"" + MARK + "\" cannot be stored");
    boolean isObject = !(map instanceof KeyedMap) && map.keySet().stream().allMatch(String.class::isInstance);
    Map<@Nullable Object, @Nullable Object> written = isObject ? new LinkedHashMap<>() : new KeyedMap();
    map.forEach((key, value) -> written.put(write(key), write(value)));
    return written;
  }

  private static Map<String, Object> marked(Form form) {
    Map<String, @Nullable Object> object = new LinkedHashMap<>();
    object.put(TYPE, form.type);
    object.put(VALUE, form.value);
    return Map.of(MARK, object);
  }

  /** @throws Refusal */
  @Nullable Object read(@Nullable Object stored) {
    if (stored instanceof List<?> list) return readAll(list, new ArrayList<>(list.size()));
    if (stored instanceof Set<?> set) return readAll(set, new LinkedHashSet<>());
    if (!(stored instanceof Map<?, ?> map)) return stored;
    if (!(map instanceof KeyedMap) && map.size() == 1 && map.get(MARK) instanceof Map<?, ?> object) return readObject(object);
    Map<@Nullable Object, @Nullable Object> read = map instanceof KeyedMap ? new KeyedMap() : new LinkedHashMap<>();
    map.forEach((key, value) -> read.put(read(key), read(value)));
    return read;
  }

  private Object readAll(Collection<?> from, Collection<@Nullable Object> to) {
    for (Object item : from) to.add(read(item));
    return to;
  }

  private Object readObject(Map<?, ?> object) {
    if (!(object.get(TYPE) instanceof String type)) throw new Refusal("a marked object without its type");
    for (Forms each : forms) {
      Object value = each.read(type, object.get(VALUE));
      if (value != null) return value;
    }
    throw notAllowed(type, "is not read");
  }

  /** Of a form that holds a list of texts. */
  static List<String> texts(@Nullable Object stored) {
    List<String> texts = new ArrayList<>();
    for (Object text : stored instanceof List<?> list ? list : List.of()) texts.add((String) text);
    return texts;
  }

  private static Refusal notAllowed(String type, String what) {
    return new Refusal(
        "a " + type + " " + what + ": allow its class or package (sojourn.allowed-types=" + type + "), or store a Map, List or text"
            + " that it can be made from; no other class is ever instantiated from what Redis holds");
  }
}
