package dev.sojourn;

import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * One request's view of a session. Attributes are read at once and written together by {@link #commit()} or {@link
 * #finish()}, which comes before the response goes out. Operations on it run one after the other; other requests have a
 * {@code Session} of their own.
 *
 * <p>Values may be null, {@code Boolean}, {@code String}, whole numbers ({@code Long}, {@code BigInteger}), {@code Double},
 * {@code List}, {@code Map}, {@code Set}, {@code byte[]} and {@code Instant}, inside each other. They are copied when they are
 * set and when they are got: to change one in place is noticed by nobody. What {@code get} says is what a later request, or
 * one on Node, reads: an {@code Integer} comes back as a {@code Long}, an {@code Instant} to the millisecond, a map as a
 * {@link LinkedHashMap} where its keys are texts and else as a {@link KeyedMap}.
 *
 * <p>Every method that asks Redis throws {@link StoreUnavailableException} and {@link StoreRefusedException}.
 */
public final class Session {
  /** What is to be done with the client's cookie. */
  public enum Cookie {
    /** Nothing: it is as it should be, or another's to change. */
    KEEP,
    /** It is set to {@link #token()}. */
    SET,
    /** It is taken from the client. */
    CLEAR
  }

  private final Settings settings;
  private final SessionState state;
  private final ReentrantLock lock = new ReentrantLock();
  /** The token's value that the client has. */
  private final @Nullable String presented;

  Session(Repository repository, @Nullable Token token, SessionReader.@Nullable Loaded loaded) {
    settings = repository.settings;
    state = new SessionState(repository, token, loaded);
    presented = token == null ? null : token.value();
  }

  /** Public name, 25 characters: safe to log and to show, of no use as a cookie. Null until the session is stored. */
  public @Nullable String id() {
    Live live = state.live;
    return live == null ? null : live.token().id();
  }

  /**
   * The secret for the cookie. Changes with {@link #login}, {@link #stepUp} and {@link #rotate}. Null until the session is
   * stored, and for a request that has outlasted its own token.
   */
  public @Nullable Token token() {
    return state.token();
  }

  /** The token of the session, or the one that it will have once it is stored: for frameworks that must know it before. */
  public Token reserveToken() {
    return locked(state::reserveToken);
  }

  /** What the response is to do with the cookie. To be asked after the last operation. */
  public Cookie cookie() {
    return state.cookie(presented);
  }

  /** Whether nothing is stored yet. */
  public boolean isNew() {
    return state.live == null;
  }

  /** Whether someone else has ended or replaced it: what is set here is dropped. */
  public boolean isEnded() {
    return state.isEnded();
  }

  /** Whose session it is; null before login. */
  public @Nullable String principal() {
    Live live = state.live;
    return live == null ? null : Meta.principal(live.meta());
  }

  /** When the principal last authenticated, by {@link #login} or {@link #stepUp}. */
  public @Nullable Instant authenticatedAt() {
    Live live = state.live;
    return live == null ? null : instant(Meta.authenticatedAt(live.meta()));
  }

  /** How well the principal is known, as {@link #login} or {@link #stepUp} has said; null where neither has. */
  public @Nullable Integer level() {
    Live live = state.live;
    Long level = live == null ? null : Meta.level(live.meta());
    return level == null ? null : level.intValue();
  }

  /** What the login has called the client, at most 256 characters; null where it has not. */
  public @Nullable String device() {
    Live live = state.live;
    return live == null ? null : Meta.device(live.meta());
  }

  /** Whether the cookie outlives the browser. */
  public boolean isPersistent() {
    Lifetime lifetime = state.lifetime;
    if (lifetime != null && lifetime.persistent() != null) return lifetime.persistent();
    Live live = state.live;
    return live != null && Meta.isPersistent(live.meta());
  }

  /** When its first record was made: for a principal's, at the login. Null until it is stored. */
  public @Nullable Instant createdAt() {
    Live live = state.live;
    return live == null ? null : Instant.ofEpochMilli(live.header().createdAt());
  }

  /** When it ends if nobody comes, at the earliest: another node may have renewed it lately. */
  public @Nullable Instant expiresAt() {
    Live live = state.live;
    return live == null ? null : Instant.ofEpochMilli(Math.min(live.expiresAt(), live.header().deadline()));
  }

