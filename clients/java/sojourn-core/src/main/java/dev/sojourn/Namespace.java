package dev.sojourn;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Whose the attributes are that belong to one framework alone, such as {@code django:_auth_user_id} (protocol/README.md, 13).
 * Those of others are kept as they are: not enumerated, not set, not removed.
 *
 * @param own null: none, so that all of these are others'
 */
record Namespace(@Nullable String own) {
  static final Set<String> RESERVED = Set.of("django", "spring");
  static final Namespace NONE = new Namespace(null);

  /** Whether it belongs to one framework, whichever. */
  static boolean isPrivate(String name) {
    int colon = name.indexOf(':');
    return colon > 0 && RESERVED.contains(name.substring(0, colon));
  }

  boolean isOthers(String name) {
    return isPrivate(name) && (own == null || !name.startsWith(own + ":"));
  }

  /** @throws AttributeException for a name that no attribute can have, or that is another framework's */
  void check(String name) {
    Values.checkName(name);
    if (!isOthers(name)) return;
    String framework = name.substring(0, name.indexOf(':'));
    throw new AttributeException(name, "belongs to " + framework + " alone; take another name, or set namespace(\"" + framework + "\")");
  }

  /** Without others'; not a copy of the values. */
  Map<String, @Nullable Object> visible(Map<String, @Nullable Object> attributes) {
    Map<String, @Nullable Object> visible = new LinkedHashMap<>(attributes);
    visible.keySet().removeIf(this::isOthers);
    return visible;
  }
}
