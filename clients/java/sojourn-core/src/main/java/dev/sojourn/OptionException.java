package dev.sojourn;

/** An option is missing or out of range. Thrown before any I/O. */
@SuppressWarnings("serial")
public class OptionException extends SojournException {
  private final String option;

  /** For what has options on top of this. */
  public OptionException(String option, String problem) {
    super("ERR_SOJOURN_OPTION", "option `" + option + "`: " + problem, 500, null);
    this.option = option;
  }

  /** Its name, as in {@code idleTimeout} or {@code secrets[1]}. */
  public String option() {
    return option;
  }
}
