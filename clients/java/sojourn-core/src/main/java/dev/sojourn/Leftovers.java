package dev.sojourn;

import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Sessions whose token nobody has: a login has failed behind their creation, or its answer was lost, or the response that was to
 * bring it. They would count for
 * the principal's limit, and stand in lists, until their idle timeout; so they are ended off the request's path, as soon as
 * Redis can be asked.
 */
final class Leftovers implements AutoCloseable {
  private static final long PAUSE_MS = 250;

  private final RedisEngine engine;
  private final SessionListener listener;
  /** Made for the first one. */
  private @Nullable ScheduledThreadPoolExecutor executor;
  private boolean isClosed;

  Leftovers(RedisEngine engine, SessionListener listener) {
    this.engine = engine;
    this.listener = listener;
  }

  /** @param lifetime milliseconds, after which it ends by itself */
  void end(String id, String ownerTag, long lifetime) {
    long until = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(lifetime);
    schedule(0, () -> attempt(id, ownerTag, until));
  }

  private void attempt(String id, String ownerTag, long until) {
    try {
      // Where a forward stands it has been rotated since.
      if (engine.destroyRecord(id, ownerTag, null).status() == RedisEngine.Status.CONFLICT) Revocation.revoke(engine, id, ownerTag);
    } catch (SojournException error) {
      if (System.nanoTime() - until < 0) schedule(PAUSE_MS, () -> attempt(id, ownerTag, until));
      else listener.error("login", error);
    }
  }

  private synchronized void schedule(long delay, Runnable work) {
    if (isClosed) return;
    ScheduledThreadPoolExecutor one = executor;
    if (one == null) {
      one =
          new ScheduledThreadPoolExecutor(
              1,
              task -> {
                Thread thread = new Thread(task, "sojourn-leftovers");
                thread.setDaemon(true);
                return thread;
              });
      // The thread goes when there is nothing left to end.
      one.setKeepAliveTime(10, TimeUnit.SECONDS);
      one.allowCoreThreadTimeOut(true);
      executor = one;
    }
    try {
      one.schedule(work, delay, TimeUnit.MILLISECONDS);
    } catch (RejectedExecutionException closed) {
      // Closed in between: what is left ends by itself.
      listener.error("login", closed);
    }
  }

  @Override
  public synchronized void close() {
    isClosed = true;
    if (executor != null) executor.shutdownNow();
  }
}
