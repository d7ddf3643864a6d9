package dev.sojourn.spring;

import dev.sojourn.Session;
import dev.sojourn.Sessions;
import dev.sojourn.Token;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import jakarta.servlet.http.HttpSession;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.session.web.http.HttpSessionIdResolver;

/**
 * Takes the token from a request, and gives it to the client, where the session itself has a public id: what is read here is a
 * token that these secrets have made, or nothing. The answer brings a token only when the client does not have it yet, or is to
 * keep it for another time.
 */
public final class SojournHttpSessionIdResolver implements HttpSessionIdResolver {
  private static final String RESOLVED = SojournHttpSessionIdResolver.class.getName() + ".RESOLVED";
  private static final String SENT = SojournHttpSessionIdResolver.class.getName() + ".SENT";

  /** How tokens travel. */
  interface Carrier {
    List<String> candidates(HttpServletRequest request);

    void send(HttpServletRequest request, HttpServletResponse response, Session session, Token token);

    void clear(HttpServletRequest request, HttpServletResponse response);
  }

  private final Sessions sessions;
  private final Carrier carrier;

  private SojournHttpSessionIdResolver(Sessions sessions, Carrier carrier) {
    this.sessions = sessions;
    this.carrier = carrier;
  }

  /** For browsers. */
  public static SojournHttpSessionIdResolver cookie(Sessions sessions, SessionCookie cookie) {
    return new SojournHttpSessionIdResolver(sessions, cookie);
  }

  /**
   * For clients that are no browsers: the token comes and goes in a header, such as {@code X-Auth-Token}; empty where it is over.
   */
  public static SojournHttpSessionIdResolver header(Sessions sessions, String name) {
    return new SojournHttpSessionIdResolver(sessions, new Header(name));
  }

  private record Header(String name) implements Carrier {
    @Override
    public List<String> candidates(HttpServletRequest request) {
      String value = request.getHeader(name);
      return value == null ? List.of() : List.of(value);
    }

    @Override
    public void send(HttpServletRequest request, HttpServletResponse response, Session session, Token token) {
      response.setHeader(name, token.value());
    }

    @Override
    public void clear(HttpServletRequest request, HttpServletResponse response) {
      response.setHeader(name, "");
    }
  }

  /** Tokens, for {@link SojournSessionRepository#findById}. The filter asks again when it is done: that reads nothing more. */
  @Override
  public List<String> resolveSessionIds(HttpServletRequest request) {
    if (request.getAttribute(RESOLVED) == request || SojournSessionFilter.hasFailed(request)) return List.of();
    request.setAttribute(RESOLVED, request);
    List<String> tokens = tokens(request);
    return tokens.size() > 1 ? live(tokens) : tokens;
  }

  /**
   * The one that is live, for the filter takes the first that is answered, and what a login has replaced is. Each is opened once,
   * and not again by the filter.
   */
  private List<String> live(List<String> tokens) {
    String answered = tokens.get(0);
    boolean isReplaced = false;
    for (String token : tokens) {
      Session session = sessions.open(token);
      if (!session.isNew()) return List.of(token);
      if (session.isEnded() && !isReplaced) answered = token;
      isReplaced |= session.isEnded();
    }
    return List.of(answered);
  }

  private List<String> tokens(HttpServletRequest request) {
    List<String> tokens = new ArrayList<>();
    for (String candidate : carrier.candidates(request)) {
      if (sessions.idOf(candidate) != null) tokens.add(candidate);
    }
    return tokens;
  }

  /** The public id of the session that a token names. */
  @Nullable String publicId(@Nullable String token) {
    return sessions.idOf(token);
  }

  @Override
  public void setSessionId(HttpServletRequest request, HttpServletResponse response, String sessionId) {
    if (SojournSessionFilter.hasFailed(request)) return;
    HttpSession current = request.getSession(false);
    if (current == null) return;
    Session session = SojournSession.of(current).session();
    Token token = session.token();
    // What has ended is left alone: the browser may have the cookie of a login by now.
    if (token == null || session.cookie() != Session.Cookie.SET) return;
    if (token.id().equals(request.getAttribute(SENT))) return;
    request.setAttribute(SENT, token.id());
    carrier.send(request, response, session, token);
  }

  /** Whether this answer brings the session's token. */
  boolean hasSent(HttpServletRequest request, Session session) {
    Token token = session.token();
    return token != null && token.id().equals(request.getAttribute(SENT));
  }

  /** The answer was thrown away. */
  void nothingSent(HttpServletRequest request) {
    request.removeAttribute(SENT);
  }

  /** A sign-in has ended the session before, and its own is given up: left with the former cookie a browser could not sign in soon. */
  void abandoned(HttpServletRequest request, HttpServletResponse response) {
    if (!carrier.candidates(request).isEmpty()) carrier.clear(request, response);
  }

  /** Of a session that this request has ended. One that a login elsewhere has replaced meanwhile keeps its cookie. */
  @Override
  public void expireSession(HttpServletRequest request, HttpServletResponse response) {
    if (SojournSessionFilter.hasFailed(request)) return;
    for (String token : tokens(request)) {
      if (sessions.open(token).isEnded()) return;
    }
    carrier.clear(request, response);
  }
}
