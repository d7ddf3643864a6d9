package dev.sojourn;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * What a limit says of the sessions that are there.
 *
 * @param ofKind how many too many of the kind
 * @param ofAll how many too many of all
 * @param surplus ids of those that have to make room, by the limit's policy
 */
record Excess(int ofKind, int ofAll, List<String> surplus) {
  private record Ranked(String id, long rank, boolean isOfKind) {}

  /**
   * @param sessions without the one that is replaced
   * @param added how many of the kind are to be added
   */
  static Excess of(List<RedisEngine.Listed> sessions, RedisEngine.Limit limit, long kind, int added) {
    boolean isIdle = limit.policy() == SessionLimit.Policy.EVICT_IDLE;
    List<Ranked> found = new ArrayList<>();
    for (RedisEngine.Listed session : sessions) {
      Descriptor.Head head = Descriptor.Head.of(session.descriptor());
      // Since its last use a session has lost what its lifetime lacks to the idle timeout.
      long rank = isIdle ? session.ttl() - head.idleTimeout() : head.createdAt();
      found.add(new Ranked(session.id(), rank, head.kind() == kind));
    }
    found.sort(Comparator.comparingLong(Ranked::rank));
    List<Ranked> ofKind = found.stream().filter(Ranked::isOfKind).toList();
    int tooManyOfKind = limit.maxOfKind() == 0 ? 0 : Math.max(0, ofKind.size() + added - limit.maxOfKind());
    int tooMany = Math.max(0, found.size() + added - limit.max());
    Set<String> surplus = new LinkedHashSet<>();
    ofKind.stream().limit(tooManyOfKind).forEach(session -> surplus.add(session.id));
    for (Ranked session : found) {
      if (surplus.size() >= tooMany) break;
      surplus.add(session.id);
    }
    return new Excess(tooManyOfKind, tooMany, List.copyOf(surplus));
  }
}
