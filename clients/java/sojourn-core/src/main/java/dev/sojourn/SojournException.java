package dev.sojourn;

import org.jspecify.annotations.Nullable;

/**
 * Every exception that Sojourn throws: a stable {@link #code()} to branch on, the same as on Node, and a message that says
 * what went wrong and what to do. Messages never hold a token, a secret or an attribute's value.
 */
@SuppressWarnings("serial") // By inheritance only: nothing here is ever serialised.
public abstract class SojournException extends RuntimeException {
  private final String code;
  private final int status;

  SojournException(String code, String message, int status, @Nullable Throwable cause) {
    super(message, cause);
    this.code = code;
    this.status = status;
  }

  /** Such as {@code ERR_SOJOURN_CONFLICT}. */
  public String code() {
    return code;
  }

  /** The HTTP status that fits when the exception reaches an error handler. */
  public int status() {
    return status;
  }

  /** Names come from applications and sometimes from users: shown shortened, control characters escaped. */
  static String quote(String name) {
    String shown = name.length() > 60 ? name.substring(0, 57) + "..." : name;
    StringBuilder quoted = new StringBuilder("\"");
    for (int i = 0; i < shown.length(); i++) {
      char c = shown.charAt(i);
      if (c == '"' || c == '\\') quoted.append('\\').append(c);
      else if (c < 0x20 || c == 0x7f || Character.isSurrogate(c)) quoted.append(String.format("\\u%04x", (int) c));
      else quoted.append(c);
    }
    return quoted.append('"').toString();
  }
}
