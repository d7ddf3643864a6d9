package dev.sojourn;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * What was done to one attribute.
 *
 * @param value normalised; null where it is deleted, or set to null
 * @param rerun makes the value from the stored one, again after a conflict, instead of a merge
 */
record Change(boolean isDeletion, @Nullable Object value, @Nullable UnaryOperator<@Nullable Object> rerun) {
  static final Change DELETION = new Change(true, null, null);

  static Change set(@Nullable Object value) {
    return new Change(false, value, null);
  }

  /** Attributes with a delta applied; the map that is given stays as it is. */
  static Map<String, @Nullable Object> apply(Map<String, @Nullable Object> attributes, Map<String, Change> delta) {
    Map<String, @Nullable Object> result = new LinkedHashMap<>(attributes);
    delta.forEach(
        (name, change) -> {
          if (change.isDeletion) result.remove(name);
          else result.put(name, change.value);
        });
    return result;
  }

  /**
   * Carries a delta over to another writer's state. Attributes that only one side changed need nothing. For those that both
   * changed an update runs again, a named merge decides, and without one mine stands, as my deletion does.
   */
  static Map<String, Change> rebase(
      Map<String, Change> delta,
      Map<String, @Nullable Object> base,
      Map<String, @Nullable Object> theirs,
      Map<String, Merge> merges) {
    Map<String, Change> rebased = new LinkedHashMap<>();
    delta.forEach(
        (name, change) -> {
          Merge merge = merges.get(name);
          if (sameAttribute(name, base, theirs)) rebased.put(name, change);
          else if (change.rerun != null) rebased.put(name, new Change(false, change.rerun.apply(theirs.get(name)), change.rerun));
          else if (merge != null && !change.isDeletion) {
            // Copies: a merge that changes its arguments must not reach what later attempts start from.
            Object merged =
                merge.merge(Values.copy(base.get(name)), Values.copy(theirs.get(name)), Values.copy(change.value));
            rebased.put(name, set(Values.normalise(name, merged)));
          } else rebased.put(name, change);
        });
    return rebased;
  }

  /** What has to be done to {@code from} to make {@code to} of it. */
  static Map<String, Change> between(Map<String, @Nullable Object> from, Map<String, @Nullable Object> to) {
    Map<String, Change> delta = new LinkedHashMap<>();
    for (String name : from.keySet()) {
      if (!to.containsKey(name)) delta.put(name, DELETION);
    }
    to.forEach(
        (name, value) -> {
          if (!sameAttribute(name, from, to)) delta.put(name, set(value));
        });
    return delta;
  }

  /** Absent is another state than null. */
  static boolean sameAttribute(String name, Map<String, @Nullable Object> a, Map<String, @Nullable Object> b) {
    return a.containsKey(name) == b.containsKey(name) && Values.equal(a.get(name), b.get(name));
  }
}
