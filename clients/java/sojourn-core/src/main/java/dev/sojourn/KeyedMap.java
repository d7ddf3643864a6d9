package dev.sojourn;

import java.util.AbstractMap;
import java.util.AbstractSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A map with keys of any kind, in their order: what an attribute's map comes back as that is stored in the protocol's form
 * for such (ext 1, {@code $map}), a {@code Map} in JavaScript. A map that is stored as an object comes back as a
 * {@link LinkedHashMap} with texts as keys. So a map keeps its form whoever writes it next; one that you make yourself as a
 * {@code KeyedMap} has this form also where all its keys are texts, or where it is empty.
 *
 * <p>Keys that are null, booleans, numbers and texts are there once. Of other keys (lists, maps, dates, bytes) JavaScript may
 * have stored equal ones, which are kept; {@code get} and {@code put} find the first. Numbers are the same whatever their
 * class: {@code get(1)} finds 1L. Not for use by several threads.
 */
public final class KeyedMap extends AbstractMap<@Nullable Object, @Nullable Object> {
  /** By the key, or for keys that are compared by identity in JavaScript by an object of their own. */
  private final LinkedHashMap<@Nullable Object, Entry<@Nullable Object, @Nullable Object>> entries = new LinkedHashMap<>();

  /** Empty. */
  public KeyedMap() {}

  /** With the entries of that one, in its order. */
  public KeyedMap(Map<?, ?> map) {
    map.forEach(this::put);
  }

  /**
   * As it was stored.
   *
   * @return false for a key that must not come twice
   */
  boolean add(@Nullable Object key, @Nullable Object value) {
    Object slot = Values.isScalar(key) ? slot(key) : new Object();
    return entries.putIfAbsent(slot, new SimpleEntry<>(key, value)) == null;
  }

  @Override
  public @Nullable Object put(@Nullable Object key, @Nullable Object value) {
    Entry<@Nullable Object, @Nullable Object> entry = find(key);
    if (entry != null) return entry.setValue(value);
    add(key, value);
    return null;
  }

  @Override
  public @Nullable Object get(@Nullable Object key) {
    Entry<@Nullable Object, @Nullable Object> entry = find(key);
    return entry == null ? null : entry.getValue();
  }

  @Override
  public boolean containsKey(@Nullable Object key) {
    return find(key) != null;
  }

  @Override
  public Set<Entry<@Nullable Object, @Nullable Object>> entrySet() {
    return new AbstractSet<>() {
      @Override
      public Iterator<Entry<@Nullable Object, @Nullable Object>> iterator() {
        return entries.values().iterator();
      }

      @Override
      public int size() {
        return entries.size();
      }
    };
  }

  private @Nullable Entry<@Nullable Object, @Nullable Object> find(@Nullable Object key) {
    if (Values.isScalar(key)) return entries.get(slot(key));
    for (Entry<@Nullable Object, @Nullable Object> entry : entries.values()) {
      if (!Values.isScalar(entry.getKey()) && Values.sameContent(entry.getKey(), key)) return entry;
    }
    return null;
  }

  /** Zero and minus zero are one key, as they are in JavaScript. */
  private static @Nullable Object slot(@Nullable Object key) {
    Object number = key instanceof Number given ? Values.number(given) : null;
    if (number == null) return key;
    return number.equals(-0.0) ? (Object) 0L : number;
  }
}
