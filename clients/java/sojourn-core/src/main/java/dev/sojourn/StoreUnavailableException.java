package dev.sojourn;

import org.jspecify.annotations.Nullable;

/** Redis did not answer in time, could not be reached, or cannot serve at the moment. */
@SuppressWarnings("serial")
public final class StoreUnavailableException extends SojournException {
  private final boolean indeterminate;

  StoreUnavailableException(String problem, boolean indeterminate, @Nullable Throwable cause) {
    super("ERR_SOJOURN_STORE_UNAVAILABLE", problem, 503, cause);
    this.indeterminate = indeterminate;
  }

  /** True when the command may have been carried out; false when it surely was not. */
  public boolean indeterminate() {
    return indeterminate;
  }
}
