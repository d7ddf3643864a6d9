package dev.sojourn;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Sessions into the store: encoding, compare-and-set with rebase, ending. Reading is its reader's. */
final class Repository {
  /** After so many conflicts in a row a commit gives up. */
  static final int MOST_ATTEMPTS = 32;
  /** From this attempt on writers step out of each other's way, for random and growing milliseconds. */
  private static final int BACK_OFF_AFTER = 4;
  private static final int LONGEST_PAUSE = 64;
  private static final int TURNS = 256;

  /**
   * What a request wants stored.
   *
   * @param unknown stamps of this request's writes whose outcome is not known; grows here when another one is
   * @param successor the token that a rotation gives; null: a new one
   */
  record Wanted(
      Map<String, Change> delta,
      @Nullable Lifetime lifetime,
      UnaryOperator<Map<String, @Nullable Object>> changeMeta,
      List<byte[]> unknown,
      @Nullable Token successor) {
    Wanted(
        Map<String, Change> delta,
        @Nullable Lifetime lifetime,
        UnaryOperator<Map<String, @Nullable Object>> changeMeta,
        List<byte[]> unknown) {
      this(delta, lifetime, changeMeta, unknown, null);
    }
  }

  /**
   * @param live null: it has ended, or been superseded
   * @param isMoved this write has given it its token
   * @param isOver a forward has led here whose time is over
   */
  record Written(@Nullable Live live, boolean isSuperseded, boolean isMoved, boolean isOver) {
    private static Written ended(boolean isSuperseded) {
      return new Written(null, isSuperseded, false, false);
    }
  }

  enum End {
    DONE,
    /** It had ended before. */
    GONE,
    /** A login had replaced it. */
    SUPERSEDED
  }

  /** @param last what it was at its end, if it opens */
  record Destroyed(End end, @Nullable Live last) {}

  final Settings settings;
  final SessionReader reader;
  final Rotations rotations;
  final Leftovers leftovers;
  /** Commits to one session from one process queue behind each other: conflicts are then only between processes. */
  private final ReentrantLock[] turns = Stream.generate(ReentrantLock::new).limit(TURNS).toArray(ReentrantLock[]::new);

  Repository(Settings settings) {
    this.settings = settings;
    reader = new SessionReader(settings);
    rotations = new Rotations(settings);
    leftovers = new Leftovers(settings.engine(), settings.listener());
  }

  /** Milliseconds until the record ends if nobody comes; 0 or less when its deadline has passed. */
  private long timeToLive(RecordHeader header) {
    return Math.min(header.idleTimeout(), header.deadline() - settings.engine().now());
  }

  /**
   * Stores a new session. Those of the principal that have to make room are ended.
   *
   * @return null where something stands under the token already
   * @throws SessionLimitException where the limit refuses it; nothing is written then
   */
  @Nullable Live create(
      Token token,
      RecordHeader header,
      Codec.Payload content,
      RedisEngine.@Nullable Limit limit,
      List<byte[]> unknown) {
    Keyring.Key key = settings.keyring().primary();
    byte[] record = settings.format().encode(header, content, key, new RecordFormat.Context(settings.keyring(), token));
    long ttl = timeToLive(header);
    RedisEngine.Created created;
    try {
      created = settings.engine().create(token.id(), record, ttl, owner(token.id(), header, content.meta()), limit);
    } catch (StoreUnavailableException error) {
      if (error.indeterminate()) unknown.add(RecordFormat.stamp(record));
      throw error;
    }
    switch (created.status()) {
      case CREATED:
        for (String id : created.evicted()) {
          String principal = Meta.principal(content.meta());
          settings.listener().evicted(id, principal == null ? "" : principal, token.id());
        }
        return live(token, record, header, key, content, ttl);
      case EXISTS:
        return isStored(token.id(), record) ? live(token, record, header, key, content, ttl) : null;
      default:
        break;
    }
    boolean isOfKind = created.status() == RedisEngine.CreateStatus.REJECTED_OF_KIND;
    if (limit == null) throw new IllegalStateException("rejected without a limit");
    if (isOfKind) throw new SessionLimitException(limit.maxOfKind(), Meta.kind(content.meta()));
    throw new SessionLimitException(limit.max(), null);
  }

  /** Where the connection was lost the client has asked twice, and the first time has done it. */
  private boolean isStored(String id, byte[] record) {
    RedisEngine.Stored stored = settings.engine().load(id);
    return stored != null && Arrays.equals(stored.record(), record);
  }

