package dev.sojourn;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * A new session for the principal, in the principal's partition, and the end of the one before. The new one is written
 * first and the old one ended by compare-and-set, so that neither a failure between the two nor a parallel request's
 * acknowledged change loses what is kept.
 */
final class Login {
  /**
   * So often the session before is ended only as it was read, and what others wrote is carried over first. Then whatever
   * stands there is ended and carried over afterwards: a writer that never rests cannot keep anybody from signing in.
   */
  private static final int CAREFUL_ATTEMPTS = 6;

  private final Repository repository;
  private final Settings settings;
  private final PrincipalName name;
  private final LoginOptions options;
  private final @Nullable Live before;
  private final Map<String, Change> pending;

  Login(
      Repository repository,
      PrincipalName name,
      LoginOptions options,
      @Nullable Live before,
      Map<String, Change> pending) {
    this.repository = repository;
    this.settings = repository.settings;
    this.name = name;
    this.options = options;
    this.before = before;
    this.pending = pending;
  }

  /**
   * @throws SessionLimitException
   * @throws SessionEndedException
   */
  Live run() {
    long now = settings.engine().now();
    long idle = options.idleTimeout != null ? options.idleTimeout : settings.idleTimeout();
    long absolute = options.absoluteTimeout != null ? options.absoluteTimeout : settings.absoluteTimeout();
    if (idle > absolute) throw new OptionException("idleTimeout", "is longer than absoluteTimeout; give both to login");
    options.with.keySet().forEach(settings.namespace()::check);
    int schema = Math.max(settings.version(), before == null ? 0 : before.header().schema());
    RecordHeader header = new RecordHeader(1, now, now + absolute, idle, schema, name.tag());
    Map<String, @Nullable Object> base = before == null ? Map.of() : before.attributes();
    Map<String, @Nullable Object> kept = kept(Change.apply(base, pending));
    Codec.Payload content = new Codec.Payload(kept, Meta.ofLogin(name.principal(), options, now));
    Token token = Token.create(settings.keyring(), name.partition(), 0);
    Live created = create(token, header, content);
    if (before == null) return created;
    try {
      return new Superseding(before, created).run();
    } catch (RuntimeException error) {
      // Signed in, and its token given to nobody.
      repository.leftovers.end(created.token().id(), name.tag(), idle);
      throw error;
    }
  }

  private Live create(Token token, RecordHeader header, Codec.Payload content) {
    SessionLimit limit = options.maxSessions != null ? options.maxSessions : settings.maxSessions();
    // The same principal's, which this login ends, is not one too many.
    boolean isReplaced = before != null && name.tag().equals(before.header().ownerTag());
    String replaces = before != null && isReplaced ? before.token().id() : null;
    RedisEngine.Limit ofLogin = limit == null ? null : limit.forLogin(options.kind, replaces);
    Live created;
    try {
      created = repository.create(token, header, content, ofLogin, new ArrayList<>());
    } catch (StoreUnavailableException error) {
      if (error.indeterminate()) repository.leftovers.end(token.id(), name.tag(), header.idleTimeout());
      throw error;
    }
    // 192 random bits do not come twice.
    if (created == null) throw new IllegalStateException("create was answered exists");
    return created;
  }

  private Map<String, @Nullable Object> kept(Map<String, @Nullable Object> attributes) {
    Map<String, @Nullable Object> kept = new LinkedHashMap<>(attributes);
    if (options.keep != null) kept.keySet().retainAll(options.keep);
    String former = before == null ? null : Meta.principal(before.meta());
    boolean isAnother = former != null && !former.equals(name.principal());
    // What a framework holds of one user must not be found with another, and only itself knows what of it outlives a login.
    kept.keySet().removeIf(each -> isAnother ? Namespace.isPrivate(each) : settings.namespace().isOthers(each));
    kept.putAll(options.with);
    return kept;
  }

  /** Ends the session before the login, carrying over what parallel requests stored there meanwhile. */
  private final class Superseding {
    private final RedisEngine.Left marker = new RedisEngine.Left(Trail.superseded(null), Trail.SUPERSEDED_FOR);
    private Live old;
    private Live live;
    private Map<String, @Nullable Object> base;
    private Map<String, Change> delta = pending;

    Superseding(Live before, Live created) {
      old = before;
      live = created;
      base = before.attributes();
    }

    Live run() {
      for (int attempt = 1; attempt <= CAREFUL_ATTEMPTS; attempt++) {
        String ownerTag = old.header().ownerTag();
        RedisEngine.Written result = settings.engine().destroyStamped(old.token().id(), ownerTag, marker, old.stamp());
        if (result.status() != RedisEngine.Status.CONFLICT) {
          // Another has ended it: what it held ends with it, and only what this request has set itself goes along.
          if (result.status() == RedisEngine.Status.GONE) carryOver(Map.of());
          return live;
        }
        Live theirs = repository.reader.follow(old.token(), result.stored()).live();
        if (theirs == null) break;
        old = theirs;
        carryOver(old.attributes());
      }
      Repository.Destroyed ended = repository.destroy(old, marker);
      if (ended.end() == Repository.End.GONE) carryOver(Map.of());
      else if (ended.last() != null) carryOver(ended.last().attributes());
      return live;
    }

    private void carryOver(Map<String, @Nullable Object> theirs) {
      delta = Change.rebase(delta, base, theirs, settings.merges());
      base = theirs;
      Map<String, Change> missing = Change.between(live.attributes(), kept(Change.apply(base, delta)));
      if (missing.isEmpty()) return;
      Repository.Wanted wanted = new Repository.Wanted(missing, null, UnaryOperator.identity(), new ArrayList<>());
      Live stored = repository.store(live, wanted, null).live();
      if (stored == null) {
        // Its token is known to nobody yet: a revocation of all the principal's sessions has ended it.
        repository.destroy(old, marker);
        throw new SessionEndedException("login");
      }
      live = stored;
    }
  }
}
