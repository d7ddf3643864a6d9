package dev.sojourn.spring;

import dev.sojourn.OptionException;
import dev.sojourn.Session;
import dev.sojourn.Token;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * How the session's cookie is named, read, set and cleared: the same as on Node (docs/cookies.md), {@code __Host-session;
 * Path=/; HttpOnly; SameSite=Lax; Secure} unless something else is said.
 */
public final class SessionCookie implements SojournHttpSessionIdResolver.Carrier {
  /** Whether the cookie is for TLS alone. */
  public enum Secure {
    /** Yes, except for plain HTTP to a loopback address, without a proxy in between. */
    AUTO,
    ALWAYS,
    /** For plain HTTP elsewhere. */
    NEVER
  }

  /** Whether the cookie comes along from other sites. */
  public enum SameSite {
    LAX("Lax"),
    STRICT("Strict"),
    /** Takes {@code Secure}. */
    NONE("None");

    private final String text;

    SameSite(String text) {
      this.text = text;
    }
  }

  // RFC 6265, section 4.1.1: a name is a token; path and domain hold no control characters and no ';'.
  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9!#$%&'*+.^_`|~-]{1,200}");
  private static final Pattern PATH = Pattern.compile("/[\\x20-\\x3a\\x3c-\\x7e]{0,1023}");
  private static final Pattern DOMAIN =
      Pattern.compile("\\.?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", Pattern.CASE_INSENSITIVE);
  private static final Pattern LOOPBACK =
      Pattern.compile("(?:localhost|[a-z0-9.-]+\\.localhost|127(?:\\.\\d{1,3}){3}|\\[::1\\])(?::\\d+)?", Pattern.CASE_INSENSITIVE);
  private static final Pattern PREFIX = Pattern.compile("__(?:Host|Secure)-", Pattern.CASE_INSENSITIVE);
  /** A flood of cookies with our name costs at most so many checks. */
  private static final int MOST_CANDIDATES = 8;

  private final boolean isPersistent;
  private final Form usual;
  /** For plain HTTP to loopback; null where that is not allowed. */
  private final @Nullable Form loopback;

  /** @param suffix everything behind the value, without Max-Age */
  private record Form(String name, String suffix) {}

  private SessionCookie(Builder options) {
    boolean isSecure = options.secure != Secure.NEVER;
    boolean isWide = options.path.equals("/") && options.domain == null;
    String given = options.name;
    String name = given != null ? given : !isSecure ? "session" : isWide ? "__Host-session" : "__Secure-session";
    if (!NAME.matcher(name).matches()) throw wrong("name", "takes 1 to 200 letters, digits and -_.!#$%&'*+^`|~");
    String lower = name.toLowerCase(Locale.ROOT);
    if (lower.startsWith("__host-") && !(isSecure && isWide)) throw wrong("name", "\"__Host-\" needs secure, path \"/\" and no domain");
    if (lower.startsWith("__secure-") && !isSecure) throw wrong("name", "\"__Secure-\" needs secure");
    if (options.sameSite == SameSite.NONE && !isSecure) throw wrong("sameSite", "none needs secure cookies: browsers refuse it else");
    if (options.isPartitioned && !isSecure) throw wrong("partitioned", "needs secure cookies: browsers refuse it else");
    isPersistent = options.isPersistent;
    String scope = "; Path=" + options.path + (options.domain == null ? "" : "; Domain=" + options.domain) + "; HttpOnly";
    String secure = isSecure ? "; Secure" + (options.isPartitioned ? "; Partitioned" : "") : "";
    usual = new Form(name, scope + "; SameSite=" + options.sameSite.text + secure);
    // SameSite=None without Secure would be refused; Lax is what a browser would fall back to.
    SameSite plain = options.sameSite == SameSite.NONE ? SameSite.LAX : options.sameSite;
    String bare = PREFIX.matcher(name).lookingAt() ? name.substring(name.indexOf('-') + 1) : name;
    loopback = options.secure == Secure.AUTO ? new Form(bare, scope + "; SameSite=" + plain.text) : null;
  }

  private static OptionException wrong(String option, String problem) {
    return new OptionException("cookie." + option, problem);
  }

  /** Its attributes; without any it is {@code __Host-session} of this host. */
  public static Builder builder() {
    return new Builder();
  }

