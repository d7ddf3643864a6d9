package dev.sojourn;

import org.jspecify.annotations.Nullable;

/** The principal has as many sessions as it may, and the limit's policy is to refuse. Nothing was written. */
@SuppressWarnings("serial")
public final class SessionLimitException extends SojournException {
  private final int max;
  private final @Nullable String kind;

  SessionLimitException(int max, @Nullable String kind) {
    super(
        "ERR_SOJOURN_SESSION_LIMIT",
        "login: the principal has %d session%s%s already, and may have no more; one has to be ended first"
            .formatted(max, max == 1 ? "" : "s", kind == null ? "" : " of kind " + quote(kind)),
        409,
        null);
    this.max = max;
    this.kind = kind;
  }

  /** How many sessions there may be. */
  public int max() {
    return max;
  }

  /** The kind of client whose own limit it is; null: that of all sessions. */
  public @Nullable String kind() {
    return kind;
  }
}
