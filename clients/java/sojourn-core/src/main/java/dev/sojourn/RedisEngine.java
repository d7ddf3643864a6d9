package dev.sojourn;

import io.lettuce.core.RedisFuture;
import io.lettuce.core.RedisNoScriptException;
import io.lettuce.core.ScriptOutputType;
import io.lettuce.core.cluster.api.async.RedisClusterAsyncCommands;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;

/**
 * Stores opaque records, by the scripts of the protocol (protocol/README.md, 5 and 9). Times and lifetimes are milliseconds.
 * All methods throw StoreUnavailableException and StoreRefusedException.
 */
final class RedisEngine implements AutoCloseable {
  static final int HASH_LENGTH = 22;
  /** From this attempt on a crowded index is looked through at once: better late than no login. */
  private static final int CROWDED_ATTEMPTS = 3;
  private static final int EVICTED_AT_ONCE = 500;
  private static final byte[] NONE = new byte[0];
  private static final byte[] AWAITED = {'x'};
  private static final long DAY_MS = 86_400_000;

  /**
   * @param ttl what is left of its lifetime
   * @param isHeard whether the store has just said it
   */
  record Stored(byte[] record, long ttl, boolean isHeard) {}

  enum Status {
    DONE,
    CONFLICT,
    GONE
  }

  /**
   * @param stored with a conflict: what stands there
   * @param ended with {@code destroy} of any record: what has ended
   */
  record Written(Status status, @Nullable Stored stored, byte @Nullable [] ended) {}

  /**
   * Whose session it is.
   *
   * @param ttl how long the index has to live at least
   */
  record Owner(String tag, byte[] descriptor, long ttl) {}

  /**
   * @param maxOfKind 0: no limit of its own
   * @param replaces id of a session that ends with this login, which does not count
   */
  record Limit(int max, int maxOfKind, SessionLimit.Policy policy, @Nullable String replaces) {}

  enum CreateStatus {
    CREATED,
    EXISTS,
    REJECTED,
    REJECTED_OF_KIND,
    CROWDED
  }

  record Created(CreateStatus status, List<String> evicted) {}

  record Listed(String id, byte[] descriptor, long ttl) {}

  /** What is left at an id, and for how long. */
  record Left(byte[] record, long ttl) {}

  private final RedisLink link;
  private final String prefix;
  private final boolean isAwaited;

  /** @param isAwaited whether the expiry of sessions that are made here is told of */
  RedisEngine(RedisLink link, String prefix, boolean isAwaited) {
    this.link = link;
    this.prefix = prefix;
    this.isAwaited = isAwaited;
  }

  private void addAwaited(List<byte[]> arguments) {
    if (isAwaited) arguments.add(AWAITED);
  }

  /** What has expired is still to be found there. */
  private byte[] indexLifetime(Owner owner) {
    return number(isAwaited ? owner.ttl + DAY_MS : owner.ttl);
  }

  /** Milliseconds since the epoch, by the server's clock. */
  long now() {
    return link.clock().now();
  }

  ServerClock clock() {
    return link.clock();
  }

  void ready() {
    load(Partitions.tag(0, 0) + "A".repeat(HASH_LENGTH));
  }

  @Nullable Stored load(String id) {
    RedisClusterAsyncCommands<byte[], byte[]> commands = link.commands("load");
    byte[] key = recordKey(id);
    // One round trip. The record may expire or be destroyed between the two: then it is gone.
    RedisFuture<byte[]> record = commands.get(key);
    RedisFuture<Long> ttl = commands.pttl(key);
    byte[] found = link.await("load", record);
    long left = link.await("load", ttl);
    return found == null || left == -2 ? null : new Stored(found, lifetime(left), true);
  }

  /** As {@link #load}, where the remaining lifetime is known. */
  byte @Nullable [] peek(String id) {
    return link.await("load", link.commands("load").get(recordKey(id)));
  }

  Created create(String id, byte[] record, long ttl, @Nullable Owner owner, @Nullable Limit limit) {
    List<byte[]> keys = new ArrayList<>(List.of(recordKey(id)));
    List<byte[]> arguments = new ArrayList<>(List.of(record, number(ttl)));
    if (owner != null) {
      keys.add(indexKey(tagOf(id), owner.tag));
      arguments.addAll(List.of(owner.descriptor, indexLifetime(owner)));
      if (limit != null) {
        arguments.addAll(List.of(number(limit.max), number(limit.maxOfKind), number(limit.policy.ordinal())));
        arguments.add(hashWithin(tagOf(id), limit.replaces));
      }
    }
    List<String> evicted = new ArrayList<>();
    for (int attempt = 1; ; attempt++) {
      if (attempt == CROWDED_ATTEMPTS) arguments.add(number(1));
      List<byte[]> all = new ArrayList<>(arguments);
      addAwaited(all);
      Created result = created(id, run(Script.CREATE, keys, all));
      evicted.addAll(result.evicted);
      if (result.status != CreateStatus.CROWDED) return new Created(result.status, evicted);
      if (owner == null || limit == null) throw new IllegalStateException("no limit, and crowded");
      CreateStatus refusal = makeRoom(tagOf(id), owner, limit, evicted);
      if (refusal != null) return new Created(refusal, evicted);
    }
  }

