package dev.sojourn;

/** The operation is for a principal's session, and this one is nobody's. */
@SuppressWarnings("serial")
public final class NotSignedInException extends SojournException {
  NotSignedInException(String operation) {
    super("ERR_SOJOURN_NOT_SIGNED_IN", operation + ": nobody is signed in; login comes first", 401, null);
  }
}
