package dev.sojourn.spring;

import dev.sojourn.LoginOptions;
import dev.sojourn.Session;
import dev.sojourn.Sessions;
import dev.sojourn.StoredSession;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A session without its token: of a principal's list, or asked for by its public id, as registries and message brokers do.
 * Its attributes can be changed; what takes the token cannot be done.
 */
final class HeldById implements Held {
  private final Sessions sessions;
  private final StoredSession stored;
  private final Map<String, @Nullable Object> set = new HashMap<>();
  private final Set<String> removed = new LinkedHashSet<>();
  private boolean isEnded;

  HeldById(Sessions sessions, StoredSession stored) {
    this.sessions = sessions;
    this.stored = stored;
  }

  @Override
  public String id() {
    return stored.id();
  }

  @Override
  public String storedId() {
    return stored.id();
  }

  @Override
  public String changeId() {
    throw noToken("changeSessionId");
  }

  @Override
  public boolean isChangingId() {
    return false;
  }

  @Override
  public @Nullable Session session() {
    return null;
  }

  @Override
  public @Nullable String principal() {
    return stored.principal();
  }

  @Override
  public void login(String principal, LoginOptions options) {
    throw noToken("signing in");
  }

  @Override
  public boolean abandonLogin() {
    return false;
  }

  @Override
  public void logout() {
    isEnded = true;
    sessions.revoke(stored.id());
  }

  private static UnsupportedOperationException noToken(String what) {
    return new UnsupportedOperationException(
        what + " takes the session of a request: this one was asked for by its public id, and nobody would get its new token");
  }

  @Override
  public boolean isNew() {
    return false;
  }

  @Override
  public boolean isEnded() {
    return isEnded;
  }

  @Override
  public Instant createdAt() {
    return stored.createdAt();
  }

  @Override
  public Instant lastActiveAt() {
    Instant at = stored.expiresAt().minus(stored.idleTimeout());
    return at.isBefore(stored.createdAt()) ? stored.createdAt() : at;
  }

  @Override
  public Duration idleTimeout() {
    return stored.idleTimeout();
  }

  @Override
  public void setLifetime(Duration idleTimeout, @Nullable Duration absoluteTimeout, @Nullable Boolean persistent) {
    if (!idleTimeout.equals(stored.idleTimeout())) throw noToken("setMaxInactiveInterval");
  }

  @Override
  public Set<String> names() {
    Set<String> names = new LinkedHashSet<>(stored.attributes().keySet());
    names.removeAll(removed);
    names.addAll(set.keySet());
    return names;
  }

  @Override
  public boolean has(String name) {
    return names().contains(name);
  }

  @Override
  public @Nullable Object get(String name) {
    if (set.containsKey(name)) return set.get(name);
    return removed.contains(name) ? null : stored.attributes().get(name);
  }

  @Override
  public void set(String name, @Nullable Object value) {
    removed.remove(name);
    set.put(name, value);
  }

  @Override
  public void remove(String name) {
    set.remove(name);
    removed.add(name);
  }

  @Override
  public void save(boolean isAccessed) {
    if (isEnded) return;
    boolean isThere = true;
    if (!set.isEmpty() || !removed.isEmpty()) isThere = sessions.update(stored.id(), this::apply);
    // A message of a socket is activity, if it says so.
    if (isThere && isAccessed) isThere = sessions.touch(stored.id());
    isEnded = !isThere;
  }

  private void apply(Map<String, @Nullable Object> attributes) {
    attributes.keySet().removeAll(removed);
    attributes.putAll(set);
  }
}
