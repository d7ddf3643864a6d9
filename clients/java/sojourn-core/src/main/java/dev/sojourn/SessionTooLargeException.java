package dev.sojourn;

import java.util.List;
import java.util.stream.Collectors;

/** The encoded session is larger than {@code maxBytes}. Nothing was written. */
@SuppressWarnings("serial")
public final class SessionTooLargeException extends SojournException {
  /** An attribute and the bytes that it takes, encoded. */
  public record Size(String attribute, int bytes) {}

  private final int bytes;
  private final int maxBytes;
  private final List<Size> largest;

  SessionTooLargeException(int bytes, int maxBytes, List<Size> largest) {
    super(
        "ERR_SOJOURN_TOO_LARGE",
        "the session has %d bytes, maxBytes is %d; largest attributes: %s. Keep large values elsewhere and their keys in the session, or raise maxBytes."
            .formatted(bytes, maxBytes, names(largest)),
        500,
        null);
    this.bytes = bytes;
    this.maxBytes = maxBytes;
    this.largest = List.copyOf(largest);
  }

  /** What the session would have, encoded and before compression. */
  public int bytes() {
    return bytes;
  }

  /** What it may have. */
  public int maxBytes() {
    return maxBytes;
  }

  /** The largest first, at most five. */
  public List<Size> largest() {
    return largest;
  }

  private static String names(List<Size> largest) {
    if (largest.isEmpty()) return "none";
    return largest.stream().map(size -> quote(size.attribute) + " (" + size.bytes + ")").collect(Collectors.joining(", "));
  }
}
