package dev.sojourn.spring;

import dev.sojourn.LoginOptions;
import dev.sojourn.Session;
import java.time.Duration;
import java.time.Instant;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What a {@link SojournSession} stands on: a session opened by its token, or read by its public id. */
interface Held {
  String id();

  /** Where it stands now, whatever id it is to have; null: it is not stored. */
  @Nullable String storedId();

  /** @return the id from the next {@link #save} on */
  String changeId();

  boolean isChangingId();

  /** Null where it is known by its public id only. */
  @Nullable Session session();

  @Nullable String principal();

  void login(String principal, LoginOptions options);

  /** The token of a login of this request goes to nobody. @return false: there was none */
  boolean abandonLogin();

  /** Nobody is signed in any more; what is set afterwards is a new session's. */
  void logout();

  boolean isNew();

  /** Whether it has ended, or been replaced by a login. */
  boolean isEnded();

  Instant createdAt();

  Instant lastActiveAt();

  Duration idleTimeout();

  /** @param absoluteTimeout null: as it is */
  void setLifetime(Duration idleTimeout, @Nullable Duration absoluteTimeout, @Nullable Boolean persistent);

  Set<String> names();

  boolean has(String name);

  /** A copy. */
  @Nullable Object get(String name);

  void set(String name, @Nullable Object value);

  void remove(String name);

  /** @param isAccessed whether somebody has come, so that the idle timeout is renewed where that is due */
  void save(boolean isAccessed);
}
