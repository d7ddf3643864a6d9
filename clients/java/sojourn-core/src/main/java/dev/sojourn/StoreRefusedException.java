package dev.sojourn;

/** Redis answered and refused: out of memory, no permission, read-only, persistence failing. */
@SuppressWarnings("serial")
public final class StoreRefusedException extends SojournException {
  private final String reason;

  StoreRefusedException(String reason, String problem) {
    super("ERR_SOJOURN_STORE_REFUSED", problem, 503, null);
    this.reason = reason;
  }

  /** The first word of the server's answer: {@code OOM}, {@code NOPERM}, {@code READONLY}, {@code MISCONF}, … */
  public String reason() {
    return reason;
  }
}