  /** To the part of the idle timeout after which activity is written down. */
  public @Nullable Instant lastActiveAt() {
    Live live = state.live;
    if (live == null) return null;
    RecordHeader header = live.header();
    long end = Math.min(live.expiresAt(), header.deadline());
    return Instant.ofEpochMilli(Math.max(header.createdAt(), end - header.idleTimeout()));
  }

  /** When it ends whoever comes. */
  public @Nullable Instant deadline() {
    Live live = state.live;
    return live == null ? null : Instant.ofEpochMilli(live.header().deadline());
  }

  /** How long it lives without activity, in milliseconds' precision. */
  public Duration idleTimeout() {
    Lifetime lifetime = state.lifetime;
    if (lifetime != null && lifetime.idleTimeout() != null) return Duration.ofMillis(lifetime.idleTimeout());
    Live live = state.live;
    return Duration.ofMillis(live == null ? settings.idleTimeout() : live.header().idleTimeout());
  }

  /** A copy of the value; null also where the attribute is absent. */
  public @Nullable Object get(String name) {
    return locked(() -> Values.copy(state.changes.value(state.base(), name)));
  }

  /**
   * As {@link #get(String)}, of the type asked for. A whole number is given as an {@code Integer}, {@code Short} or {@code
   * BigInteger} too where it fits, and any number as a {@code Double}.
   *
   * @throws AttributeException when the value is of another type, or does not fit
   */
  public <T> @Nullable T get(String name, Class<T> type) {
    Object value = get(name);
    if (value == null) return null;
    Object fitting = type.isInstance(value) ? value : converted(value, type);
    if (fitting == null) {
      throw new AttributeException(name, "is a " + value.getClass().getSimpleName() + ", and no " + type.getSimpleName());
    }
    return type.cast(fitting);
  }

  private static @Nullable Object converted(Object value, Class<?> type) {
    if (!(value instanceof Number number)) return null;
    if (type == Double.class) return number.doubleValue();
    if (!(value instanceof Long whole)) return null;
    if (type == Integer.class && whole == whole.intValue()) return whole.intValue();
    if (type == Short.class && whole == whole.shortValue()) return whole.shortValue();
    return type == BigInteger.class ? BigInteger.valueOf(whole) : null;
  }

  /** Whether the attribute is there, be it with null. */
  public boolean has(String name) {
    return locked(() -> state.changes.has(state.base(), name));
  }

  /** Of all attributes but those that belong to another framework alone. */
  public Set<String> names() {
    return locked(
        () -> {
          Set<String> names = state.changes.names(state.base());
          names.removeIf(settings.namespace()::isOthers);
          return names;
        });
  }

  /**
   * Sets an attribute, to be stored with the next commit. Null is a value too.
   *
   * @throws AttributeException for a name or a value that cannot be stored, with what to do instead
   */
  public void set(String name, @Nullable Object value) {
    settings.namespace().check(name);
    Object stored = Values.normalise(name, value);
    locked(() -> state.changes.set(name, stored));
  }

  /** Deletes an attribute with the next commit. */
  public void remove(String name) {
    settings.namespace().check(name);
    locked(() -> state.changes.remove(name));
  }

  /** Deletes all attributes but those of other frameworks; the session and its principal stay. */
  public void clear() {
    names().forEach(this::remove);
  }

  /**
   * Changes an attribute atomically and stores it at once, with everything else that is pending.
   *
   * @param make gets a copy of the value and returns the new one; runs again when another writer was first
   * @return the value that was stored
   * @throws SessionEndedException
   * @throws SessionConflictException
   * @throws AttributeException
   * @throws SessionTooLargeException
   */
  public @Nullable Object update(String name, UnaryOperator<@Nullable Object> make) {
    settings.namespace().check(name);
    return locked(() -> state.update(name, make));
  }

  /** Whether a commit would write anything. */
  public boolean isDirty() {
    return locked(state::isDirty);
  }

  /** A new session is to be stored though nothing has been set. */
  public void keepEvenIfEmpty() {
    state.isWanted = true;
  }

  /**
   * Stores what has changed. A session that nobody has yet is created only if it holds anything. What someone else has
   * ended is not brought back: {@link #isEnded()} tells, and the changes are dropped.
   *
   * @throws SessionConflictException
   * @throws SessionTooLargeException
   */
  public void commit() {
    locked(state::commit);
  }

  /** For the end of a request: {@link #commit()}, and where nothing was stored by that {@link #touch()} if it is due. */
  public void finish() {
    locked(state::finish);
  }

