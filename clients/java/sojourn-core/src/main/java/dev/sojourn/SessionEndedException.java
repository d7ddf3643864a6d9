package dev.sojourn;

/** The session was ended (sign-out, revocation, expiry) and cannot be written any more. */
@SuppressWarnings("serial")
public final class SessionEndedException extends SojournException {
  SessionEndedException(String operation) {
    super("ERR_SOJOURN_ENDED", operation + ": this session has ended; start with a new request", 409, null);
  }
}