  private static Created created(String id, List<Object> answer) {
    return switch (code(answer)) {
      case 1 -> new Created(CreateStatus.CREATED, ids(tagOf(id), list(answer.get(2))));
      case 4 -> new Created(CreateStatus.EXISTS, List.of());
      case 5 -> new Created((long) answer.get(1) == 1 ? CreateStatus.REJECTED_OF_KIND : CreateStatus.REJECTED, List.of());
      case 6 -> new Created(CreateStatus.CROWDED, List.of());
      default -> throw unknown();
    };
  }

  /**
   * Brings an index that is too large to be looked through in one step down to the limit: those go that are too many already,
   * whoever else logs in.
   *
   * @return why the new one is refused, or null
   */
  private @Nullable CreateStatus makeRoom(String tag, Owner owner, Limit limit, List<String> evicted) {
    List<Listed> others = new ArrayList<>(list(tag, owner.tag));
    others.removeIf(session -> session.id.equals(limit.replaces));
    boolean isReject = limit.policy == SessionLimit.Policy.REJECT;
    Excess excess = Excess.of(others, limit, Descriptor.Head.of(owner.descriptor).kind(), isReject ? 1 : 0);
    if (isReject) {
      if (excess.ofKind() > 0) return CreateStatus.REJECTED_OF_KIND;
      return excess.ofAll() > 0 ? CreateStatus.REJECTED : null;
    }
    for (int i = 0; i < excess.surplus().size(); i += EVICTED_AT_ONCE) {
      int end = Math.min(i + EVICTED_AT_ONCE, excess.surplus().size());
      List<byte[]> ids = excess.surplus().subList(i, end).stream().map(id -> hashWithin(tag, id)).toList();
      evicted.addAll(ids(tag, run(Script.EVICT, List.of(indexKey(tag, owner.tag)), ids)));
    }
    return null;
  }

  /**
   * @param ttl null: the lifetime stays as it is
   * @param isOther whether a session of nobody is given another one
   */
  Written commit(String id, byte[] base, byte[] record, @Nullable Long ttl, boolean isOther) {
    byte[] lifetime = ttl == null ? NONE : number(ttl);
    List<byte[]> arguments = new ArrayList<>(List.of(lifetime, Bytes.concat(base, record)));
    if (isOther) addAwaited(arguments);
    return written(run(Script.COMMIT, List.of(recordKey(id)), arguments));
  }

  Written touch(String id, byte[] base, long ttl) {
    return written(run(Script.TOUCH, List.of(recordKey(id)), List.of(base, number(ttl))));
  }

  Written rotate(String from, byte[] base, String to, byte[] record, long ttl, @Nullable Left left, @Nullable Owner owner) {
    List<byte[]> keys = new ArrayList<>(List.of(recordKey(from), recordKey(to)));
    List<byte[]> arguments = new ArrayList<>(List.of(base, record, number(ttl)));
    addLeft(arguments, left);
    if (owner != null) {
      keys.add(indexKey(tagOf(from), owner.tag));
      arguments.addAll(List.of(owner.descriptor, indexLifetime(owner)));
    }
    addAwaited(arguments);
    return written(run(Script.ROTATE, keys, arguments));
  }

  /**
   * Nobody waits for it.
   *
   * @param until milliseconds since the epoch
   */
  CompletionStage<Long> settle(String id, long until) {
    byte[][] keys = {recordKey(id)};
    byte[][] arguments = {number(until)};
    RedisClusterAsyncCommands<byte[], byte[]> commands = link.commands("settle");
    CompletionStage<Long> bySha = commands.evalsha(Script.SETTLE.sha1, ScriptOutputType.INTEGER, keys, arguments);
    return bySha.exceptionallyCompose(
        error ->
            error instanceof RedisNoScriptException
                ? commands.eval(Script.SETTLE.text, ScriptOutputType.INTEGER, keys, arguments)
                : CompletableFuture.failedFuture(error));
  }

  /** Any record, but no trail. */
  Written destroyRecord(String id, @Nullable String ownerTag, @Nullable Left left) {
    return destroy(id, ownerTag, left, Bytes.ascii("record"));
  }

  /** Only what has this stamp. */
  Written destroyStamped(String id, @Nullable String ownerTag, @Nullable Left left, byte[] base) {
    return destroy(id, ownerTag, left, base);
  }

  /** Whatever stands there. */
  Written destroyAnything(String id, @Nullable String ownerTag, @Nullable Left left) {
    return destroy(id, ownerTag, left, null);
  }

