package dev.sojourn;

import org.jspecify.annotations.Nullable;

/**
 * Other lifetimes for a session; null: as it is.
 *
 * @param idleTimeout milliseconds
 * @param deadline milliseconds since the epoch
 */
record Lifetime(@Nullable Long idleTimeout, @Nullable Long deadline, @Nullable Boolean persistent) {
  static final Lifetime SAME = new Lifetime(null, null, null);

  Lifetime with(Lifetime said) {
    return new Lifetime(
        said.idleTimeout != null ? said.idleTimeout : idleTimeout,
        said.deadline != null ? said.deadline : deadline,
        said.persistent != null ? said.persistent : persistent);
  }

  /** Whether the session is to end so already. */
  boolean isOf(Live live) {
    return (idleTimeout == null || idleTimeout == live.header().idleTimeout())
        && (deadline == null || deadline == live.header().deadline())
        && (persistent == null || persistent == Meta.isPersistent(live.meta()));
  }
}
