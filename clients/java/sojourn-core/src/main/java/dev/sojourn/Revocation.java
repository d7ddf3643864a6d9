package dev.sojourn;

import org.jspecify.annotations.Nullable;

/** Ends sessions by their public ids. */
final class Revocation {
  /** Rotations within one grace make a chain of forwards. */
  private static final int MOST_STEPS = 64;

  private Revocation() {}

  /**
   * The id may be that of before a rotation: a revocation that reaches only the forward would leave the session alive.
   *
   * @param ownerTag only if the session is this principal's; null: whoever's
   * @return the id under which the session was ended, or null when there is none
   * @throws SessionConflictException when rotations have led on 64 times: it may still be alive
   */
  static @Nullable String revoke(RedisEngine engine, String asked, @Nullable String ownerTag) {
    if (!Token.isSessionId(asked)) return null;
    String id = asked;
    RedisEngine.Stored stored = engine.load(id);
    for (int step = 0; step < MOST_STEPS && stored != null; step++) {
      if (RecordFormat.isTrail(stored.record())) {
        String successor = Trail.successor(stored.record());
        if (successor == null) return null;
        id = successor;
        stored = engine.load(id);
        continue;
      }
      RecordHeader header = RecordFormat.header(stored.record());
      String owner = header == null ? null : header.ownerTag();
      if (ownerTag != null && !ownerTag.equals(owner)) return null;
      // Whatever has been written meanwhile: an id keeps its owner. Of a rotation the forward is followed.
      RedisEngine.Written result = engine.destroyRecord(id, owner, null);
      if (result.status() == RedisEngine.Status.DONE) return id;
      stored = result.stored();
    }
    if (stored != null) throw new SessionConflictException(MOST_STEPS);
    return null;
  }
}
