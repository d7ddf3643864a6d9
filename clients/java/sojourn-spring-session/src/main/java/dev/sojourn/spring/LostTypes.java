package dev.sojourn.spring;

import java.lang.reflect.Field;
import java.lang.reflect.InaccessibleObjectException;
import java.lang.reflect.Modifier;
import java.math.BigDecimal;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Compares an object with what is made of it again. Fields that are declared as {@code Object}, as a type variable or as a class
 * that has further ones do not say what they hold: it would come back as a map or a text, or without a part of it, and nobody would
 * know before it is used.
 */
final class LostTypes {
  private final Set<Object> seen = Collections.newSetFromMap(new IdentityHashMap<>());

  private LostTypes() {}

  /** @return where, and what becomes of what; null: nothing is lost */
  static @Nullable String find(Object value, @Nullable Object again) {
    return new LostTypes().compare("", value, again);
  }

  private @Nullable String compare(String path, @Nullable Object value, @Nullable Object again) {
    if (value == null || again == null) return null;
    if (isLost(value, again)) return path + ": a " + value.getClass().getName() + " would come back as a " + again.getClass().getName();
    if (!seen.add(value)) return null;
    if (value instanceof Map<?, ?> one) return again instanceof Map<?, ?> other ? maps(path, one, other) : null;
    if (value instanceof List<?> one) return again instanceof List<?> other ? lists(path, one.iterator(), other.iterator()) : null;
    if (value instanceof Object[] one) return again instanceof Object[] other ? lists(path, Arrays.asList(one).iterator(), Arrays.asList(other).iterator()) : null;
    if (value instanceof Collection<?> one) return again instanceof Collection<?> other ? sets(path, one, other) : null;
    return isOfTheJdk(value.getClass()) ? null : fields(path, value, again);
  }

  private static boolean isLost(Object value, Object again) {
    Class<?> type = value.getClass();
    boolean isPlain = again instanceof Map || again instanceof Collection || again instanceof String || again instanceof Number;
    if (value instanceof Set != again instanceof Set) return isPlain;
    if (value instanceof BigDecimal) return !(again instanceof BigDecimal);
    if (isOfTheJdk(type)) return again instanceof String && !(value instanceof CharSequence || value instanceof Character);
    boolean isContainer = value instanceof Map || value instanceof Collection || value instanceof CharSequence || value instanceof Number;
    if (isPlain) return !isContainer;
    // What a subclass adds is gone. The constants of an enum may be of subclasses.
    return !(value instanceof Enum) && again.getClass() != type && again.getClass().isAssignableFrom(type);
  }

  private static boolean isOfTheJdk(Class<?> type) {
    return type.isArray() || type.getClassLoader() == null || type.getClassLoader() == ClassLoader.getPlatformClassLoader();
  }

  private @Nullable String maps(String path, Map<?, ?> one, Map<?, ?> other) {
    for (Map.Entry<?, ?> entry : one.entrySet()) {
      Object key = entry.getKey();
      String lost = compare(path + "[…]", entry.getValue(), at(other, key));
      // Where the keys' class is not declared they are texts.
      if (key != null && !(key instanceof String) && at(other, key.toString()) != null && at(other, key) == null) {
        lost = path + "[…]: a " + key.getClass().getName() + " as a key would come back as a " + String.class.getName();
      }
      if (lost != null) return lost;
    }
    return null;
  }

  private static @Nullable Object at(Map<?, ?> map, @Nullable Object key) {
    try {
      return map.get(key);
    } catch (ClassCastException | NullPointerException another) {
      return null;
    }
  }

  private @Nullable String lists(String path, Iterator<?> one, Iterator<?> other) {
    for (int i = 0; one.hasNext() && other.hasNext(); i++) {
      String lost = compare(path + "[" + i + "]", one.next(), other.next());
      if (lost != null) return lost;
    }
    return null;
  }

  /** Without an order: one is lost that could be none of those that come back. */
  private @Nullable String sets(String path, Collection<?> one, Collection<?> other) {
    for (Object value : one) {
      boolean isThere = value == null || other.isEmpty() || other.stream().anyMatch(again -> again == null || !isLost(value, again));
      if (!isThere) return compare(path + "[]", value, other.iterator().next());
    }
    return null;
  }

  private @Nullable String fields(String path, Object value, Object again) {
    for (Class<?> type = value.getClass(); type != null && !isOfTheJdk(type); type = type.getSuperclass()) {
      if (!type.isInstance(again)) continue;
      for (Field field : type.getDeclaredFields()) {
        if (Modifier.isStatic(field.getModifiers()) || Modifier.isTransient(field.getModifiers())) continue;
        String lost = compare(path + "." + field.getName(), read(field, value), read(field, again));
        if (lost != null) return lost;
      }
    }
    return null;
  }

  private static @Nullable Object read(Field field, Object of) {
    if (field.getType().isPrimitive()) return null;
    try {
      field.setAccessible(true);
      return field.get(of);
    } catch (IllegalAccessException | InaccessibleObjectException closed) {
      return null;
    }
  }
}
