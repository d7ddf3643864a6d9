package dev.sojourn.spring;

import dev.sojourn.AttributeException;
import dev.sojourn.KeyedMap;
import java.math.BigInteger;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * What applications set, and what is stored of it (protocol/README.md, 13). Texts, numbers, moments, bytes, lists, sets and maps
 * are what they are in all languages. An object of a Java class is stored as {@code {"$java": {"type": …, "value": …}}}: only
 * of classes that are allowed, when it is set and when it is read, and only where no other application can write. Everywhere else
 * such a map is a map: whoever sends one to an application on another stack must not have objects made here.
 */
final class AttributeValues {
  static final String MARK = "$java";
  private static final String TYPE = "type";
  private static final String VALUE = "value";
  /** A map that looks like a marked object, among marked objects. */
  private static final String MAP = "java.util.Map";
  /** Deeper ones the core refuses. */
  private static final int MAX_DEPTH = 64;

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

  /** @param isShared whether it is wholly of the types that all languages have, and holds no marked object */
  record Written(@Nullable Object value, boolean isShared) {}

  /**
   * In the core's types.
   *
   * @throws AttributeException
   */
  Written write(String attribute, Object value) {
    try {
      Writer shared = new Writer(false);
      Object written = shared.write(value);
      if (shared.hasObjects && shared.hasLookalikes) written = write(value);
      return new Written(written, !shared.hasObjects);
    } catch (Refusal refusal) {
      throw refusal.of(attribute);
    }
  }

  /**
   * In the core's types, for where only Spring's applications write.
   *
   * @throws AttributeException
   */
  @Nullable Object writePrivate(String attribute, Object value) {
    try {
      return write(value);
    } catch (Refusal refusal) {
      throw refusal.of(attribute);
    }
  }

  /**
   * What only Spring's applications have written.
   *
   * @throws AttributeException also where it is malformed
   */
  @Nullable Object readPrivate(String attribute, Object stored) {
    try {
      return read(stored);
    } catch (Refusal refusal) {
      throw refusal.of(attribute);
    }
  }

  /** What anybody may have written: nothing is made of it. A copy that can be changed. */
  @Nullable Object readShared(@Nullable Object stored) {
    return copy(stored, this::readShared);
  }

  /** Whether it can change after it was set. */
  static boolean isMutable(Object value) {
    return !(value instanceof String || value instanceof Boolean || value instanceof Instant || value instanceof Number);
  }

  /** @throws Refusal */
  @Nullable Object write(@Nullable Object value) {
    return new Writer(true).write(value);
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

  private final class Writer {
    private final boolean isPrivate;
    private final Set<Object> around = Collections.newSetFromMap(new IdentityHashMap<>());
    private boolean hasObjects;
    private boolean hasLookalikes;

    Writer(boolean isPrivate) {
      this.isPrivate = isPrivate;
    }

    @Nullable Object write(@Nullable Object value) {
      if (value == null || value instanceof String || value instanceof Boolean || value instanceof Instant) return value;
      if (value instanceof byte[] || isStoredNumber(value)) return value;
      if (around.size() > MAX_DEPTH || !around.add(value)) throw new Refusal("it holds itself, or is nested too deeply");
      Object written = writeInner(value);
      around.remove(value);
      return written;
    }

    private Object writeInner(Object value) {
      for (Forms each : forms) {
        Form form = each.write(value);
        if (form == null) continue;
        hasObjects = true;
        return marked(form);
      }
      if (value instanceof List<?> list) return writeAll(list, new ArrayList<>(list.size()));
      if (value instanceof Set<?> set) return writeAll(set, new LinkedHashSet<>());
      if (value instanceof Map<?, ?> map) return writeMap(map);
      throw notAllowed(value.getClass().getName(), "cannot be stored");
    }

    private Object writeAll(Collection<?> from, Collection<@Nullable Object> to) {
      for (Object item : from) to.add(write(item));
      return to;
    }

    private Object writeMap(Map<?, ?> map) {
      boolean isObject = !(map instanceof KeyedMap) && map.keySet().stream().allMatch(String.class::isInstance);
      Map<@Nullable Object, @Nullable Object> written = isObject ? new LinkedHashMap<>() : new KeyedMap();
      map.forEach((key, value) -> written.put(write(key), write(value)));
      if (!isObject || map.size() != 1 || !map.containsKey(MARK)) return written;
      hasLookalikes = true;
      return isPrivate ? marked(new Form(MAP, written)) : written;
    }
  }

  private static Map<String, Object> marked(Form form) {
    Map<String, @Nullable Object> object = new LinkedHashMap<>();
    object.put(TYPE, form.type);
    object.put(VALUE, form.value);
    return Map.of(MARK, object);
  }

  /** @throws Refusal also where it is malformed */
  @Nullable Object read(@Nullable Object stored) {
    boolean isMarked = stored instanceof Map<?, ?> map && !(map instanceof KeyedMap) && map.size() == 1 && map.containsKey(MARK);
    return isMarked ? readObject(((Map<?, ?>) stored).get(MARK)) : copy(stored, this::read);
  }

  private static @Nullable Object copy(@Nullable Object stored, UnaryOperator<@Nullable Object> inner) {
    if (stored instanceof List<?> list) return copyAll(list, new ArrayList<>(list.size()), inner);
    if (stored instanceof Set<?> set) return copyAll(set, new LinkedHashSet<>(), inner);
    if (!(stored instanceof Map<?, ?> map)) return stored;
    Map<@Nullable Object, @Nullable Object> copy = map instanceof KeyedMap ? new KeyedMap() : new LinkedHashMap<>();
    map.forEach((key, value) -> copy.put(inner.apply(key), inner.apply(value)));
    return copy;
  }

  private static Object copyAll(Collection<?> from, Collection<@Nullable Object> to, UnaryOperator<@Nullable Object> inner) {
    for (Object item : from) to.add(inner.apply(item));
    return to;
  }

  private Object readObject(@Nullable Object marked) {
    if (!(marked instanceof Map<?, ?> object && object.get(TYPE) instanceof String type)) throw new Refusal("a marked object without its type");
    Object stored = object.get(VALUE);
    if (type.equals(MAP) && stored instanceof Map<?, ?>) return Objects.requireNonNull(copy(stored, this::read));
    for (Forms each : forms) {
      Object value = readForm(each, type, stored);
      if (value != null) return value;
    }
    throw notAllowed(type, "is not read");
  }

  /** What was not written by these forms is refused, whatever they stumble over. */
  private static @Nullable Object readForm(Forms forms, String type, @Nullable Object stored) {
    try {
      return forms.read(type, stored);
    } catch (Refusal refusal) {
      throw refusal;
    } catch (RuntimeException | LinkageError error) {
      throw malformed("a " + type, error);
    }
  }

  static Refusal malformed(String what, Throwable error) {
    return new Refusal(what + " cannot be made from what is stored, see the cause", error);
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
