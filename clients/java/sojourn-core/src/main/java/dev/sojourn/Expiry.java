package dev.sojourn;

import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Tells of sessions that have expired (protocol/README.md, 11): of all that were made by who wants that told, once, by
 * whichever node looks first. A thread of its own looks every two seconds.
 */
final class Expiry implements AutoCloseable {
  private static final long INTERVAL_MS = 2_000;
  /** Milliseconds in which no other node looks: less than the shortest interval. */
  private static final long TURN_MS = 1_500;
  /** Milliseconds; it is said again that somebody listens here. */
  private static final long SAID_AGAIN_MS = 60_000;

  private final Settings settings;
  private final ScheduledThreadPoolExecutor executor;
  private long saidAt;
  private boolean isFailing;

  Expiry(Settings settings) {
    this.settings = settings;
    executor =
        new ScheduledThreadPoolExecutor(
            1,
            task -> {
              Thread thread = new Thread(task, "sojourn-expiry");
              thread.setDaemon(true);
              return thread;
            });
    executor.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
    schedule();
  }

  private void schedule() {
    long delay = INTERVAL_MS * ThreadLocalRandom.current().nextLong(80, 121) / 100;
    if (!executor.isShutdown()) executor.schedule(this::work, delay, TimeUnit.MILLISECONDS);
  }

  private void work() {
    try {
      look();
      isFailing = false;
    } catch (RuntimeException error) {
      // Once, and not with each look while Redis is away.
      if (!isFailing && !executor.isShutdown()) settings.listener().error("expiry", error);
      isFailing = true;
    } finally {
      schedule();
    }
  }

  /** At all partitions, unless another node has its turn. */
  void look() {
    ExpiryClaims claims = settings.engine().expiryClaims();
    long now = System.nanoTime() / 1_000_000;
    if (saidAt == 0 || now - saidAt >= SAID_AGAIN_MS) {
      claims.sayThatOneListens();
      saidAt = now;
    }
    if (claims.takeTurn(TURN_MS)) claims.each(expired -> settings.listener().expired(expired.id(), principal(expired)));
  }

  private @Nullable String principal(ExpiryClaims.Claimed claimed) {
    if (claimed.ownerTag().isEmpty() || claimed.descriptor().length == 0) return null;
    Descriptor known = Descriptor.open(settings.keyring(), claimed.ownerTag(), claimed.id(), claimed.descriptor());
    return known == null ? null : known.principal();
  }

  @Override
  public void close() {
    executor.shutdownNow();
  }
}