  /**
   * Stores a change by compare-and-set. On conflict it is rebased on what is stored and tried again. With a rotation the
   * session gets a new token in the same step.
   *
   * @throws SessionConflictException after 32 conflicts
   */
  Written store(Live from, Wanted wanted, Rotations.@Nullable Kind rotation) {
    ReentrantLock turn = turns[Math.floorMod(from.token().id().hashCode(), TURNS)];
    boolean isMine = false;
    try {
      // Only to save conflicts: whoever cannot wait that long goes on without.
      isMine = turn.tryLock(1, TimeUnit.SECONDS);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
    try {
      return new Storing(from, wanted, rotation).run();
    } finally {
      if (isMine) turn.unlock();
    }
  }

  /** One call of {@code store}. */
  private final class Storing {
    private final Wanted wanted;
    private final Rotations.@Nullable Kind asked;
    private Live live;
    private Map<String, Change> delta;
    private @Nullable Lifetime lifetime;
    private Rotations.@Nullable Kind rotation;
    private boolean isOver;

    Storing(Live from, Wanted wanted, Rotations.@Nullable Kind rotation) {
      this.wanted = wanted;
      asked = rotation;
      live = from;
      delta = wanted.delta;
      lifetime = wanted.lifetime;
      this.rotation = rotation;
    }

    Written run() {
      for (int attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
        // The rotation was all, and another has done it.
        if (rotation != asked && delta.isEmpty() && lifetime == null) return new Written(live, false, false, isOver);
        RecordHeader header = nextHeader();
        long ttl = timeToLive(header);
        if (ttl < 1) {
          // Its deadline has passed, or the application has just set it to a time that has.
          destroy(live, null);
          return Written.ended(false);
        }
        Token token = rotation == null ? live.token() : successor();
        Keyring.Key key = rotation == null ? live.key() : settings.keyring().primary();
        Codec.Payload content = new Codec.Payload(Change.apply(live.attributes(), delta), nextMeta());
        RecordFormat.Context context = new RecordFormat.Context(settings.keyring(), token);
        byte[] record = settings.format().encode(header, content, key, context);
        RedisEngine.Written result = write(token, header, content, record, ttl);
        if (result.status() == RedisEngine.Status.DONE) {
          return new Written(live(token, record, header, key, content, ttl), false, rotation != null, isOver);
        }
        if (result.status() == RedisEngine.Status.GONE) return Written.ended(false);
        // What was stored before a pause has been overtaken after it.
        boolean isPaused = backOff(attempt);
        RedisEngine.Stored stored = isPaused ? settings.engine().load(live.token().id()) : result.stored();
        SessionReader.Loaded theirs = reader.follow(live.token(), stored);
        if (theirs.live() == null) return Written.ended(theirs.reason() == SessionListener.Rejection.SUPERSEDED);
        isOver |= theirs.over() != null;
        // Sent twice, where the connection was lost in between: the first time has done it.
        boolean isThis = Arrays.equals(theirs.live().stamp(), RecordFormat.stamp(record));
        if (isThis) return new Written(theirs.live(), false, rotation != null, isOver);
        rebaseOn(theirs.live());
      }
      throw new SessionConflictException(MOST_ATTEMPTS);
    }

    private Token successor() {
      Token chosen = wanted.successor;
      return chosen != null ? chosen : Token.create(settings.keyring(), live.token().partition(), 0);
    }

    private RedisEngine.Written write(Token token, RecordHeader header, Codec.Payload content, byte[] record, long ttl) {
      RedisEngine engine = settings.engine();
      try {
        // Its end may come sooner than it was set to.
        boolean isOther = lifetime != null;
        if (rotation == null) return engine.commit(token.id(), live.stamp(), record, ttl, isOther);
        RedisEngine.Left left = rotations.left(rotation, header, live.token(), token);
        RedisEngine.Owner owner = owner(token.id(), header, content.meta());
        return engine.rotate(live.token().id(), live.stamp(), token.id(), record, ttl, left, owner);
      } catch (StoreUnavailableException error) {
        if (error.indeterminate()) wanted.unknown.add(RecordFormat.stamp(record));
        throw error;
      }
    }

    private void rebaseOn(Live theirs) {
      settings.listener().conflict(live.token().id());
      if (lifetime != null && lifetime.isOf(theirs)) lifetime = null;
      // Rotated by another request meanwhile: both go on with the one successor, for two of them would leave the browser
      // with the one whose answer comes last.
      boolean isMoved = !theirs.token().id().equals(live.token().id());
      if (isMoved && rotation == Rotations.Kind.FORWARD && lifetime == null) rotation = null;
      // An own write whose answer was lost holds the changes already: to merge them again would count them twice.
      if (!isOwn(wanted.unknown, theirs)) {
        delta = Change.rebase(delta, live.attributes(), theirs.attributes(), settings.merges());
      }
      live = theirs;
    }

    private RecordHeader nextHeader() {
      RecordHeader header = live.header();
      Lifetime asked = lifetime == null ? Lifetime.SAME : lifetime;
      return new RecordHeader(
          header.nextRevision(),
          header.createdAt(),
          asked.deadline() != null ? asked.deadline() : header.deadline(),
          asked.idleTimeout() != null ? asked.idleTimeout() : header.idleTimeout(),
          // Data of a newer node keeps its version, or the newer node would migrate it twice.
          Math.max(header.schema(), settings.version()),
          header.ownerTag());
    }

    private Map<String, @Nullable Object> nextMeta() {
      Map<String, @Nullable Object> meta = live.meta();
      Boolean persistent = lifetime == null ? null : lifetime.persistent();
      if (persistent != null) meta = Meta.withPersistent(meta, persistent);
      meta = wanted.changeMeta.apply(meta);
      return rotation == null ? meta : rotations.meta(rotation, meta, live.token());
    }
  }

  static boolean isOwn(List<byte[]> stamps, Live live) {
    return stamps.stream().anyMatch(stamp -> Arrays.equals(stamp, live.stamp()));
  }

  /**
   * Ends a session, whatever others write to it meanwhile and wherever a rotation has moved it.
   *
   * @param left at its id
   * @throws SessionConflictException after 32 rotations in a row that came in between
   */
  Destroyed destroy(Live from, RedisEngine.@Nullable Left left) {
    RedisEngine engine = settings.engine();
    Token token = from.token();
    String owner = from.header().ownerTag();
    for (int attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
      RedisEngine.Written result = engine.destroyRecord(token.id(), owner, left);
      if (result.status() == RedisEngine.Status.GONE) return new Destroyed(End.GONE, null);
      if (result.status() == RedisEngine.Status.DONE) {
        byte[] ended = result.ended();
        Live last = ended == null ? null : reader.follow(token, new RedisEngine.Stored(ended, 1, false)).live();
        return new Destroyed(End.DONE, last);
      }
      SessionReader.Loaded theirs = reader.follow(token, result.stored());
      if (theirs.live() == null) return destroyRest(token, owner, left, theirs);
      token = theirs.live().token();
    }
    throw new SessionConflictException(MOST_ATTEMPTS);
  }

  private Destroyed destroyRest(
      Token token, @Nullable String owner, RedisEngine.@Nullable Left left, SessionReader.Loaded theirs) {
    // The marker stays: it keeps late requests from overwriting the cookie of the login.
    if (theirs.reason() == SessionListener.Rejection.SUPERSEDED) {
      // After a step-up it goes on all the same, under a token that this one does not lead to.
      String successor = theirs.successor();
      boolean isEnded = successor != null && Revocation.revoke(settings.engine(), successor, owner) != null;
      return new Destroyed(isEnded ? End.DONE : End.SUPERSEDED, null);
    }
    // A forward to nothing that opens: it goes too.
    RedisEngine.Written rest = settings.engine().destroyAnything(token.id(), owner, left);
    return new Destroyed(rest.status() == RedisEngine.Status.DONE ? End.DONE : End.GONE, null);
  }

  /** Renews the idle timeout. A session that has been changed meanwhile has been renewed by that. */
  Live touch(Live live) {
    long ttl = timeToLive(live.header());
    if (ttl < 1) return live;
    long now = settings.engine().now();
    RedisEngine.Written result = settings.engine().touch(live.token().id(), live.stamp(), ttl);
    if (result.status() != RedisEngine.Status.DONE) return live;
    reader.lifetimes.note(live.token().id(), live.header(), now + ttl);
    return live.until(now + ttl);
  }

  private Live live(
      Token token, byte[] record, RecordHeader header, Keyring.Key key, Codec.Payload content, long ttl) {
    byte[] stamp = RecordFormat.stamp(record);
    long expiresAt = settings.engine().now() + ttl;
    reader.lifetimes.note(token.id(), header, expiresAt);
    return new Live(token, stamp, header, key, content.meta(), content.attributes(), expiresAt);
  }

  /** As the index needs it; null for a session of nobody. */
  private RedisEngine.@Nullable Owner owner(String id, RecordHeader header, Map<String, @Nullable Object> meta) {
    String tag = header.ownerTag();
    if (tag == null) return null;
    String principal = Meta.principal(meta);
    Descriptor descriptor =
        new Descriptor(
            header.createdAt(),
            header.deadline(),
            header.idleTimeout(),
            principal == null ? "" : principal,
            Meta.kind(meta),
            Meta.device(meta),
            Meta.address(meta));
    byte[] sealed = descriptor.seal(settings.keyring(), settings.pepper(), tag, id);
    return new RedisEngine.Owner(tag, sealed, Math.max(1, header.deadline() - settings.engine().now()));
  }

  /**
   * Waits a few random milliseconds once the first attempts have failed.
   *
   * @return whether it did
   */
  static boolean backOff(int attempt) {
    if (attempt < BACK_OFF_AFTER) return false;
    long most = Math.min(1L << Math.min(attempt - BACK_OFF_AFTER, 16), LONGEST_PAUSE);
    try {
      TimeUnit.MICROSECONDS.sleep(ThreadLocalRandom.current().nextLong(1000 * most));
    } catch (InterruptedException interrupted) {
      // The command that follows will say so.
      Thread.currentThread().interrupt();
    }
    return true;
  }
}
