package dev.sojourn;

import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Hears of what happens to sessions in this process, on the thread that does it, so it has to be quick. What a method throws
 * is told to {@link #error}, and changes nothing else. Ids are public ones, safe to log.
 */
public interface SessionListener {
  /** Why a token has led to no session. */
  enum Rejection {
    /** It is no token, by its form. */
    MALFORMED,
    /** None of these secrets has signed it. */
    FORGED,
    /** Nothing is there: it has ended, or its time is over. */
    ABSENT,
    /** A login, or a step-up, has taken its place. */
    SUPERSEDED,
    /** A former token came after its time. */
    REUSED,
    /** Not a record of a version that is known here. */
    FORMAT,
    /** Made with a secret that is not among ours. */
    KEY,
    /** Changed, cut off, or copied from another session. */
    DAMAGED,
    /** Authentic, but not what a codec makes. */
    PAYLOAD,
    /** No migration leads from its version to the present one. */
    SCHEMA
  }

  /** @param id of the token; null of one that is MALFORMED or FORGED */
  default void rejected(@Nullable String id, Rejection reason) {}

  /** Somebody came with a token that had been replaced and was out of use. Told once in a process. */
  default void tokenReuse(String id, String formerId, @Nullable String principal) {}

  /**
   * A session made room at its principal's limit.
   *
   * @param by id of the new one
   */
  default void evicted(String id, String principal, String by) {}

  /**
   * A session's time was over, with {@link SessionsBuilder#tellExpired}: of one told to one of the nodes, within some seconds, on
   * a thread of its own.
   *
   * @param principal null for nobody's, and where it is not known any more
   */
  default void expired(String id, @Nullable String principal) {}

  /** Another writer was first; the change is rebased on what that has stored. */
  default void conflict(String id) {}

  /** The session had ended, or been replaced, and what a request has set went with it. */
  default void dropped(@Nullable String id, Set<String> attributes) {}

  /** Something that nobody waits for has failed. */
  default void error(String operation, Throwable error) {}
}
