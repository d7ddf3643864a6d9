package dev.sojourn;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/** The latest of what has come: what is forgotten is done once more, which does no harm. */
final class Recent {
  private Recent() {}

  /**
   * For several threads.
   *
   * @param most how many are remembered
   */
  static Set<String> set(int most) {
    return Collections.synchronizedSet(
        Collections.newSetFromMap(
            new LinkedHashMap<>() {
              private static final long serialVersionUID = 1;

              @Override
              protected boolean removeEldestEntry(Map.Entry<String, Boolean> eldest) {
                return size() > most;
              }
            }));
  }
}
