package dev.sojourn.spring;

import dev.sojourn.LoginOptions;
import dev.sojourn.Session;
import java.time.Duration;
import java.time.Instant;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A request's session. */
final class HeldByToken implements Held {
  private final Session session;
  private final Instant made = Instant.now();
  private @Nullable String nextId;

  HeldByToken(Session session) {
    this.session = session;
  }

  @Override
  public String id() {
    String next = nextId;
    if (next != null) return next;
    String id = session.id();
    return id != null ? id : session.reserveToken().id();
  }

  @Override
  public @Nullable String storedId() {
    return session.id();
  }

  @Override
  public String changeId() {
    // What has ended has no id to change: what a sign-in makes of it is new anyway.
    return session.isEnded() ? id() : (nextId = session.rotateLater());
  }

  @Override
  public boolean isChangingId() {
    return nextId != null;
  }

  @Override
  public Session session() {
    return session;
  }

  @Override
  public @Nullable String principal() {
    return session.principal();
  }

  @Override
  public void login(String principal, LoginOptions options) {
    session.login(principal, options);
    nextId = null;
  }

  @Override
  public boolean abandonLogin() {
    return session.abandonLogin();
  }

  @Override
  public void logout() {
    session.logout();
    nextId = null;
  }

  @Override
  public boolean isNew() {
    return session.isNew();
  }

  @Override
  public boolean isEnded() {
    return session.isEnded();
  }

  @Override
  public Instant createdAt() {
    Instant at = session.createdAt();
    return at == null ? made : at;
  }

  @Override
  public Instant lastActiveAt() {
    Instant at = session.lastActiveAt();
    return at == null ? made : at;
  }

  @Override
  public Duration idleTimeout() {
    return session.idleTimeout();
  }

  @Override
  public void setLifetime(Duration idleTimeout, @Nullable Duration absoluteTimeout, @Nullable Boolean persistent) {
    session.setLifetime(idleTimeout, absoluteTimeout, persistent);
  }

  @Override
  public Set<String> names() {
    return session.names();
  }

  @Override
  public boolean has(String name) {
    return session.has(name);
  }

  @Override
  public @Nullable Object get(String name) {
    return session.get(name);
  }

  @Override
  public void set(String name, @Nullable Object value) {
    session.set(name, value);
  }

  @Override
  public void remove(String name) {
    session.remove(name);
  }

  @Override
  public void save(boolean isAccessed) {
    // Whoever asks for a session has one, as everywhere in Spring: also one that holds nothing.
    if (session.isNew()) session.keepEvenIfEmpty();
    if (isAccessed) session.finish();
    else session.commit();
    nextId = null;
  }
}