  /** Renews the idle timeout now. */
  public void touch() {
    locked(state::touch);
  }

  /**
   * Reads the session anew: what was revoked or changed elsewhere until now is seen. What has been changed here is stored
   * first.
   */
  public void refresh() {
    locked(state::refresh);
  }

  /** As {@link #login(String, LoginOptions)}, nothing kept and nothing said. */
  public void login(String principal) {
    login(principal, LoginOptions.defaults());
  }

  /**
   * Signs a principal in: a new token always, the old one refused at once, all attributes but those of {@code keep} dropped.
   *
   * @param principal a text of 1 to 1,024 bytes
   * @throws SessionLimitException when the principal has too many sessions and the policy is to refuse: this session and its
   *     changes then stay as they are
   * @throws SessionEndedException when the new session was revoked at that moment
   * @throws AttributeException for a principal that is none
   * @throws OptionException for lifetimes that do not fit each other
   * @throws SojournException as {@link #commit()}
   */
  public void login(String principal, LoginOptions options) {
    PrincipalName name = PrincipalName.of(principal, settings.pepper());
    locked(() -> state.login(name, options));
  }

  /**
   * For adapters: the response that was to bring the token of this request's {@link #login} does not go out. The session that it
   * has made ends, as soon as Redis answers and without waiting for it, for nobody has its token: it would count, and stand in
   * lists. The session before has ended with the login.
   *
   * @return false: this request has signed nobody in
   */
  public boolean abandonLogin() {
    return locked(state::abandonLogin);
  }

  /**
   * A new token for the same session. Whoever comes with the former one gets the new one too, for a while. Pending changes
   * are stored in the same step. Where the client has come with a former token it gets the new one anyway, and there is only
   * a commit. For a session that is not stored there is nothing to do: its first commit makes a token.
   *
   * @throws SessionEndedException
   * @throws SojournException as {@link #commit()}
   */
  public void rotate() {
    locked(state::rotate);
  }

  /**
   * As {@link #rotate()}, with the next commit, for frameworks that name the new id before. Another request that rotates the
   * session first gives it another one.
   *
   * @return the id that the session has from then on
   * @throws SessionEndedException
   */
  public String rotateLater() {
    return locked(state::rotateLater);
  }

  /**
   * The principal has authenticated again, at this level: a new token for the same session, the old one refused at once.
   *
   * @param level 0 to 255, on the scale of {@link LoginOptions#level}
   * @throws NotSignedInException
   * @throws SessionEndedException
   * @throws OptionException
   * @throws SojournException as {@link #commit()}
   */
  public void stepUp(int level) {
    LoginOptions.checkedLevel(level);
    locked(() -> state.stepUp(level));
  }

  /**
   * Ends the session on every node. What is set afterwards makes a new one.
   *
   * @throws SessionConflictException
   */
  public void logout() {
    locked(state::logout);
  }

  /** As {@link #setLifetime(Duration, Duration, Boolean)}, the idle timeout alone. */
  public void setIdleTimeout(Duration idleTimeout) {
    setLifetime(idleTimeout, null, null);
  }

  /**
   * Other lifetimes for this session, stored with the next commit; null leaves one as it is. A principal's session gets a
   * new token with it.
   *
   * @param absoluteTimeout since the session's creation
   * @param persistent whether the cookie outlives the browser
   * @throws OptionException
   */
  public void setLifetime(
      @Nullable Duration idleTimeout, @Nullable Duration absoluteTimeout, @Nullable Boolean persistent) {
    Long idle = idleTimeout == null ? null : (Long) Options.duration("idleTimeout", idleTimeout);
    Long absolute = absoluteTimeout == null ? null : (Long) Options.duration("absoluteTimeout", absoluteTimeout);
    locked(() -> state.setLifetime(idle, absolute, persistent));
  }

  private static @Nullable Instant instant(@Nullable Long ms) {
    return ms == null ? null : Instant.ofEpochMilli(ms);
  }

  private <T extends @Nullable Object> T locked(Supplier<T> work) {
    lock.lock();
    try {
      return work.get();
    } finally {
      lock.unlock();
    }
  }

  private void locked(Runnable work) {
    lock.lock();
    try {
      work.run();
    } finally {
      lock.unlock();
    }
  }

  /** Names and no values, and not the token. */
  @Override
  public String toString() {
    return "Session[id=" + id() + ", principal=" + principal() + ", attributes=" + names() + "]";
  }
}