  private Written destroy(String id, @Nullable String ownerTag, @Nullable Left left, byte @Nullable [] what) {
    List<byte[]> keys = new ArrayList<>(List.of(recordKey(id)));
    if (ownerTag != null) keys.add(indexKey(tagOf(id), ownerTag));
    List<byte[]> arguments = new ArrayList<>();
    addLeft(arguments, left);
    if (what != null) arguments.add(what);
    List<Object> answer = run(Script.DESTROY, keys, arguments);
    if (code(answer) != 1) return written(answer);
    return new Written(Status.DONE, null, answer.size() > 2 ? (byte[]) answer.get(2) : null);
  }

  /** Oldest first. */
  List<Listed> list(String tag, String ownerTag) {
    Map<String, Listed> found = new LinkedHashMap<>();
    byte[] cursor = number(0);
    do {
      List<Object> answer = run(Script.LIST, List.of(indexKey(tag, ownerTag)), List.of(cursor));
      List<Object> flat = list(answer.get(1));
      for (int i = 0; i + 2 < flat.size(); i += 3) {
        String id = tag + Bytes.ascii((byte[]) flat.get(i));
        found.put(id, new Listed(id, (byte[]) flat.get(i + 1), lifetime((long) flat.get(i + 2))));
      }
      cursor = (byte[]) answer.get(0);
    } while (cursor.length != 1 || cursor[0] != '0');
    List<Listed> sessions = new ArrayList<>(found.values());
    sessions.sort(Comparator.comparingLong(session -> Descriptor.Head.of(session.descriptor).createdAt()));
    return sessions;
  }

  /**
   * @param keep id of one that stays, also of before a rotation
   * @return ids of those that were live
   */
  List<String> revokeAll(String tag, String ownerTag, @Nullable String keep) {
    List<String> ended = new ArrayList<>();
    List<Object> answer;
    do {
      answer = run(Script.REVOKE_ALL, List.of(indexKey(tag, ownerTag)), List.of(hashWithin(tag, keep)));
      ended.addAll(ids(tag, list(answer.get(1))));
    } while (code(answer) == 1);
    return ended;
  }

  ExpiryClaims expiryClaims() {
    return new ExpiryClaims(link, this, prefix);
  }

  @Override
  public void close() {
    link.close();
  }

  List<Object> run(Script script, List<byte[]> keys, List<byte[]> arguments) {
    return link.run(script, ScriptOutputType.MULTI, keys.toArray(byte[][]::new), arguments.toArray(byte[][]::new));
  }

  private static Written written(List<Object> answer) {
    return switch (code(answer)) {
      case 1 -> new Written(Status.DONE, null, null);
      case 2 -> new Written(Status.CONFLICT, new Stored((byte[]) answer.get(1), lifetime((long) answer.get(2)), true), null);
      case 3 -> new Written(Status.GONE, null, null);
      default -> throw unknown();
    };
  }

  static int code(List<Object> answer) {
    return Math.toIntExact((long) answer.get(0));
  }

  private static IllegalStateException unknown() {
    return new IllegalStateException("unknown answer of a script");
  }

  @SuppressWarnings("unchecked")
  static List<Object> list(Object answer) {
    return (List<Object>) answer;
  }

  private static List<String> ids(String tag, List<Object> ids) {
    return ids.stream().map(id -> tag + Bytes.ascii((byte[]) id)).toList();
  }

  private static void addLeft(List<byte[]> arguments, @Nullable Left left) {
    arguments.add(left == null ? NONE : left.record);
    arguments.add(number(left == null ? 0 : left.ttl));
  }

  /**
   * PTTL as a lifetime. 0 is the last fraction of a millisecond. −1, no lifetime, is the work of somebody's PERSIST: the
   * record's own absolute deadline ends it.
   */
  private static long lifetime(long pttl) {
    return pttl == -1 ? 1L << 53 : Math.max(pttl, 1);
  }

  static byte[] number(long value) {
    return Bytes.ascii(Long.toString(value));
  }

  /** The hash tag at the front of a session id: names the slot of all keys beside it. */
  static String tagOf(String id) {
    return id.substring(0, Partitions.TAG_LENGTH);
  }

  byte[] recordKey(String id) {
    return Bytes.ascii(prefix + ":{" + tagOf(id) + "}:s:" + id.substring(Partitions.TAG_LENGTH));
  }

  byte[] indexKey(String tag, String ownerTag) {
    return Bytes.ascii(prefix + ":{" + tag + "}:p:" + ownerTag);
  }

  /** Last 22 characters; none for an id of another partition: it is not in that index, and those could be, by malice. */
  private static byte[] hashWithin(String tag, @Nullable String id) {
    return id != null && id.startsWith(tag) ? Bytes.ascii(id.substring(Partitions.TAG_LENGTH)) : NONE;
  }
}
