package dev.sojourn;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * How long sessions live at least, as this process has last heard. While no renewal is due a read need not ask for the TTL: others
 * only renew it too, and what changes the lifetimes themselves stands in the record.
 */
final class Lifetimes {
  /** Of so many sessions it is remembered. */
  private static final int MOST = 10_000;

  /** @param expiresAt milliseconds since the epoch, by the server's clock */
  private record Heard(long expiresAt, long idleTimeout, long deadline) {}

  private final double touchAfter;
  private final Map<String, Heard> heard = Recent.map(MOST);

  Lifetimes(double touchAfter) {
    this.touchAfter = touchAfter;
  }

  /**
   * Milliseconds; null where it has to be asked for. To be checked by {@link #isOf} when the record is there.
   *
   * @param clock asked only where something is known
   */
  @Nullable Long left(String id, ServerClock clock) {
    Heard known = heard.get(id);
    if (known == null) return null;
    long left = known.expiresAt - clock.now();
    return left > known.idleTimeout * (1 - touchAfter) ? (Long) left : null;
  }

  /** Whether the record still has the lifetimes that it had. */
  boolean isOf(String id, RecordHeader header) {
    Heard known = heard.get(id);
    return known != null && known.idleTimeout == header.idleTimeout() && known.deadline == header.deadline();
  }

  /** @param expiresAt milliseconds since the epoch, as the store has just said */
  void note(String id, RecordHeader header, long expiresAt) {
    heard.put(id, new Heard(expiresAt, header.idleTimeout(), header.deadline()));
  }
}
