package dev.sojourn;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/** The latest of what has come: what is forgotten is done once more, which does no harm. For several threads. */
final class Recent {
  private Recent() {}

  /** @param most how many are remembered */
  static <V> Map<String, V> map(int most) {
    return Collections.synchronizedMap(
        new LinkedHashMap<>() {
          private static final long serialVersionUID = 1;

          @Override
          protected boolean removeEldestEntry(Map.Entry<String, V> eldest) {
            return size() > most;
          }
        });
  }

  /** @param most how many are remembered */
  static Set<String> set(int most) {
    return Collections.newSetFromMap(map(most));
  }
}
