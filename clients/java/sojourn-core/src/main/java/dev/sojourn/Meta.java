package dev.sojourn;

import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What Sojourn keeps with a session beside its attributes, sealed with them (protocol/README.md, 6). Names that are not
 * known here are kept: they are of a newer version, or of another adapter.
 */
final class Meta {
  private static final String PRINCIPAL = "p";
  private static final String AUTHENTICATED_AT = "a";
  private static final String LEVEL = "l";
  private static final String KIND = "c";
  private static final String DEVICE = "d";
  private static final String ADDRESS = "i";
  private static final String PERSISTENT = "k";
  private static final String TOKEN_MADE_AT = "r";
  private static final String FORMER = "f";
  private static final String TOKEN_KEY = "t";

  private Meta() {}

  /** @param now milliseconds since the epoch */
  static Map<String, @Nullable Object> ofLogin(String principal, LoginOptions options, long now) {
    Map<String, @Nullable Object> meta = new LinkedHashMap<>();
    meta.put(PRINCIPAL, principal);
    meta.put(AUTHENTICATED_AT, now);
    if (options.level != null) meta.put(LEVEL, options.level.longValue());
    if (options.kind != null) meta.put(KIND, options.kind);
    if (options.device != null) meta.put(DEVICE, options.device);
    if (options.address != null) meta.put(ADDRESS, options.address);
    if (options.persistent) meta.put(PERSISTENT, true);
    return meta;
  }

  static Map<String, @Nullable Object> withStepUp(Map<String, @Nullable Object> meta, int level, long now) {
    Map<String, @Nullable Object> changed = new LinkedHashMap<>(meta);
    changed.put(LEVEL, (long) level);
    changed.put(AUTHENTICATED_AT, now);
    return changed;
  }

  /**
   * A new token.
   *
   * @param former last 22 characters of the id where a forward is left; null: none is
   */
  static Map<String, @Nullable Object> withToken(Map<String, @Nullable Object> meta, long now, @Nullable String former) {
    Map<String, @Nullable Object> changed = new LinkedHashMap<>(meta);
    changed.put(TOKEN_MADE_AT, now);
    changed.remove(TOKEN_KEY);
    if (former == null) changed.remove(FORMER);
    else changed.put(FORMER, former);
    return changed;
  }

  static Map<String, @Nullable Object> withPersistent(Map<String, @Nullable Object> meta, boolean persistent) {
    Map<String, @Nullable Object> changed = new LinkedHashMap<>(meta);
    if (persistent) changed.put(PERSISTENT, true);
    else changed.remove(PERSISTENT);
    return changed;
  }

  static @Nullable String principal(Map<String, @Nullable Object> meta) {
    return text(meta, PRINCIPAL);
  }

  static @Nullable String kind(Map<String, @Nullable Object> meta) {
    return text(meta, KIND);
  }

  static @Nullable String device(Map<String, @Nullable Object> meta) {
    return text(meta, DEVICE);
  }

  static @Nullable String address(Map<String, @Nullable Object> meta) {
    return text(meta, ADDRESS);
  }

  static boolean isPersistent(Map<String, @Nullable Object> meta) {
    return Boolean.TRUE.equals(meta.get(PERSISTENT));
  }

  static @Nullable Long authenticatedAt(Map<String, @Nullable Object> meta) {
    return number(meta, AUTHENTICATED_AT);
  }

  static @Nullable Long level(Map<String, @Nullable Object> meta) {
    return number(meta, LEVEL);
  }

  /** When the present token was made; null: when the session was created. */
  static @Nullable Long tokenMadeAt(Map<String, @Nullable Object> meta) {
    Long at = number(meta, TOKEN_MADE_AT);
    return at == null ? authenticatedAt(meta) : at;
  }

  /** Last 22 characters of the id of before the rotation, where that has left a forward. */
  static @Nullable String former(Map<String, @Nullable Object> meta) {
    return text(meta, FORMER);
  }

  /**
   * Of a record that was sealed anew while nobody was there: the id of the key that its client's token may be signed with.
   * Null: that of the record.
   */
  static @Nullable Long tokenKey(Map<String, @Nullable Object> meta) {
    return number(meta, TOKEN_KEY);
  }

  static @Nullable String text(Map<String, @Nullable Object> map, String name) {
    return map.get(name) instanceof String text ? text : null;
  }

  private static @Nullable Long number(Map<String, @Nullable Object> meta, String name) {
    return meta.get(name) instanceof Long number ? number : null;
  }
}
