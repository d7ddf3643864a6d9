package dev.sojourn.spring;

import dev.sojourn.SessionInfo;
import jakarta.servlet.http.HttpSession;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.springframework.security.core.session.SessionInformation;
import org.springframework.security.core.session.SessionRegistry;
import org.springframework.security.web.authentication.preauth.PreAuthenticatedAuthenticationToken;
import org.springframework.web.context.request.RequestContextHolder;
import org.springframework.web.context.request.ServletRequestAttributes;

/**
 * A principal's sessions, those of other nodes and applications too, for Spring Security's {@code maximumSessions}. {@link
 * SessionInformation#expireNow()} ends one at once and everywhere; Spring Session's own registry marks it, and it goes on in other
 * applications until somebody comes with it here.
 */
public final class SojournSessionRegistry implements SessionRegistry {
  private final SojournSessionRepository repository;

  /** @param repository whose sessions they are */
  public SojournSessionRegistry(SojournSessionRepository repository) {
    this.repository = repository;
  }

  private final class Information extends SessionInformation {
    private static final long serialVersionUID = 1;

    Information(Object principal, String id, @Nullable Instant lastRequest) {
      super(principal, id, Date.from(lastRequest == null ? Instant.now() : lastRequest));
    }

    @Override
    public void expireNow() {
      repository.deleteById(getSessionId());
      super.expireNow();
    }
  }

  /**
   * There may be millions.
   *
   * @throws UnsupportedOperationException
   */
  @Override
  public List<Object> getAllPrincipals() {
    throw new UnsupportedOperationException("all principals are not listed: ask for the sessions of one");
  }

  /** @param includeExpiredSessions there are none: they have ended */
  @Override
  public List<SessionInformation> getAllSessions(Object principal, boolean includeExpiredSessions) {
    String name = new PreAuthenticatedAuthenticationToken(principal, null).getName();
    // Spring Security sorts it.
    List<SessionInformation> sessions = new ArrayList<>();
    if (name.isEmpty()) return sessions;
    for (SessionInfo info : repository.list(name)) sessions.add(new Information(principal, info.id(), info.lastActiveAt()));
    return sessions;
  }

  /** Of the present request's session it is what the request knows: Spring Security asks with each one. */
  @Override
  public @Nullable SessionInformation getSessionInformation(String sessionId) {
    SojournSession session = ofRequest(sessionId);
    if (session == null) session = repository.findById(sessionId);
    if (session == null) return null;
    return new Information(Objects.requireNonNullElse(session.principal(), ""), sessionId, session.getLastAccessedTime());
  }

  private static @Nullable SojournSession ofRequest(String sessionId) {
    if (!(RequestContextHolder.getRequestAttributes() instanceof ServletRequestAttributes request)) return null;
    HttpSession session = request.getRequest().getSession(false);
    if (session == null || !(session.getAttribute(SojournSession.ATTRIBUTE) instanceof SojournSession found)) return null;
    return found.getId().equals(sessionId) ? found : null;
  }

  /** Activity is written down with the session. */
  @Override
  public void refreshLastRequest(String sessionId) {}

  /** Its sign-in has done it. */
  @Override
  public void registerNewSession(String sessionId, Object principal) {}

  /** Its end does it. */
  @Override
  public void removeSessionInformation(String sessionId) {}
}
