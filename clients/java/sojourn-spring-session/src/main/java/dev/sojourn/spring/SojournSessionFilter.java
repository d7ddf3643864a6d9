package dev.sojourn.spring;

import dev.sojourn.SojournException;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletResponse;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletRequestWrapper;
import jakarta.servlet.http.HttpServletResponse;
import jakarta.servlet.http.HttpSession;
import java.io.IOException;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;
import org.springframework.session.web.http.HttpSessionIdResolver;
import org.springframework.session.web.http.SessionRepositoryFilter;

/**
 * Spring Session's filter, for sessions whose secret is not their id: {@code getRequestedSessionId()} is the public id, as {@code
 * HttpSession.getId()} is. A store that does not answer makes 503 of it, and what was not stored is not confirmed.
 */
public final class SojournSessionFilter extends SessionRepositoryFilter<SojournSession> {
  private static final Log LOG = LogFactory.getLog(SojournSessionFilter.class);
  private static final String FAILED = SojournSessionFilter.class.getName() + ".FAILED";
  /** Spring Security's of the request, for its error page: whose sign-in was taken back is nobody there. */
  private static final String CONTEXT = "org.springframework.security.web.context.RequestAttributeSecurityContextRepository.SPRING_SECURITY_CONTEXT";
  private static final String SESSION = SojournSessionFilter.class.getName() + ".SESSION";

  private final SojournHttpSessionIdResolver resolver;

  /** @param resolver of the same {@link dev.sojourn.Sessions} as the repository */
  public SojournSessionFilter(SojournSessionRepository repository, SojournHttpSessionIdResolver resolver) {
    super(repository);
    this.resolver = resolver;
    super.setHttpSessionIdResolver(resolver);
  }

  /** @throws IllegalArgumentException for any but the constructor's: a public id in a cookie would be the key to the session */
  @Override
  public void setHttpSessionIdResolver(HttpSessionIdResolver other) {
    if (other != resolver) throw new IllegalArgumentException("give the SojournHttpSessionIdResolver to the constructor");
  }

  /** Whether the store has failed this request: its error page stores nothing, and no cookie goes out. */
  static boolean hasFailed(HttpServletRequest request) {
    return request.getAttribute(FAILED) != null;
  }

  @Override
  protected void doFilterInternal(HttpServletRequest request, HttpServletResponse response, FilterChain chain)
      throws ServletException, IOException {
    try {
      super.doFilterInternal(
          request,
          response,
          (inner, given) -> {
            ServletResponse answer =
                request.getAttribute(FAILED) instanceof Integer status ? new FailedAnswer((HttpServletResponse) given, status) : given;
            chain.doFilter(new Request((HttpServletRequest) inner, answer, resolver), answer);
          });
    } catch (RuntimeException | ServletException error) {
      // Spring MVC wraps what a view throws. What an application has wrapped itself is its own.
      boolean isOurs = error instanceof SojournException || error instanceof ServletException;
      SojournException cause = isOurs ? cause(error) : null;
      // What is the application's own failure is the container's to show.
      boolean isStores = cause != null && cause.status() != HttpServletResponse.SC_INTERNAL_SERVER_ERROR;
      if (cause != null && isStores && !response.isCommitted()) {
        fail(request, response, cause);
        return;
      }
      abandonSignIn(request, response);
      throw error;
    }
  }

  /** Of a request that fails, where its answer does not bring the token. */
  private void abandonSignIn(HttpServletRequest request, HttpServletResponse response) {
    if (!(request.getAttribute(SESSION) instanceof SojournSession session)) return;
    if (resolver.hasSent(request, session.session()) || !session.abandonSignIn()) return;
    resolver.abandoned(request, response);
    request.removeAttribute(CONTEXT);
  }

  private static @Nullable SojournException cause(Throwable error) {
    for (Throwable at = error; at != null; at = at.getCause()) {
      if (at instanceof SojournException found) return found;
    }
    return null;
  }

  private void fail(HttpServletRequest request, HttpServletResponse response, SojournException error) throws IOException {
    LOG.error(error.code() + ": " + error.getMessage());
    LOG.debug(error.code(), error);
    request.setAttribute(FAILED, error.status());
    if (request.getAttribute(SESSION) instanceof SojournSession session) session.storeNothing();
    response.reset();
    resolver.nothingSent(request);
    abandonSignIn(request, response);
    if (error.status() == HttpServletResponse.SC_SERVICE_UNAVAILABLE) response.setHeader("Retry-After", "1");
    response.sendError(error.status());
  }

  private static final class Request extends HttpServletRequestWrapper {
    private final ServletResponse response;
    private final SojournHttpSessionIdResolver resolver;

    Request(HttpServletRequest request, ServletResponse response, SojournHttpSessionIdResolver resolver) {
      super(request);
      this.response = response;
      this.resolver = resolver;
    }

    @Override
    public HttpSession getSession() {
      return attached(super.getSession());
    }

    @Override
    public @Nullable HttpSession getSession(boolean create) {
      HttpSession session = super.getSession(create);
      return session == null ? null : attached(session);
    }

    /** What the client is, for a login. */
    private HttpSession attached(HttpSession session) {
      SojournSession ours = SojournSession.of(session);
      ours.attach(this, response);
      if (hasFailed(this)) ours.storeNothing();
      setAttribute(SESSION, ours);
      return session;
    }

    @Override
    public @Nullable String getRequestedSessionId() {
      return resolver.publicId(super.getRequestedSessionId());
    }
  }
}
