package dev.sojourn.spring.boot;

import dev.sojourn.OptionException;
import dev.sojourn.SealMode;
import dev.sojourn.SessionLimit;
import dev.sojourn.SessionsBuilder.PayloadCodec;
import dev.sojourn.spring.SessionCookie;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.session.SaveMode;
import org.springframework.util.unit.DataSize;

/**
 * What is left out is as it is on Node; applications that share sessions need the same redis, secrets, pepper, prefix and cookie.
 *
 * @param enabled Whether sessions are Sojourn's.
 * @param redis Where sessions are.
 * @param secrets Secrets of at least 32 bytes each: the first signs and seals, the others still verify and open.
 * @param pepper Keyed into the principals' names in Redis; stays the same for as long as sessions live.
 * @param prefix Begins every key in Redis. Default "sj".
 * @param commandTimeout Deadline of each command to Redis. Default 500 ms.
 * @param idleTimeout Since the last activity. Default spring.session.timeout, server.servlet.session.timeout or 30 minutes.
 * @param absoluteTimeout Since the sign-in, never extended. Default 12 hours, at most 400 days.
 * @param touchAfter Part of the idle timeout after which activity renews it, 0 to 0.9. Default 0.1.
 * @param seal How records are protected in Redis. Default sealed.
 * @param codec How records are written; all are read. Default MessagePack.
 * @param maxSize Most that a session may have, before compression. Default 64 KB.
 * @param rotateEvery Age at which a token is replaced. Default: only a sign-in or a changed session id replaces it.
 * @param rotationGrace How long a former token still leads to the session once the new one has been used. Default 10 seconds.
 * @param rotationPatience How long it does while nobody has used the new one. Default 5 minutes.
 * @param reuseWindow How long the use of a former token is recognised as reuse; 0: not at all. Default 1 hour.
 * @param endReused Whether such a use ends the session.
 * @param tellExpired Whether sessions that expire are told of: SessionExpiredEvent, HttpSessionListener. Asks Redis every two
 *     seconds.
 * @param maxSessions Sessions that a principal may have at once.
 * @param merge How an attribute is merged that two requests have changed at once, by its name: counter, fields, or union:&lt;key of
 *     the items&gt;.
 * @param version Version of the application's data. Default 1.
 * @param allowedTypes Classes (com.acme.Cart) and packages (com.acme.*) whose objects may be stored and made again.
 * @param saveMode Whether objects that were only read are looked at for changes too.
 * @param principal Property of the user object that is the principal in all applications. Default: the user's name.
 * @param storeAuthentication Whether sessions hold who is authenticated; otherwise the UserDetailsService is asked with each request.
 * @param cookie The session's cookie.
 * @param header Name of a header that holds the token, instead of a cookie, for clients that are no browsers.
 */
@ConfigurationProperties("sojourn")
public record SojournProperties(
    @DefaultValue("true") boolean enabled,
    @DefaultValue Redis redis,
    @DefaultValue List<String> secrets,
    @Nullable String pepper,
    @Nullable String prefix,
    @Nullable Duration commandTimeout,
    @Nullable Duration idleTimeout,
    @Nullable Duration absoluteTimeout,
    @Nullable Double touchAfter,
    @Nullable SealMode seal,
    @Nullable PayloadCodec codec,
    @Nullable DataSize maxSize,
    @Nullable Duration rotateEvery,
    @Nullable Duration rotationGrace,
    @Nullable Duration rotationPatience,
    @Nullable Duration reuseWindow,
    @DefaultValue("false") boolean endReused,
    @DefaultValue("false") boolean tellExpired,
    @Nullable MaxSessions maxSessions,
    @DefaultValue Map<String, String> merge,
    @Nullable Integer version,
    @DefaultValue List<String> allowedTypes,
    @DefaultValue("on_set_attribute") SaveMode saveMode,
    @Nullable String principal,
    @DefaultValue("true") boolean storeAuthentication,
    @DefaultValue Cookie cookie,
    @Nullable String header) {

  /**
   * Where sessions are.
   *
   * @param uri One server (redis://, rediss://, redis-socket://) or the Sentinels of one (redis-sentinel://a,b,c#master).
   * @param cluster Some nodes of a Redis Cluster, instead of uri.
   */
  public record Redis(@Nullable String uri, @DefaultValue List<String> cluster) {}

  /**
   * Sessions that a principal may have at once.
   *
   * @param max Of all kinds together, 1 to 1000.
   * @param policy What happens at the limit.
   * @param kinds Further limits for kinds of clients.
   */
  public record MaxSessions(
      @Nullable Integer max, @DefaultValue("evict-oldest") SessionLimit.Policy policy, @DefaultValue Map<String, Integer> kinds) {}

  /**
   * The session's cookie.
   *
   * @param name Its name. Default "__Host-session"; "__Secure-session" with a path or domain, "session" where secure is "never".
   * @param secure Whether it is for TLS alone: always or true, never or false, auto; "auto": yes, except for plain HTTP to a loopback address while no profile named prod
   *     or production is active.
   * @param sameSite Whether it comes along from other sites.
   * @param path Its path.
   * @param domain Its domain. Default: this host only.
   * @param partitioned A separate cookie for each top-level site (CHIPS).
   * @param persistent Whether it outlives the browser.
   */
  public record Cookie(
      @Nullable String name,
      @DefaultValue("auto") String secure,
      @DefaultValue("lax") SessionCookie.SameSite sameSite,
      @DefaultValue("/") String path,
      @Nullable String domain,
      @DefaultValue("false") boolean partitioned,
      @DefaultValue("false") boolean persistent) {

    /** A text, for a Boolean too: Spring Boot would take that for names of its own, such as ON. */
    SessionCookie.Secure whenSecure() {
      return switch (secure.toLowerCase(Locale.ROOT)) {
        case "auto" -> SessionCookie.Secure.AUTO;
        case "always", "true" -> SessionCookie.Secure.ALWAYS;
        case "never", "false" -> SessionCookie.Secure.NEVER;
        default -> throw new OptionException("cookie.secure", "takes auto, always or true, never or false");
      };
    }
  }

  /** No secrets. */
  @Override
  public String toString() {
    return "SojournProperties[prefix=" + prefix + "]";
  }
}
