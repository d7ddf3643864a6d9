package dev.sojourn;

import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Sessions by their public ids, without their tokens. */
final class ById {
  /** Forwards that lead on from one public id to the next. */
  private static final int MOST_FORWARDS = 64;

  private final Settings settings;
  private final SessionReader reader;

  ById(Settings settings, SessionReader reader) {
    this.settings = settings;
    this.reader = reader;
  }

  /** @param id where it stands now: a rotation may have moved it */
  private record Found(
      String id, RedisEngine.Stored stored, RecordHeader header, Codec.Payload payload, Keyring.Key key) {}

  private @Nullable Found find(String asked) {
    if (!Token.isSessionId(asked)) return null;
    String id = asked;
    for (int hops = 0; hops <= MOST_FORWARDS; hops++) {
      RedisEngine.Stored stored = settings.engine().load(id);
      if (stored == null) return null;
      if (!RecordFormat.isTrail(stored.record())) {
        RecordFormat.Opened opened = reader.opened(id, stored.record());
        if (opened == null || opened.header() == null || opened.payload() == null || opened.key() == null) return null;
        return new Found(id, stored, opened.header(), opened.payload(), opened.key());
      }
      String successor = Trail.successor(stored.record());
      if (successor == null) return null;
      id = successor;
    }
    return null;
  }

  /** Null where there is none, and where only its token opens it. */
  @Nullable StoredSession read(String id) {
    Found found = find(id);
    if (found == null) return null;
    RecordHeader header = found.header;
    return new StoredSession(
        found.id,
        Meta.principal(found.payload.meta()),
        copies(found.payload.attributes()),
        Instant.ofEpochMilli(header.createdAt()),
        Instant.ofEpochMilli(Math.min(settings.engine().now() + found.stored.ttl(), header.deadline())),
        Instant.ofEpochMilli(header.deadline()),
        Duration.ofMillis(header.idleTimeout()));
  }

  private Map<String, @Nullable Object> copies(Map<String, @Nullable Object> attributes) {
    Map<String, @Nullable Object> copies = settings.namespace().visible(attributes);
    copies.replaceAll((name, value) -> Values.copy(value));
    return copies;
  }

  /** By compare-and-set: on conflict {@code change} runs again, on what is stored then. */
  boolean update(String id, Consumer<Map<String, @Nullable Object>> change) {
    byte[] written = null;
    for (int attempt = 1; attempt <= Repository.MOST_ATTEMPTS; attempt++) {
      Found found = find(id);
      if (found == null || settings.format().seal() == SealMode.TOKEN_SEALED) return false;
      byte[] base = RecordFormat.stamp(found.stored.record());
      // Sent twice, where the connection was lost in between: the first time has done it.
      if (written != null && Arrays.equals(base, written)) return true;
      Map<String, Change> delta = delta(found.payload.attributes(), change);
      if (delta.isEmpty()) return true;
      byte[] record = record(found, delta);
      // With the lifetime that it has: nobody has come.
      RedisEngine.Written result = settings.engine().commit(found.id, base, record, null, false);
      if (result.status() == RedisEngine.Status.DONE) return true;
      if (result.status() == RedisEngine.Status.GONE) return false;
      settings.listener().conflict(found.id);
      written = RecordFormat.stamp(record);
      Repository.backOff(attempt);
    }
    throw new SessionConflictException(Repository.MOST_ATTEMPTS);
  }

  /** Where that is worth a call. What somebody else writes meanwhile renews it as well. */
  boolean touch(String id) {
    Found found = find(id);
    if (found == null) return false;
    RecordHeader header = found.header;
    long ttl = Math.min(header.idleTimeout(), header.deadline() - settings.engine().now());
    long gain = ttl - found.stored.ttl();
    if (gain <= 0 || gain < settings.touchAfter() * header.idleTimeout()) return true;
    byte[] stamp = RecordFormat.stamp(found.stored.record());
    return settings.engine().touch(found.id, stamp, ttl).status() != RedisEngine.Status.GONE;
  }

  private Map<String, Change> delta(Map<String, @Nullable Object> stored, Consumer<Map<String, @Nullable Object>> change) {
    Map<String, @Nullable Object> changed = copies(stored);
    change.accept(changed);
    Map<String, @Nullable Object> normal = new LinkedHashMap<>();
    changed.forEach(
        (name, value) -> {
          settings.namespace().check(name);
          normal.put(name, Values.normalise(name, value));
        });
    return Change.between(settings.namespace().visible(stored), normal);
  }

  private byte[] record(Found found, Map<String, Change> delta) {
    RecordHeader header = found.header;
    int schema = Math.max(header.schema(), settings.version());
    RecordHeader next =
        new RecordHeader(
            header.nextRevision(), header.createdAt(), header.deadline(), header.idleTimeout(), schema, header.ownerTag());
    Codec.Payload content = new Codec.Payload(Change.apply(found.payload.attributes(), delta), found.payload.meta());
    return settings.format().encode(next, content, found.key, new RecordFormat.Context(settings.keyring(), found.id, null));
  }
}
