package dev.sojourn;

import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What is stored is stored: an application's listener that throws must not make a failure of it. */
final class GuardedListener implements SessionListener {
  private final SessionListener listener;

  GuardedListener(SessionListener listener) {
    this.listener = listener;
  }

  @Override
  public void rejected(@Nullable String id, Rejection reason) {
    guarded(() -> listener.rejected(id, reason));
  }

  @Override
  public void tokenReuse(String id, String formerId, @Nullable String principal) {
    guarded(() -> listener.tokenReuse(id, formerId, principal));
  }

  @Override
  public void evicted(String id, String principal, String by) {
    guarded(() -> listener.evicted(id, principal, by));
  }

  @Override
  public void expired(String id, @Nullable String principal) {
    guarded(() -> listener.expired(id, principal));
  }

  @Override
  public void conflict(String id) {
    guarded(() -> listener.conflict(id));
  }

  @Override
  public void dropped(@Nullable String id, Set<String> attributes) {
    guarded(() -> listener.dropped(id, attributes));
  }

  @Override
  public void error(String operation, Throwable error) {
    try {
      listener.error(operation, error);
    } catch (RuntimeException failure) {
      // There is nobody left to tell.
    }
  }

  private void guarded(Runnable telling) {
    try {
      telling.run();
    } catch (RuntimeException failure) {
      error("listener", failure);
    }
  }
}
