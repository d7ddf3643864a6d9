package dev.sojourn;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** The merges that most applications need, the same as on Node. */
public final class Merges {
  private Merges() {}

  /** For counters: both increments count. Absent is 0. */
  public static Merge counter() {
    return (base, theirs, mine) -> plus(theirs, minus(mine, base));
  }

  /**
   * For lists of things that have an identity: what either side added is in, what either side removed is out, and of an
   * item that both changed mine stands.
   *
   * @param key the property that identifies an item; the items are maps
   */
  public static Merge union(String key) {
    return union(item -> item instanceof Map<?, ?> map ? map.get(key) : null);
  }

  /**
   * As {@link #union(String)}.
   *
   * @param identity makes an item's identity, a text or a number for instance
   */
  public static Merge union(Function<@Nullable Object, @Nullable Object> identity) {
    return (base, theirs, mine) -> {
      Map<@Nullable Object, @Nullable Object> before = index(base, identity);
      Map<@Nullable Object, @Nullable Object> ours = index(mine, identity);
      Map<@Nullable Object, @Nullable Object> merged = new LinkedHashMap<>();
      index(theirs, identity)
          .forEach(
              (id, item) -> {
                if (!ours.containsKey(id)) {
                  if (!before.containsKey(id)) merged.put(id, item);
                } else {
                  Object own = ours.get(id);
                  boolean isOurs = !before.containsKey(id) || !Values.equal(own, before.get(id));
                  merged.put(id, isOurs ? own : item);
                }
              });
      ours.forEach(
          (id, item) -> {
            // Removed there but changed here: the change is the later word.
            boolean isNewOrChanged = !before.containsKey(id) || !Values.equal(item, before.get(id));
            if (!merged.containsKey(id) && isNewOrChanged) merged.put(id, item);
          });
      return new ArrayList<>(merged.values());
    };
  }

  /** For objects: changes to different properties both survive; of one property mine stands. */
  public static Merge fields() {
    return (base, theirs, mine) -> {
      Map<?, ?> before = properties(base);
      Map<?, ?> own = properties(mine);
      Map<@Nullable Object, @Nullable Object> merged = new LinkedHashMap<>(properties(theirs));
      own.forEach(
          (name, value) -> {
            if (!before.containsKey(name) || !Values.equal(value, before.get(name))) merged.put(name, value);
          });
      for (Object name : before.keySet()) {
        if (!own.containsKey(name)) merged.remove(name);
      }
      return merged;
    };
  }

  private static Map<@Nullable Object, @Nullable Object> index(
      @Nullable Object list, Function<@Nullable Object, @Nullable Object> identity) {
    Map<@Nullable Object, @Nullable Object> index = new LinkedHashMap<>();
    for (Object item : list instanceof List<?> items ? items : List.of()) index.put(identity.apply(item), item);
    return index;
  }

  private static Map<?, ?> properties(@Nullable Object value) {
    return value instanceof Map<?, ?> map ? map : Map.of();
  }

  private static Object minus(@Nullable Object a, @Nullable Object b) {
    return plus(a, negated(number(b)));
  }

  private static Object plus(@Nullable Object a, @Nullable Object b) {
    Number left = number(a);
    Number right = number(b);
    if (left instanceof Double || right instanceof Double) return left.doubleValue() + right.doubleValue();
    BigInteger sum = big(left).add(big(right));
    boolean isBig = left instanceof BigInteger || right instanceof BigInteger;
    return isBig ? sum : Values.number(sum.doubleValue());
  }

  private static Number negated(Number number) {
    if (number instanceof Double) return -number.doubleValue();
    return number instanceof BigInteger big ? big.negate() : (Number) (-number.longValue());
  }

  private static Number number(@Nullable Object value) {
    return value instanceof Number number ? number : 0L;
  }

  private static BigInteger big(Number number) {
    return number instanceof BigInteger big ? big : BigInteger.valueOf(number.longValue());
  }
}
