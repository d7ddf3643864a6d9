package dev.sojourn;

/** Other writers changed or moved the session at each of the bounded attempts. Nothing was written. */
@SuppressWarnings("serial")
public final class SessionConflictException extends SojournException {
  SessionConflictException(int attempts) {
    super(
        "ERR_SOJOURN_CONFLICT",
        "other writers changed the session during each of " + attempts + " attempts; try again",
        503,
        null);
  }
}