  /** Each option is checked when it is set, and what they make together by {@link #build()}, with an {@link OptionException}. */
  public static final class Builder {
    private @Nullable String name;
    private Secure secure = Secure.AUTO;
    private SameSite sameSite = SameSite.LAX;
    private String path = "/";
    private @Nullable String domain;
    private boolean isPartitioned;
    private boolean isPersistent;

    private Builder() {}

    /** Default {@code __Host-session}; the prefix goes where path, domain or secure do not allow it. */
    public Builder name(String name) {
      this.name = name;
      return this;
    }

    /** Default {@link Secure#AUTO}. */
    public Builder secure(Secure secure) {
      this.secure = secure;
      return this;
    }

    /** Default {@link SameSite#LAX}. */
    public Builder sameSite(SameSite sameSite) {
      this.sameSite = sameSite;
      return this;
    }

    /** Default {@code /}. */
    public Builder path(String path) {
      if (!PATH.matcher(path).matches()) throw wrong("path", "takes a path that begins with \"/\"");
      this.path = path;
      return this;
    }

    /** Default: this host only. */
    public Builder domain(String domain) {
      if (domain.length() > 253 || !DOMAIN.matcher(domain).matches()) throw wrong("domain", "takes a domain name");
      this.domain = domain;
      return this;
    }

    /** A separate cookie for each top-level site (CHIPS). */
    public Builder partitioned(boolean partitioned) {
      isPartitioned = partitioned;
      return this;
    }

    /** Whether the cookie outlives the browser, up to the session's deadline. Default: it ends with the browser's session. */
    public Builder persistent(boolean persistent) {
      isPersistent = persistent;
      return this;
    }

    /** @throws OptionException for a combination that browsers refuse */
    public SessionCookie build() {
      return new SessionCookie(this);
    }
  }

  private Form form(HttpServletRequest request) {
    if (loopback == null || request.isSecure() || isProxied(request)) return usual;
    String host = request.getHeader("Host");
    return host != null && LOOPBACK.matcher(host).matches() ? loopback : usual;
  }

  /** A proxy's Host says nothing of the browser's. */
  private static boolean isProxied(HttpServletRequest request) {
    if (request.getHeader("Forwarded") != null) return true;
    for (String name : Collections.list(request.getHeaderNames())) {
      if (name.regionMatches(true, 0, "X-Forwarded-", 0, 12)) return true;
    }
    return false;
  }

  /** All values that come under the name: browsers send the cookie of the longest path first (RFC 6265, section 5.4). */
  @Override
  public List<String> candidates(HttpServletRequest request) {
    String name = form(request).name;
    List<String> values = new ArrayList<>();
    for (String header : Collections.list(request.getHeaders("Cookie"))) {
      for (String pair : header.split(";")) {
        int equals = pair.indexOf('=');
        boolean isOurs = equals > 0 && pair.substring(0, equals).trim().equals(name);
        if (isOurs && values.size() < MOST_CANDIDATES) values.add(pair.substring(equals + 1).trim());
      }
    }
    return values;
  }

  @Override
  public void send(HttpServletRequest request, HttpServletResponse response, Session session, Token token) {
    Form form = form(request);
    Instant deadline = session.deadline();
    boolean isKept = (isPersistent || session.isPersistent()) && deadline != null;
    String age = isKept ? "; Max-Age=" + Math.max(1, Duration.between(Instant.now(), deadline).toSeconds()) : "";
    response.addHeader("Set-Cookie", form.name + "=" + token.value() + age + form.suffix);
    keepFromSharedCaches(response);
  }

  @Override
  public void clear(HttpServletRequest request, HttpServletResponse response) {
    Form form = form(request);
    response.addHeader("Set-Cookie", form.name + "=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT" + form.suffix);
    keepFromSharedCaches(response);
  }

  /** One user's answer is not for others (RFC 9111, section 7.3). */
  private static void keepFromSharedCaches(HttpServletResponse response) {
    List<String> directives = new ArrayList<>();
    for (String header : response.getHeaders("Cache-Control")) {
      for (String directive : header.split(",")) directives.add(directive.trim());
    }
    directives.removeIf(directive -> directive.isEmpty() || directive.matches("(?i)public|s-maxage\\b.*"));
    if (directives.stream().noneMatch(directive -> directive.matches("(?i)private|no-store"))) directives.add(0, "private");
    response.setHeader("Cache-Control", String.join(", ", directives));
  }
}
