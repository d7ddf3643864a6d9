package dev.sojourn;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * What a request knows of its session and has done to it, and how that is stored. Not for several threads at once: {@link Session},
 * which says what each of these promises, lets one in after the other.
 */
final class SessionState {
  private final Repository repository;
  private final Settings settings;
  /** Not committed yet. */
  final PendingChanges changes = new PendingChanges();
  /** Stamps of own writes whose answers were lost. */
  private final List<byte[]> unknown = new ArrayList<>();
  /** Of the session that this was, or that the client's token named. */
  private @Nullable String lastId;
  /** What is stored, as it was last read or written; for getters on any thread. */
  volatile @Nullable Live live;
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
  @Nullable Lifetime lifetime;
  /** What a new session is to have. */
  private @Nullable Token reserved;
  /** What it is to have from the next commit on. */
  private @Nullable Token next;
  /** To be stored though nothing has been set. */
  boolean isWanted;

  SessionState(Repository repository, @Nullable Token token, SessionReader.@Nullable Loaded loaded) {
    this.repository = repository;
    settings = repository.settings;
    lastId = token == null ? null : token.id();
    live = loaded == null ? null : loaded.live();
    isSuperseded = loaded != null && live == null && loaded.keepsCookie();
    isForwarded = token != null && live != null && !live.token().id().equals(token.id());
    isRotationDue = live != null && !isForwarded && repository.rotations.isDue(live);
  }

  @Nullable Token token() {
    Live stored = live;
    return stored == null || isConcealed ? null : stored.token();
  }

  Token reserveToken() {
    Live stored = live;
    if (stored != null) return next != null ? next : stored.token();
    Token made = reserved;
    if (made == null) reserved = made = Token.create(settings.keyring(), null, 0);
    return made;
  }

  /** @param presented the token's value that the client has */
  Session.Cookie cookie(@Nullable String presented) {
    Token token = token();
    if (token != null) return isLifetimeNew || !token.value().equals(presented) ? Session.Cookie.SET : Session.Cookie.KEEP;
    // One that has ended elsewhere is left alone: the client may have the cookie of a new login by now.
    return isLoggedOut && !isSuperseded && live == null ? Session.Cookie.CLEAR : Session.Cookie.KEEP;
  }

  boolean isEnded() {
    return isEnded || isSuperseded;
  }

  Map<String, @Nullable Object> base() {
    return live == null ? Map.of() : live.attributes();
  }

  private Map<String, Change> delta() {
    return changes.delta(base());
  }

  boolean isDirty() {
    return !delta().isEmpty() || (live == null ? isWanted && !isEnded() : lifetime != null || next != null);
  }

  @Nullable Object update(String name, UnaryOperator<@Nullable Object> make) {
    if (isEnded()) throw new SessionEndedException("update");
    Change before = changes.of(name);
    changes.update(base(), name, make);
    try {
      commit();
    } catch (RuntimeException error) {
      // Whoever asks again makes the change again: left pending it would count twice.
      changes.restore(name, before);
      throw error;
    }
    if (isEnded()) throw new SessionEndedException("update");
    return Values.copy(changes.value(base(), name));
  }

  void commit() {
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

  void finish() {
    byte[] before = live == null ? null : live.stamp();
    commit();
    if (live != null && live.stamp() == before && isTouchDue(live)) touch();
  }

  void touch() {
    if (live != null) live = repository.touch(live);
  }

  private boolean isTouchDue(Live stored) {
    long now = settings.engine().now();
    RecordHeader header = stored.header();
    long gain = Math.min(header.idleTimeout(), header.deadline() - now) - (stored.expiresAt() - now);
    return gain > 0 && gain >= settings.touchAfter() * header.idleTimeout();
  }

  void refresh() {
    if (isDirty()) {
      commit();
      return;
    }
    Live known = live;
    if (known == null) return;
    SessionReader.Loaded loaded = repository.reader.follow(known.token(), settings.engine().load(known.token().id()));
    if (loaded.live() == null) end(loaded.reason() == SessionListener.Rejection.SUPERSEDED);
    else live = loaded.live();
    isConcealed |= loaded.over() != null;
  }

  void login(PrincipalName name, LoginOptions options) {
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
  }

  boolean abandonLogin() {
    Live known = live;
    if (known == null || !isSignedInHere) return false;
    String ownerTag = Objects.requireNonNull(known.header().ownerTag());
    repository.leftovers.end(known.token().id(), ownerTag, known.header().idleTimeout());
    leave(known);
    isLoggedOut = true;
    return true;
  }

  void rotate() {
    if (isEnded()) throw new SessionEndedException("rotate");
    if (live == null) return;
    // New to this client already. Of two successors the browser keeps the one whose answer comes last.
    boolean isRotated = isForwarded || isConcealed;
    isForwarded = false;
    if (isRotated) commit();
    else store(live, Rotations.Kind.FORWARD, UnaryOperator.identity());
    if (live == null) throw new SessionEndedException("rotate");
  }

  String rotateLater() {
    if (isEnded()) throw new SessionEndedException("rotateLater");
    Live stored = live;
    if (stored == null) {
      reserved = Token.create(settings.keyring(), null, 0);
      return reserved.id();
    }
    if (isForwarded || isConcealed) return stored.token().id();
    next = Token.create(settings.keyring(), stored.token().partition(), 0);
    return next.id();
  }

  void stepUp(int level) {
    if (isEnded()) throw new SessionEndedException("stepUp");
    if (live == null || Meta.principal(live.meta()) == null) throw new NotSignedInException("stepUp");
    long now = settings.engine().now();
    store(live, Rotations.Kind.SUPERSEDE, meta -> Meta.withStepUp(meta, level, now));
    if (live == null) throw new SessionEndedException("stepUp");
    isConcealed = false;
  }

  void logout() {
    Live known = live;
    boolean isTaken = false;
    if (known != null) {
      isTaken = repository.destroy(known, null).end() == Repository.End.SUPERSEDED;
    } else if (lastId != null) endAgain(lastId);
    // A login elsewhere was first, and its cookie is not this request's to touch.
    isSuperseded |= isTaken;
    isLoggedOut |= !isTaken;
    leave(known);
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

  /** @param idleTimeout as the absolute one milliseconds; null: as it is */
  void setLifetime(@Nullable Long idleTimeout, @Nullable Long absoluteTimeout, @Nullable Boolean persistent) {
    long start = live == null ? settings.engine().now() : live.header().createdAt();
    Lifetime said = new Lifetime(idleTimeout, absoluteTimeout == null ? null : (Long) (start + absoluteTimeout), persistent);
    if (lifetime == null && live != null && said.isOf(live)) return;
    lifetime = lifetime == null ? said : lifetime.with(said);
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
}
