package dev.sojourn;

import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** How many sessions a principal may have at once. Immutable. */
public final class SessionLimit {
  /** What happens at the limit. In the order of their numbers in the protocol. */
  public enum Policy {
    /** The login is refused with {@link SessionLimitException}. */
    REJECT,
    /** The session of the earliest login ends. */
    EVICT_OLDEST,
    /** The session that has been unused for the longest ends. */
    EVICT_IDLE
  }

  /** All of a principal's sessions are looked through in one step, which must not hold up the server. */
  private static final int HIGHEST = 1_000;

  private final int max;
  private final Policy policy;
  private final Map<String, Integer> kinds;

  private SessionLimit(int max, Policy policy, Map<String, Integer> kinds) {
    this.max = max;
    this.policy = policy;
    this.kinds = Map.copyOf(kinds);
  }

  /**
   * @param max of all kinds together, 1 to 1,000; {@link Policy#EVICT_OLDEST}
   * @throws OptionException
   */
  public static SessionLimit of(int max) {
    return new SessionLimit(checked("maxSessions", max), Policy.EVICT_OLDEST, Map.of());
  }

  /** The same limit with this policy. */
  public SessionLimit policy(Policy policy) {
    return new SessionLimit(max, policy, kinds);
  }

  /**
   * A further limit for a kind of client, as {@link LoginOptions#kind} names it.
   *
   * @throws OptionException
   */
  public SessionLimit kind(String kind, int max) {
    String option = "maxSessions.kinds." + kind;
    if (checked(option, max) > this.max) {
      throw new OptionException(option, "is more than those of all kinds together, maxSessions.max is " + this.max);
    }
    Map<String, Integer> more = new LinkedHashMap<>(kinds);
    more.put(kind, max);
    return new SessionLimit(this.max, policy, more);
  }

  RedisEngine.Limit forLogin(@Nullable String kind, @Nullable String replaces) {
    int maxOfKind = kind == null ? 0 : kinds.getOrDefault(kind, 0);
    return new RedisEngine.Limit(max, maxOfKind, policy, replaces);
  }

  private static int checked(String option, int max) {
    if (max >= 1 && max <= HIGHEST) return max;
    throw new OptionException(option, "takes a whole number from 1 to " + HIGHEST);
  }
}
