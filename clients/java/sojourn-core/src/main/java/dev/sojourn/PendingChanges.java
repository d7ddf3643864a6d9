package dev.sojourn;

import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** What a request has done to the attributes and has not stored yet, over those that it has read. */
final class PendingChanges {
  private final Map<String, Change> changes = new LinkedHashMap<>();

  void set(String name, @Nullable Object value) {
    changes.put(name, Change.set(value));
  }

  void remove(String name) {
    changes.put(name, Change.DELETION);
  }

  /** What was done to an attribute, for {@link #restore}. */
  @Nullable Change of(String name) {
    return changes.get(name);
  }

  /** Takes the last change of an attribute back, to what was pending before it. */
  void restore(String name, @Nullable Change before) {
    if (before == null) changes.remove(name);
    else changes.put(name, before);
  }

  void clear() {
    changes.clear();
  }

  /** Not a copy. */
  @Nullable Object value(Map<String, @Nullable Object> base, String name) {
    Change change = changes.get(name);
    return change == null ? base.get(name) : change.value();
  }

  boolean has(Map<String, @Nullable Object> base, String name) {
    Change change = changes.get(name);
    return change == null ? base.containsKey(name) : !change.isDeletion();
  }

  Set<String> names(Map<String, @Nullable Object> base) {
    Set<String> names = new LinkedHashSet<>(base.keySet());
    names.addAll(changes.keySet());
    names.removeIf(name -> !has(base, name));
    return names;
  }

  /**
   * A change that can be made again on another value.
   *
   * @param make gets a copy
   */
  void update(Map<String, @Nullable Object> base, String name, UnaryOperator<@Nullable Object> make) {
    UnaryOperator<@Nullable Object> again = stored -> Values.normalise(name, make.apply(Values.copy(stored)));
    Change before = changes.get(name);
    Object value = again.apply(value(base, name));
    UnaryOperator<@Nullable Object> rerun = again;
    if (before != null) {
      UnaryOperator<@Nullable Object> former = before.rerun();
      // An update that is not stored yet runs again first. On top of a plain change that is not stored yet there is no
      // stored value to run on again.
      rerun = former == null ? null : stored -> again.apply(former.apply(stored));
    }
    changes.put(name, new Change(false, value, rerun));
  }

  /** An update counts even if it has made what was there: the store decides whether that is still so. */
  Map<String, Change> delta(Map<String, @Nullable Object> base) {
    Map<String, Change> delta = new LinkedHashMap<>();
    changes.forEach(
        (name, change) -> {
          if (change.rerun() != null || !isSame(base, name, change)) delta.put(name, change);
        });
    return delta;
  }

  private static boolean isSame(Map<String, @Nullable Object> base, String name, Change change) {
    if (change.isDeletion()) return !base.containsKey(name);
    return base.containsKey(name) && Values.equal(change.value(), base.get(name));
  }
}
