package dev.sojourn;

import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What the value of an attribute may be, and what it comes back as:
 *
 * <ul>
 *   <li>null, {@link Boolean}, {@link String} without lone surrogates;
 *   <li>whole numbers within ±(2^53 − 1) as {@link Long}, whatever class they were given in (also a {@code Double} that is
 *       whole: JavaScript knows no difference); {@link BigInteger} as that, and a {@code long} beyond ±(2^53 − 1) too; other
 *       numbers as {@link Double};
 *   <li>{@link List}; {@link Map} with texts as keys as {@link LinkedHashMap}, with others as {@link KeyedMap}; {@link Set}
 *       as a {@link LinkedHashSet};
 *   <li>{@code byte[]}; {@link Instant} to the millisecond, rounded down.
 * </ul>
 *
 * Everything else is refused.
 */
final class Values {
  /** Containers inside each other. */
  static final int MAX_DEPTH = 64;
  /** Values in one attribute, counting each container, element, property's value, key and member. */
  static final int MAX_NODES = 100_000;
  /** UTF-8 bytes of an attribute's name. */
  private static final int MAX_NAME_BYTES = 256;
  private static final long MAX_SAFE = (1L << 53) - 1;
  private static final BigInteger BIG_MAX_SAFE = BigInteger.valueOf(MAX_SAFE);
  /** JavaScript's dates, milliseconds. */
  private static final long MAX_DATE = 8_640_000_000_000_000L;
  private static final Set<String> FORBIDDEN_NAMES = Set.of("__proto__", "constructor", "prototype");

  private Values() {}

  /** A value of no storable kind, and where. */
  private static final class Refusal extends Exception {
    private static final long serialVersionUID = 1;
    private final StringBuilder path = new StringBuilder();

    Refusal(String problem) {
      super(problem, null, false, false);
    }

    Refusal at(String step) {
      path.insert(0, path.length() > 0 && path.charAt(0) != '[' && !step.isEmpty() ? step + "." : step);
      return this;
    }
  }

  /** What is wrong with an attribute's name, or null. */
  static @Nullable String nameProblem(String name) {
    if (name.isEmpty()) return "a name cannot be empty";
    if (FORBIDDEN_NAMES.contains(name)) return "this name is not allowed";
    if (!isWellFormed(name)) return "text with a lone surrogate cannot be stored";
    if (name.length() * 3 > MAX_NAME_BYTES && Bytes.utf8(name).length > MAX_NAME_BYTES) {
      return "a name has at most " + MAX_NAME_BYTES + " bytes in UTF-8";
    }
    return null;
  }

  /** @throws AttributeException for a name that no attribute can have */
  static void checkName(String name) {
    String problem = nameProblem(name);
    if (problem != null) throw new AttributeException(name, problem);
  }

  /**
   * A deep copy in the kinds above, which is what the value will come back as.
   *
   * @throws AttributeException naming the attribute, the place in it and the type that cannot be stored
   */
  static @Nullable Object normalise(String attribute, @Nullable Object value) {
    try {
      return new Walk().value(value);
    } catch (Refusal refusal) {
      String path = refusal.path.length() > 200 ? refusal.path.substring(0, 197) + "..." : refusal.path.toString();
      throw new AttributeException(attribute, (path.isEmpty() ? "" : "at " + path + ": ") + refusal.getMessage());
    }
  }

  private static final class Walk {
    private int nodes;
    private int depth;

    @Nullable Object value(@Nullable Object value) throws Refusal {
      if (++nodes > MAX_NODES) throw new Refusal("more than " + MAX_NODES + " values in one attribute");
      if (value == null || value instanceof Boolean) return value;
      if (value instanceof String text) {
        if (isWellFormed(text)) return text;
        throw new Refusal("text with a lone surrogate cannot be stored: UTF-8 cannot hold it");
      }
      if (value instanceof Number given) {
        Object number = number(given);
        if (number != null) return number;
      }
      if (value instanceof byte[] bytes) return bytes.clone();
      if (value instanceof Instant instant) return date(instant);
      if (value instanceof List<?> list) return list(list);
      if (value instanceof Set<?> set) return set(set);
      if (value instanceof Map<?, ?> map) return map(map);
      throw new Refusal(advice(value));
    }

    private Instant date(Instant instant) throws Refusal {
      boolean isKnown = Math.abs(instant.getEpochSecond()) <= MAX_DATE / 1000;
      Instant date = isKnown ? Instant.ofEpochMilli(instant.toEpochMilli()) : instant;
      if (isKnown && Math.abs(date.toEpochMilli()) <= MAX_DATE) return date;
      throw new Refusal("an instant more than 100,000,000 days from 1970 cannot be stored");
    }

