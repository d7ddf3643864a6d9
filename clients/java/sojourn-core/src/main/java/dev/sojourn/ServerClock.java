package dev.sojourn;

import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The Redis server's clock as this process sees it (protocol/README.md, 9, Time): learned with each connection, carried on
 * by the monotonic clock. Milliseconds since the epoch.
 */
final class ServerClock {
  private static final long NANOS = 1_000_000;
  /** Two measurements differ by about half a round trip, and that is no step of a clock. */
  private static final long NOISE_MS = 5;

  private volatile @Nullable Long offset;
  /** For tests, which do not wait for hours to pass. */
  final AtomicLong skew = new AtomicLong();

  /** Our own time before the first connection. */
  long now() {
    Long known = offset;
    return skew.get() + (known == null ? System.currentTimeMillis() : System.nanoTime() / NANOS + known);
  }

  /**
   * @param askedAt {@link System#nanoTime()} before the question
   * @param serverMs the answer to {@code TIME}
   */
  void learn(long askedAt, long serverMs) {
    long answeredAt = System.nanoTime();
    long learned = serverMs - (askedAt + (answeredAt - askedAt) / 2) / NANOS;
    Long known = offset;
    if (known == null || Math.abs(learned - known) >= NOISE_MS) offset = learned;
  }
}
