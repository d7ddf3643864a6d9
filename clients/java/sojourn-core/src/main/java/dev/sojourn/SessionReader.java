package dev.sojourn;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** Sessions out of the store: verifying, following, opening. */
final class SessionReader {
  /** Rotations make a chain of forwards; a longer one is not followed. */
  private static final int MOST_FORWARDS = 64;
  /** Of so many former tokens it is remembered that their reuse has been told of. */
  private static final int MOST_REUSED = 10_000;

  /**
   * @param live null: there is no session, for this reason
   * @param over a forward has led here whose time is over: who was let in before may go on, but nobody is to get the token
   * @param keepsCookie the browser may have a newer cookie by now: nothing but a login may replace it
   * @param successor of SUPERSEDED: where the same session goes on, for those who have its token
   */
  record Loaded(
      @Nullable Live live,
      @Nullable Trail over,
      SessionListener.@Nullable Rejection reason,
      boolean keepsCookie,
      @Nullable String successor) {
    static Loaded none(SessionListener.Rejection reason) {
      return new Loaded(null, null, reason, false, null);
    }
  }

  private final Settings settings;
  private final Set<String> reused = Recent.set(MOST_REUSED);
  final Lifetimes lifetimes;

  SessionReader(Settings settings) {
    this.settings = settings;
    lifetimes = new Lifetimes(settings.touchAfter());
  }

  /** For a request: the token of the answer may be a successor of the one asked for. */
  Loaded load(Token token) {
    if (token.region() != 0) throw new SessionElsewhereException("session", token.region());
    Loaded found = found(token);
    Loaded loaded = found.live != null && found.over != null ? refused(token, found.live, found.over) : found;
    if (loaded.reason != null) settings.listener().rejected(token.id(), loaded.reason);
    return loaded;
  }

  /** One command where the remaining lifetime is known well enough, two in one round trip where not. */
  private Loaded found(Token token) {
    RedisEngine engine = settings.engine();
    Long left = lifetimes.left(token.id(), engine.clock());
    if (left != null) {
      byte[] record = engine.peek(token.id());
      Loaded found = follow(token, record == null ? null : new RedisEngine.Stored(record, left, false));
      boolean isThis = found.live != null && found.live.token().id().equals(token.id());
      if (!isThis || lifetimes.isOf(token.id(), found.live.header())) return found;
    }
    return follow(token, engine.load(token.id()));
  }

  /** Of a forward whose time is over. */
  private Loaded refused(Token token, Live live, Trail over) {
    // Its holder never came back in time, and nobody has the successor.
    if (!over.isUsed()) return Loaded.none(SessionListener.Rejection.ABSENT);
    String principal = Meta.principal(live.meta());
    if (reused.add(token.id())) settings.listener().tokenReuse(live.token().id(), token.id(), principal);
    if (settings.endsReused()) Revocation.revoke(settings.engine(), live.token().id(), null);
    // A request that was sent before the browser had the successor may come late.
    boolean keepsCookie = settings.engine().now() - over.until() < Trail.SUPERSEDED_FOR;
    return new Loaded(null, null, SessionListener.Rejection.REUSED, keepsCookie, null);
  }

  /** Opens what is stored at a token's id, or what a forward there leads to. */
  Loaded follow(Token asked, RedisEngine.@Nullable Stored found) {
    Token token = asked;
    RedisEngine.Stored stored = found;
    Trail over = null;
    for (int hops = 0; hops <= MOST_FORWARDS; hops++) {
      if (stored == null) return Loaded.none(SessionListener.Rejection.ABSENT);
      if (!RecordFormat.isTrail(stored.record())) return opened(token, stored, over);
      Trail trail = Trail.read(settings.keyring(), token, stored.record());
      if (trail.kind() == Trail.Kind.SUPERSEDED) {
        String successor = Trail.successor(stored.record());
        return new Loaded(null, null, SessionListener.Rejection.SUPERSEDED, true, successor);
      }
      Token next = trail.token();
      if (next == null) return Loaded.none(SessionListener.Rejection.DAMAGED);
      // Of several the one that says most.
      if (trail.until() <= settings.engine().now() && (over == null || !over.isUsed())) over = trail;
      token = next;
      stored = settings.engine().load(token.id());
    }
    return Loaded.none(SessionListener.Rejection.ABSENT);
  }