    private void enter() throws Refusal {
      if (depth++ == MAX_DEPTH) throw new Refusal("nested deeper than " + MAX_DEPTH + " levels, or a value that contains itself");
    }

    private List<@Nullable Object> items(Collection<?> collection, String step) throws Refusal {
      enter();
      List<@Nullable Object> items = new ArrayList<>(collection.size());
      for (Object item : collection) {
        try {
          items.add(value(item));
        } catch (Refusal refusal) {
          throw refusal.at("[" + step + items.size() + "]");
        }
      }
      depth--;
      return items;
    }

    private List<@Nullable Object> list(List<?> list) throws Refusal {
      return items(list, "");
    }

    private Set<@Nullable Object> set(Set<?> given) throws Refusal {
      Set<@Nullable Object> set = setOf(items(given, "member "));
      if (set == null) throw new Refusal("two members become the same one when stored");
      return set;
    }

    private Map<?, @Nullable Object> map(Map<?, ?> map) throws Refusal {
      boolean isObject = !(map instanceof KeyedMap) && map.keySet().stream().allMatch(String.class::isInstance);
      return isObject ? object(map) : keyed(map);
    }

    private Map<String, @Nullable Object> object(Map<?, ?> map) throws Refusal {
      enter();
      Map<String, @Nullable Object> object = new LinkedHashMap<>();
      for (Map.Entry<?, ?> entry : map.entrySet()) {
        String key = (String) entry.getKey();
        try {
          if (!isWellFormed(key)) throw new Refusal("a key with a lone surrogate cannot be stored");
          object.put(key, value(entry.getValue()));
        } catch (Refusal refusal) {
          throw refusal.at(property(key));
        }
      }
      depth--;
      return object;
    }

    private KeyedMap keyed(Map<?, ?> map) throws Refusal {
      enter();
      KeyedMap keyed = new KeyedMap();
      for (Map.Entry<?, ?> entry : map.entrySet()) {
        String step = "[key ";
        try {
          Object key = value(entry.getKey());
          step = "[value ";
          if (!keyed.add(key, value(entry.getValue()))) throw new Refusal("two keys become the same one when stored");
        } catch (Refusal refusal) {
          throw refusal.at(step + keyed.size() + "]");
        }
      }
      depth--;
      return keyed;
    }

    private static String property(String key) {
      return key.matches("[A-Za-z_$][A-Za-z0-9_$]{0,59}") ? key : "[" + SojournException.quote(key) + "]";
    }

    /** What to do instead. */
    private static String advice(Object value) {
      String type = "a " + value.getClass().getName() + " cannot be stored";
      if (value instanceof Enum<?>) return type + "; store its name()";
      if (value instanceof Character || value instanceof CharSequence) return type + "; store its toString()";
      if (value instanceof Number) return type + "; store its exact text, or what longValue() or doubleValue() makes of it";
      if (value instanceof java.util.Date) return type + "; store its toInstant()";
      if (value instanceof java.time.temporal.Temporal) return type + "; store an Instant, or its text";
      if (value instanceof Collection<?>) return type + "; store a List or a Set of the same elements";
      if (value.getClass().isArray()) return type + "; of arrays only byte[] can be, store a List";
      return type + "; store a Map, List or text that it can be made from again: no class of yours is ever instantiated from what Redis holds";
    }
  }

  /** As it is stored, or null for a number that only a conversion with loss could store. */
  static @Nullable Object number(Number given) {
    if (given instanceof Long || given instanceof Integer || given instanceof Short || given instanceof Byte) {
      return whole(given.longValue());
    }
    if (given instanceof Double || given instanceof Float) return number(given.doubleValue());
    return given instanceof BigInteger ? given : null;
  }

  /** A {@code Long} within ±(2^53 − 1), else a {@code BigInteger}. */
  static Object whole(long value) {
    return Math.abs(value) <= MAX_SAFE && value != Long.MIN_VALUE ? (Object) value : BigInteger.valueOf(value);
  }

  /** As {@link #whole(long)}. */
  static Object whole(BigInteger value) {
    return value.abs().compareTo(BIG_MAX_SAFE) <= 0 ? (Object) value.longValue() : value;
  }

  /** A {@code Long} where it is one within ±(2^53 − 1), and not minus zero. */
  static Object number(double value) {
    boolean isWhole = value == Math.rint(value) && Math.abs(value) <= MAX_SAFE;
    boolean isMinusZero = value == 0 && 1 / value < 0;
    return isWhole && !isMinusZero ? (Object) (long) value : (Object) value;
  }

  /** Whether JavaScript compares it by value, as a key or a member. */
  static boolean isScalar(@Nullable Object value) {
    return value == null || value instanceof Boolean || value instanceof String || value instanceof Number;
  }

