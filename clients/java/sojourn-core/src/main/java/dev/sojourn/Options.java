package dev.sojourn;

import java.time.Duration;

/** Checks that several builders share. */
final class Options {
  /** Browsers keep no cookie longer (RFC 6265bis, section 5.5). */
  static final long LONGEST_LIFETIME = Duration.ofDays(400).toMillis();

  private Options() {}

  /**
   * In milliseconds, 1 to 400 days.
   *
   * @throws OptionException
   */
  static long duration(String option, Duration duration) {
    return duration(option, duration, LONGEST_LIFETIME);
  }

  /** @param most milliseconds */
  static long duration(String option, Duration duration, long most) {
    if (duration.compareTo(Duration.ofMillis(1)) < 0) throw new OptionException(option, "must be at least 1 millisecond");
    if (duration.compareTo(Duration.ofMillis(most)) > 0) {
      throw new OptionException(option, "is longer than the longest possible, " + Duration.ofMillis(most));
    }
    return duration.toMillis();
  }
}