  private Loaded opened(Token token, RedisEngine.Stored stored, @Nullable Trail over) {
    RecordFormat.Context context = new RecordFormat.Context(settings.keyring(), token);
    RecordFormat.Opened opened = RecordFormat.open(stored.record(), context);
    RecordHeader header = opened.header();
    Codec.Payload payload = opened.payload();
    Keyring.Key key = opened.key();
    if (header == null || payload == null || key == null) return Loaded.none(reason(opened.rejection()));
    long now = settings.engine().now();
    if (header.deadline() <= now) return Loaded.none(SessionListener.Rejection.ABSENT);
    Map<String, @Nullable Object> attributes = migrated(payload.attributes(), header.schema());
    if (attributes == null) return Loaded.none(SessionListener.Rejection.SCHEMA);
    byte[] stamp = RecordFormat.stamp(stored.record());
    if (stored.isHeard()) lifetimes.note(token.id(), header, now + stored.ttl());
    Live live = new Live(token, stamp, header, key, payload.meta(), attributes, now + stored.ttl());
    return new Loaded(live, over, null, false, null);
  }

  /** As a session's public id gives it, without its token. Null where there is none, or only a token opens it. */
  RecordFormat.@Nullable Opened opened(String id, byte[] record) {
    RecordFormat.Opened opened = RecordFormat.open(record, new RecordFormat.Context(settings.keyring(), id, null));
    RecordHeader header = opened.header();
    Codec.Payload payload = opened.payload();
    if (header == null || payload == null || header.deadline() <= settings.engine().now()) return null;
    Map<String, @Nullable Object> attributes = migrated(payload.attributes(), header.schema());
    if (attributes == null) return null;
    return new RecordFormat.Opened(header, new Codec.Payload(attributes, payload.meta()), opened.key(), null);
  }

  /** Null where no step leads to the present version. Data of a newer node stays as it is. */
  private @Nullable Map<String, @Nullable Object> migrated(Map<String, @Nullable Object> stored, int from) {
    if (from >= settings.version()) return Collections.unmodifiableMap(stored);
    // A framework's own are no part of what the application's versions tell.
    Map<String, @Nullable Object> data = new LinkedHashMap<>(stored);
    data.keySet().removeIf(Namespace::isPrivate);
    for (int version = from; version < settings.version(); version++) {
      UnaryOperator<Map<String, @Nullable Object>> step = settings.migrations().get(version);
      if (step == null) return null;
      try {
        data = step.apply(data);
      } catch (RuntimeException error) {
        settings.listener().error("migrate", error);
        return null;
      }
    }
    Map<String, @Nullable Object> migrated = new LinkedHashMap<>();
    data.forEach(
        (name, value) -> {
          Values.checkName(name);
          migrated.put(name, Values.normalise(name, value));
        });
    stored.forEach(
        (name, value) -> {
          if (Namespace.isPrivate(name)) migrated.put(name, value);
        });
    return Collections.unmodifiableMap(migrated);
  }

  private static SessionListener.Rejection reason(RecordFormat.@Nullable Rejection rejection) {
    if (rejection == null) return SessionListener.Rejection.DAMAGED;
    return switch (rejection) {
      case FORMAT -> SessionListener.Rejection.FORMAT;
      case KEY -> SessionListener.Rejection.KEY;
      case DAMAGED, TOKEN_NEEDED -> SessionListener.Rejection.DAMAGED;
      case PAYLOAD -> SessionListener.Rejection.PAYLOAD;
    };
  }
}
