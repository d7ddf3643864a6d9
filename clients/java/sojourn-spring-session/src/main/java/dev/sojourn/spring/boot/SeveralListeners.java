package dev.sojourn.spring.boot;

import dev.sojourn.SessionListener;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** All of an application's listeners as one. */
record SeveralListeners(List<SessionListener> listeners) implements SessionListener {
  @Override
  public void rejected(@Nullable String id, Rejection reason) {
    listeners.forEach(each -> each.rejected(id, reason));
  }

  @Override
  public void tokenReuse(String id, String formerId, @Nullable String principal) {
    listeners.forEach(each -> each.tokenReuse(id, formerId, principal));
  }

  @Override
  public void evicted(String id, String principal, String by) {
    listeners.forEach(each -> each.evicted(id, principal, by));
  }

  @Override
  public void expired(String id, @Nullable String principal) {
    listeners.forEach(each -> each.expired(id, principal));
  }

  @Override
  public void conflict(String id) {
    listeners.forEach(each -> each.conflict(id));
  }

  @Override
  public void dropped(@Nullable String id, Set<String> attributes) {
    listeners.forEach(each -> each.dropped(id, attributes));
  }

  @Override
  public void error(String operation, Throwable error) {
    listeners.forEach(each -> each.error(operation, error));
  }
}
