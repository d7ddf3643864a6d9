package dev.sojourn;

import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
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
    CLEAR
  }

  private final Repository repository;
  private final Settings settings;
  private final ReentrantLock lock = new ReentrantLock();
  /** Not committed yet. */
  private final PendingChanges changes = new PendingChanges();
  /** Stamps of own writes whose answers were lost. */
  private final List<byte[]> unknown = new ArrayList<>();
  /** The token's value that the client has. */
  private final @Nullable String presented;
  /** Of the session that this was, or that the client's token named. */
  private @Nullable String lastId;
  private volatile @Nullable Live live;
  private boolean isEnded;
  private boolean isSuperseded;
  private boolean isLoggedOut;
  private boolean isSignedInHere;
  /** The client came with a former token: its answer brings the successor. */
  private boolean isForwarded;
  /** A forward has led here whose time is over: the request goes on, and its client is not told the token. */
  private boolean isConcealed;
  private boolean isRotationDue;
  private boolean isLifetimeNew;
  private @Nullable Lifetime lifetime;
  /** What a new session is to have. */
  private @Nullable Token reserved;
  /** What it is to have from the next commit on. */
  private @Nullable Token next;
  private boolean isWanted;

  Session(Repository repository, @Nullable Token token, SessionReader.@Nullable Loaded loaded) {
    this.repository = repository;
    settings = repository.settings;
    presented = token == null ? null : token.value();
    lastId = token == null ? null : token.id();
    live = loaded == null ? null : loaded.live();
    isSuperseded = loaded != null && live == null && loaded.keepsCookie();
    isForwarded = token != null && live != null && !live.token().id().equals(token.id());
    isRotationDue = live != null && !isForwarded && repository.rotations.isDue(live);
  }

  /** Public name, 25 characters: safe to log and to show, of no use as a cookie. Null until the session is stored. */
  public @Nullable String id() {
    return live == null ? null : live.token().id();
  }

  /**
   * The secret for the cookie. Changes with {@link #login}, {@link #stepUp} and {@link #rotate}. Null until the session is
   * stored, and for a request that has outlasted its own token.
   */
  public @Nullable Token token() {
    return live == null || isConcealed ? null : live.token();
  }

  /** The token of the session, or the one that it will have once it is stored: for frameworks that must know it before. */
  public Token reserveToken() {
    return locked(
        () -> {
          Live stored = live;
          if (stored != null) return next != null ? next : stored.token();
          Token made = reserved;
          if (made == null) reserved = made = Token.create(settings.keyring(), null, 0);
          return made;
        });
  }

  /** What the response is to do with the cookie. To be asked after the last operation. */
  public Cookie cookie() {
    Token token = token();
    if (token != null) return isLifetimeNew || !token.value().equals(presented) ? Cookie.SET : Cookie.KEEP;
    // One that has ended elsewhere is left alone: the client may have the cookie of a new login by now.
    return isLoggedOut && !isSuperseded && live == null ? Cookie.CLEAR : Cookie.KEEP;
  }

  /** Whether nothing is stored yet. */
  public boolean isNew() {
    return live == null;
  }

  /** Whether someone else has ended or replaced it: what is set here is dropped. */
  public boolean isEnded() {
    return isEnded || isSuperseded;
  }

  /** Whose session it is; null before login. */
  public @Nullable String principal() {
    return live == null ? null : Meta.principal(live.meta());
  }

  /** When the principal last authenticated, by {@link #login} or {@link #stepUp}. */
  public @Nullable Instant authenticatedAt() {
    return live == null ? null : instant(Meta.authenticatedAt(live.meta()));
  }

  /** How well the principal is known, as {@link #login} or {@link #stepUp} has said; null where neither has. */
  public @Nullable Integer level() {
    Long level = live == null ? null : Meta.level(live.meta());
    return level == null ? null : level.intValue();
  }

  /** What the login has called the client, at most 256 characters; null where it has not. */
  public @Nullable String device() {
    return live == null ? null : Meta.device(live.meta());
  }

  /** Whether the cookie outlives the browser. */
  public boolean isPersistent() {
    if (lifetime != null && lifetime.persistent() != null) return lifetime.persistent();
    return live != null && Meta.isPersistent(live.meta());
  }

  /** When its first record was made: for a principal's, at the login. Null until it is stored. */
  public @Nullable Instant createdAt() {
    return live == null ? null : Instant.ofEpochMilli(live.header().createdAt());
  }

  /** When it ends if nobody comes. */
  public @Nullable Instant expiresAt() {
    return live == null ? null : Instant.ofEpochMilli(Math.min(live.expiresAt(), live.header().deadline()));
  }

  /** To the part of the idle timeout after which activity is written down. */
  public @Nullable Instant lastActiveAt() {
    if (live == null) return null;
    RecordHeader header = live.header();
    long end = Math.min(live.expiresAt(), header.deadline());
    return Instant.ofEpochMilli(Math.max(header.createdAt(), end - header.idleTimeout()));
  }

  /** When it ends whoever comes. */
  public @Nullable Instant deadline() {
    return live == null ? null : Instant.ofEpochMilli(live.header().deadline());
  }

  /** How long it lives without activity, in milliseconds' precision. */
  public Duration idleTimeout() {
    if (lifetime != null && lifetime.idleTimeout() != null) return Duration.ofMillis(lifetime.idleTimeout());
    return Duration.ofMillis(live == null ? settings.idleTimeout() : live.header().idleTimeout());
  }

  /** A copy of the value; null also where the attribute is absent. */
  public @Nullable Object get(String name) {
    return locked(() -> Values.copy(changes.value(base(), name)));
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
    return locked(() -> changes.has(base(), name));
  }

  /** Of all attributes but those that belong to another framework alone. */
  public Set<String> names() {
    return locked(
        () -> {
          Set<String> names = changes.names(base());
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
    locked(() -> changes.set(name, stored));
  }

  /** Deletes an attribute with the next commit. */
  public void remove(String name) {
    settings.namespace().check(name);
    locked(() -> changes.remove(name));
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
    return locked(
        () -> {
          if (isEnded()) throw new SessionEndedException("update");
          Change before = changes.of(name);
          changes.update(base(), name, make);
          try {
            commitChanges();
          } catch (RuntimeException error) {
            // Whoever asks again makes the change again: left pending it would count twice.
            changes.restore(name, before);
            throw error;
          }
          if (isEnded()) throw new SessionEndedException("update");
          return Values.copy(changes.value(base(), name));
        });
  }

  /** Whether a commit would write anything. */
  public boolean isDirty() {
    return locked(() -> !delta().isEmpty() || (live == null ? isWanted && !isEnded() : lifetime != null || next != null));
  }

  /** A new session is to be stored though nothing has been set. */
  public void keepEvenIfEmpty() {
    isWanted = true;
  }

  /**
   * Stores what has changed. A session that nobody has yet is created only if it holds anything. What someone else has
   * ended is not brought back: {@link #isEnded()} tells, and the changes are dropped.
   *
   * @throws SessionConflictException
   * @throws SessionTooLargeException
   */
  public void commit() {
    locked(
        () -> {
          commitChanges();
        });
  }

  /** For the end of a request: {@link #commit()}, and where nothing was stored by that {@link #touch()} if it is due. */
  public void finish() {
    locked(
        () -> {
          byte[] before = live == null ? null : live.stamp();
          commitChanges();
          if (live != null && live.stamp() == before && isTouchDue(live)) live = repository.touch(live);
        });
  }

  /** Renews the idle timeout now. */
  public void touch() {
    locked(
        () -> {
          if (live != null) live = repository.touch(live);
        });
  }

  private boolean isTouchDue(Live stored) {
    long now = settings.engine().now();
    RecordHeader header = stored.header();
    long gain = Math.min(header.idleTimeout(), header.deadline() - now) - (stored.expiresAt() - now);
    return gain > 0 && gain >= settings.touchAfter() * header.idleTimeout();
  }

  /**
   * Reads the session anew: what was revoked or changed elsewhere until now is seen. What has been changed here is stored
   * first.
   */
  public void refresh() {
    locked(
        () -> {
          if (isDirty()) {
            commitChanges();
            return;
          }
          Live known = live;
          if (known == null) return;
          SessionReader.Loaded loaded =
              repository.reader.follow(known.token(), settings.engine().load(known.token().id()));
          if (loaded.live() == null) end(loaded.reason() == SessionListener.Rejection.SUPERSEDED);
          else live = loaded.live();
          isConcealed |= loaded.over() != null;
        });
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
    locked(
        () -> {
          Live signedIn;
          try {
            signedIn = new Login(repository, name, options, live, delta()).run();
          } catch (SessionEndedException error) {
            end(false);
            throw error;
          }
          changes.clear();
          unknown.clear();
          lifetime = null;
          next = null;
          isEnded = isSuperseded = isLoggedOut = isForwarded = isConcealed = isRotationDue = false;
          isSignedInHere = true;
          live = signedIn;
        });
  }

  /**
   * For adapters: the response that was to bring the token of this request's {@link #login} does not go out. The session that it
   * has made ends, as soon as Redis answers and without waiting for it, for nobody has its token: it would count, and stand in
   * lists. The session before has ended with the login.
   *
   * @return false: this request has signed nobody in
   */
  public boolean abandonLogin() {
    return locked(
        () -> {
          Live known = live;
          if (known == null || !isSignedInHere) return false;
          String ownerTag = Objects.requireNonNull(known.header().ownerTag());
          repository.leftovers.end(known.token().id(), ownerTag, known.header().idleTimeout());
          leave(known);
          isLoggedOut = true;
          return true;
        });
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
    locked(
        () -> {
          if (isEnded()) throw new SessionEndedException("rotate");
          if (live == null) return;
          // New to this client already. Of two successors the browser keeps the one whose answer comes last.
          boolean isRotated = isForwarded || isConcealed;
          isForwarded = false;
          if (isRotated) commitChanges();
          else store(live, Rotations.Kind.FORWARD, UnaryOperator.identity());
          if (live == null) throw new SessionEndedException("rotate");
        });
  }

  /**
   * As {@link #rotate()}, with the next commit, for frameworks that name the new id before. Another request that rotates the
   * session first gives it another one.
   *
   * @return the id that the session has from then on
   * @throws SessionEndedException
   */
  public String rotateLater() {
    return locked(
        () -> {
          if (isEnded()) throw new SessionEndedException("rotateLater");
          Live stored = live;
          if (stored == null) {
            reserved = Token.create(settings.keyring(), null, 0);
            return reserved.id();
          }
          if (isForwarded || isConcealed) return stored.token().id();
          next = Token.create(settings.keyring(), stored.token().partition(), 0);
          return next.id();
        });
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
    locked(
        () -> {
          if (isEnded()) throw new SessionEndedException("stepUp");
          if (live == null || principal() == null) throw new NotSignedInException("stepUp");
          long now = settings.engine().now();
          store(live, Rotations.Kind.SUPERSEDE, meta -> Meta.withStepUp(meta, level, now));
          if (live == null) throw new SessionEndedException("stepUp");
          isConcealed = false;
        });
  }

  /**
   * Ends the session on every node. What is set afterwards makes a new one.
   *
   * @throws SessionConflictException
   */
  public void logout() {
    locked(
        () -> {
          Live known = live;
          boolean isTaken = false;
          if (known != null) {
            isTaken = repository.destroy(known, null).end() == Repository.End.SUPERSEDED;
          } else if (lastId != null) endAgain(lastId);
          // A login elsewhere was first, and its cookie is not this request's to touch.
          isSuperseded |= isTaken;
          isLoggedOut |= !isTaken;
          leave(known);
        });
  }

  private void leave(@Nullable Live known) {
    if (known != null) lastId = known.token().id();
    live = null;
    reserved = null;
    next = null;
    lifetime = null;
    isRotationDue = isConcealed = isForwarded = isWanted = isSignedInHere = false;
    changes.clear();
    unknown.clear();
  }

  /** What has ended is ended once more: it may stand there still, where a write was lost. */
  private void endAgain(String id) {
    RedisEngine.Stored stored = settings.engine().load(id);
    if (stored == null || RecordFormat.isTrail(stored.record())) return;
    RecordHeader header = RecordFormat.header(stored.record());
    settings.engine().destroyRecord(id, header == null ? null : header.ownerTag(), null);
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
    locked(
        () -> {
          long start = live == null ? settings.engine().now() : live.header().createdAt();
          Lifetime said = new Lifetime(idle, absolute == null ? null : (Long) (start + absolute), persistent);
          if (lifetime == null && live != null && said.isOf(live)) return;
          lifetime = lifetime == null ? said : lifetime.with(said);
        });
  }

  private void commitChanges() {
    Live known = live;
    Map<String, Change> delta = delta();
    if (known != null) {
      boolean isDirty = !delta.isEmpty() || lifetime != null;
      if (next != null) store(known, Rotations.Kind.FORWARD, UnaryOperator.identity());
      else if (isRotationDue) renew(known, isDirty);
      else if (isDirty) store(known, null, UnaryOperator.identity());
      return;
    }
    if (isEnded()) {
      drop(delta);
      return;
    }
    if (!delta.isEmpty() || isWanted) createNew(delta);
  }

  private void renew(Live known, boolean isDirty) {
    try {
      store(known, Rotations.Kind.FORWARD, UnaryOperator.identity());
    } catch (StoreUnavailableException | StoreRefusedException | SessionConflictException error) {
      if (isDirty) throw error;
      // Nobody has asked for it: that it fails is no reason to refuse the request.
      isRotationDue = false;
      settings.listener().error("rotate", error);
    }
  }

  private void store(
      Live known, Rotations.@Nullable Kind rotation, UnaryOperator<Map<String, @Nullable Object>> changeMeta) {
    // The index entry of a principal's session carries its lifetime; a rotation writes it anew.
    boolean isIndexed = lifetime != null && known.header().ownerTag() != null;
    Rotations.Kind kind = rotation == null && isIndexed ? Rotations.Kind.FORWARD : rotation;
    Repository.Wanted wanted = new Repository.Wanted(delta(), lifetime, changeMeta, unknown, next);
    Repository.Written written = repository.store(known, wanted, kind);
    if (written.live() == null) {
      end(written.isSuperseded());
      return;
    }
    isLifetimeNew |= lifetime != null;
    lifetime = null;
    isConcealed |= written.isOver();
    if (kind != null) isRotationDue = false;
    become(written.live());
  }

  private void createNew(Map<String, Change> delta) {
    long now = settings.engine().now();
    Lifetime said = lifetime == null ? Lifetime.SAME : lifetime;
    long deadline = said.deadline() != null ? said.deadline() : now + settings.absoluteTimeout();
    long idle = said.idleTimeout() != null ? said.idleTimeout() : settings.idleTimeout();
    RecordHeader header = new RecordHeader(1, now, deadline, idle, settings.version(), null);
    Map<String, @Nullable Object> meta = Boolean.TRUE.equals(said.persistent()) ? Meta.withPersistent(Map.of(), true) : Map.of();
    // Where the answer is lost, whoever tries again is to come to the same token.
    Token token = reserveToken();
    Codec.Payload content = new Codec.Payload(Change.apply(Map.of(), delta), meta);
    Live created = repository.create(token, header, content, null, unknown);
    if (created == null) join(token, delta);
    else become(created);
    lifetime = null;
  }

  /** A session stands under the token already: an own one, whose answer was lost, and perhaps changed since. */
  private void join(Token token, Map<String, Change> delta) {
    Live stored = repository.reader.follow(token, settings.engine().load(token.id())).live();
    if (stored == null) {
      end(false);
      return;
    }
    if (Repository.isOwn(unknown, stored)) {
      become(stored);
      return;
    }
    Map<String, Change> rebased = Change.rebase(delta, Map.of(), stored.attributes(), settings.merges());
    Repository.Wanted wanted = new Repository.Wanted(rebased, null, UnaryOperator.identity(), unknown);
    Repository.Written written = repository.store(stored, wanted, null);
    if (written.live() == null) end(written.isSuperseded());
    else become(written.live());
  }

  private void become(Live stored) {
    live = stored;
    changes.clear();
    unknown.clear();
    isWanted = false;
    next = null;
  }

  private void end(boolean superseded) {
    Map<String, Change> delta = delta();
    Live known = live;
    if (known != null) lastId = known.token().id();
    live = null;
    isEnded = true;
    isSuperseded = superseded;
    drop(delta);
  }

  private void drop(Map<String, Change> delta) {
    changes.clear();
    unknown.clear();
    lifetime = null;
    next = null;
    if (!delta.isEmpty()) settings.listener().dropped(lastId, delta.keySet());
  }

  private Map<String, @Nullable Object> base() {
    return live == null ? Map.of() : live.attributes();
  }

  private Map<String, Change> delta() {
    return changes.delta(base());
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
