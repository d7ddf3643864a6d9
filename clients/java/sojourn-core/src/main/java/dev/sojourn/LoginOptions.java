package dev.sojourn;

import java.time.Duration;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** How {@link Session#login} signs a principal in. A builder of itself; not changed by the login. */
public final class LoginOptions {
  private static final int LONGEST_LABEL = 256;
  private static final int LONGEST_KIND = 64;

  /** Null: all. */
  @Nullable Set<String> keep = Set.of();
  @Nullable String device;
  @Nullable String address;
  @Nullable String kind;
  @Nullable Integer level;
  @Nullable SessionLimit maxSessions;
  @Nullable Long idleTimeout;
  @Nullable Long absoluteTimeout;
  boolean persistent;
  final Map<String, @Nullable Object> with = new LinkedHashMap<>();

  private LoginOptions() {}

  /** Nothing is kept, nothing is known of the device, lifetimes are those of the builder. */
  public static LoginOptions defaults() {
    return new LoginOptions();
  }

  /**
   * Attributes of the session before the login that go along. Default none (OWASP ASVS 7.2.4). Those that belong to a framework
   * alone ({@code spring:…}) never go from one principal to another, and those of other frameworks than one's own never go along.
   */
  public LoginOptions keep(String... names) {
    keep = Set.copyOf(Arrays.asList(names));
    return this;
  }

  /**
   * All attributes go along. For what has been set before the login only: whatever an attacker who knew the former token has
   * put there goes along too.
   */
  public LoginOptions keepAll() {
    keep = null;
    return this;
  }

  /**
   * An attribute of the new session, whatever goes along: it is there from its first moment on, in the step that signs in.
   *
   * @throws AttributeException for a name or a value that cannot be stored; {@code login} throws it for a name of another framework
   */
  public LoginOptions with(String name, @Nullable Object value) {
    Values.checkName(name);
    with.put(name, Values.normalise(name, value));
    return this;
  }

  /** For lists of devices: a label, such as the user agent. Shortened to 256 characters. */
  public LoginOptions device(@Nullable String device) {
    this.device = label(device);
    return this;
  }

  /** For lists of devices: the client's network address. */
  public LoginOptions address(@Nullable String address) {
    this.address = label(address);
    return this;
  }

  /**
   * Kind of client, for {@link SessionLimit#kind} and lists of devices: 1 to 64 characters.
   *
   * @throws OptionException
   */
  public LoginOptions kind(String kind) {
    if (kind.isEmpty() || kind.length() > LONGEST_KIND || !Values.isWellFormed(kind)) {
      throw new OptionException("kind", "takes a text of 1 to " + LONGEST_KIND + " characters");
    }
    this.kind = kind;
    return this;
  }

  /**
   * How well the principal is known now, on your own scale of 0 to 255.
   *
   * @throws OptionException
   */
  public LoginOptions level(int level) {
    this.level = checkedLevel(level);
    return this;
  }

  /** Instead of the builder's. */
  public LoginOptions maxSessions(SessionLimit limit) {
    maxSessions = limit;
    return this;
  }

  /**
   * Instead of the builder's.
   *
   * @throws OptionException
   */
  public LoginOptions idleTimeout(Duration timeout) {
    idleTimeout = Options.duration("idleTimeout", timeout);
    return this;
  }

  /**
   * Instead of the builder's.
   *
   * @throws OptionException
   */
  public LoginOptions absoluteTimeout(Duration timeout) {
    absoluteTimeout = Options.duration("absoluteTimeout", timeout);
    return this;
  }

  /** Whether the cookie outlives the browser ("remember me"). */
  public LoginOptions persistent(boolean persistent) {
    this.persistent = persistent;
    return this;
  }

  static int checkedLevel(int level) {
    if (level >= 0 && level <= 255) return level;
    throw new OptionException("level", "takes a whole number from 0 to 255");
  }

  private static @Nullable String label(@Nullable String label) {
    if (label == null) return null;
    String shortened = label.length() > LONGEST_LABEL ? label.substring(0, LONGEST_LABEL) : label;
    // Half of a character that was cut in two cannot be stored.
    return Values.isWellFormed(shortened) ? shortened : shortened.replaceAll("\\p{Cs}", "\ufffd");
  }
}
