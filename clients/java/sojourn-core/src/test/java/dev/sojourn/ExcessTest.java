package dev.sojourn;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Who has to make room in an index that is too large for one step. */
class ExcessTest {
  private static final byte[] NO_PEPPER = new byte[0];

  private static RedisEngine.Listed listed(String id, long createdAt, long unusedFor, @Nullable String kind) {
    Descriptor descriptor = new Descriptor(createdAt, 1_000_000, 1_000, "ada", kind, null, null);
    byte[] sealed = descriptor.seal(Vectors.keyring(), NO_PEPPER, "DbEUZf9dZJeQ2x8rThQnxA", id);
    return new RedisEngine.Listed(id, sealed, 1_000 - unusedFor);
  }

  private static long kind(@Nullable String kind) {
    return kind == null ? 0 : Bytes.number(Descriptor.kindTag(NO_PEPPER, kind), 0, 4);
  }

  private static final List<RedisEngine.Listed> SESSIONS =
      List.of(listed("a", 1, 10, "web"), listed("b", 2, 500, "mobile"), listed("c", 3, 20, "web"), listed("d", 4, 900, null));

  private static Excess of(SessionLimit limit, @Nullable String kind, int added) {
    return Excess.of(SESSIONS, limit.forLogin(kind, null), kind(kind), added);
  }

  @Test
  void theOldestOrTheLongestUnused() {
    SessionLimit two = SessionLimit.of(2);
    assertEquals(new Excess(0, 2, List.of("a", "b")), of(two, null, 0));
    assertEquals(new Excess(0, 2, List.of("d", "b")), of(two.policy(SessionLimit.Policy.EVICT_IDLE), null, 0));
    assertEquals(new Excess(0, 3, List.of("a", "b", "c")), of(two, null, 1));
    assertEquals(new Excess(0, 0, List.of()), of(SessionLimit.of(4), null, 0));
  }

  @Test
  void theKindsOwnFirst() {
    SessionLimit one = SessionLimit.of(3).kind("mobile", 1).kind("web", 1);
    assertEquals(new Excess(1, 1, List.of("a")), of(one, "web", 0));
    assertEquals(new Excess(1, 2, List.of("b", "a")), of(one, "mobile", 1));
    assertEquals(new Excess(0, 1, List.of("a")), of(one, "tv", 0));
  }
}