  static boolean isDate(long ms) {
    return Math.abs(ms) <= MAX_DATE && ms != Long.MIN_VALUE;
  }

  /** The members in their order, or null when one is there twice. */
  static @Nullable Set<@Nullable Object> setOf(List<@Nullable Object> members) {
    Set<@Nullable Object> set = new LinkedHashSet<>(members);
    boolean hasZeros = set.contains(0L) && set.contains(-0.0);
    if (set.size() == members.size() && !hasZeros) return set;
    // Equal lists, maps and dates are different members in JavaScript.
    KeyedMap keys = new KeyedMap();
    for (Object member : members) {
      if (!keys.add(member, true)) return null;
    }
    return members(keys);
  }

  @SuppressWarnings({"unchecked", "rawtypes"})
  private static Set<@Nullable Object> members(KeyedMap keys) {
    return (Set<@Nullable Object>) (Set) keys.keySet();
  }

  static boolean isWellFormed(String text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (!Character.isSurrogate(c)) continue;
      boolean isPair = Character.isHighSurrogate(c) && i + 1 < text.length() && Character.isLowSurrogate(text.charAt(i + 1));
      if (!isPair) return false;
      i++;
    }
    return true;
  }

  /** A deep copy of a value in the kinds above. */
  static @Nullable Object copy(@Nullable Object value) {
    if (value instanceof byte[] bytes) return bytes.clone();
    if (value instanceof List<?> list) {
      List<@Nullable Object> copy = new ArrayList<>(list.size());
      for (Object item : list) copy.add(copy(item));
      return copy;
    }
    if (value instanceof Set<?> set) {
      List<@Nullable Object> copy = new ArrayList<>(set.size());
      for (Object item : set) copy.add(copy(item));
      return setOf(copy);
    }
    if (value instanceof KeyedMap map) {
      KeyedMap copy = new KeyedMap();
      map.forEach((key, item) -> copy.add(copy(key), copy(item)));
      return copy;
    }
    if (value instanceof Map<?, ?> map) {
      Map<@Nullable Object, @Nullable Object> copy = new LinkedHashMap<>();
      map.forEach((key, item) -> copy.put(key, copy(item)));
      return copy;
    }
    return value;
  }

  /**
   * Whether two values in the kinds above are the same once stored. NaN equals itself, 0 and −0 differ. The order of an
   * object's properties does not matter; that of a {@link KeyedMap}'s entries and a set's members does.
   */
  static boolean equal(@Nullable Object a, @Nullable Object b) {
    if (a == b) return true;
    if (a == null || b == null) return false;
    if (a instanceof byte[] left) return b instanceof byte[] right && Arrays.equals(left, right);
    if (a instanceof List<?> left) return b instanceof List<?> right && equalAll(left, right);
    if (a instanceof Set<?> left) return b instanceof Set<?> right && equalAll(left, right);
    if (a instanceof KeyedMap left) {
      return b instanceof KeyedMap right && equalAll(left.keySet(), right.keySet()) && equalAll(left.values(), right.values());
    }
    if (a instanceof Map<?, ?> left) {
      return b instanceof Map<?, ?> right && !(b instanceof KeyedMap) && equalObjects(left, right);
    }
    return a.equals(b);
  }

  private static boolean equalAll(Collection<?> a, Collection<?> b) {
    if (a.size() != b.size()) return false;
    Iterator<?> other = b.iterator();
    for (Object item : a) {
      if (!equal(item, other.next())) return false;
    }
    return true;
  }

  private static boolean equalObjects(Map<?, ?> a, Map<?, ?> b) {
    if (a.size() != b.size()) return false;
    for (Map.Entry<?, ?> entry : a.entrySet()) {
      if (!b.containsKey(entry.getKey()) || !equal(entry.getValue(), b.get(entry.getKey()))) return false;
    }
    return true;
  }

  /** As {@link #equal}, for values that are as the application has them. */
  static boolean sameContent(@Nullable Object a, @Nullable Object b) {
    try {
      return equal(new Walk().value(a), new Walk().value(b));
    } catch (Refusal refusal) {
      return false;
    }
  }

  /** @throws MalformedPayloadException for bytes that are no UTF-8 */
  static String utf8(byte[] bytes, int start, int length) {
    // The decoder that replaces is several times as fast: what it had to replace does not come out as it went in.
    String text = new String(bytes, start, length, StandardCharsets.UTF_8);
    if (text.indexOf('\ufffd') < 0) return text;
    if (Arrays.equals(Bytes.utf8(text), Bytes.slice(bytes, start, start + length))) return text;
    throw new MalformedPayloadException("text that is not UTF-8");
  }
}
