package dev.sojourn.spring;

import dev.sojourn.AttributeException;
import dev.sojourn.SessionLimitException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.springframework.security.authentication.AnonymousAuthenticationToken;
import org.springframework.security.core.Authentication;
import org.springframework.security.core.context.SecurityContext;
import org.springframework.security.core.context.SecurityContextImpl;
import org.springframework.security.web.authentication.session.SessionAuthenticationException;

/**
 * Spring Security's context of a session. The session's principal says who is signed in: a context counts only while it is of
 * that principal, and one that is missing, or cannot be read any more, is made by the bridge.
 */
final class SecurityContexts implements SpecialAttribute {
  static final String NAME = "SPRING_SECURITY_CONTEXT";

  private static final String PRINCIPAL = "principal";
  private static final String AUTHENTICATION = "authentication";

  private final Authentications authentications;
  private final UnreadableAttributes unreadable;
  private final SojournPrincipalBridge bridge;

  SecurityContexts(AttributeValues values, UnreadableAttributes unreadable, SojournPrincipalBridge bridge) {
    authentications = new Authentications(values);
    this.unreadable = unreadable;
    this.bridge = bridge;
  }

  /** @param contextOf the principal that it is of; null: of nobody, who has not authenticated to the end */
  private record Stored(@Nullable String contextOf, @Nullable Object authentication) {
    static @Nullable Stored of(@Nullable Object stored) {
      if (!(stored instanceof Map<?, ?> map)) return null;
      Object of = map.get(PRINCIPAL);
      return of == null || of instanceof String ? new Stored((String) of, map.get(AUTHENTICATION)) : null;
    }
  }

  @Override
  public @Nullable Object get(SojournSession session) {
    Object known = session.handed(NAME);
    if (known != null) return known;
    String principal = session.principal();
    Stored stored = bridge.isStored() ? Stored.of(session.held().get(AttributeNames.stored(NAME))) : null;
    boolean isOfPrincipal = stored != null && Objects.equals(stored.contextOf, principal);
    Authentication found = isOfPrincipal ? readable(session, stored) : null;
    if (found != null) return handed(session, found);
    // Somebody else was signed in elsewhere since, or signed in there in the first place.
    Authentication made = principal == null ? null : made(principal);
    if (made != null && isOfPrincipal) made = Authentications.noMoreThan(stored.authentication, made);
    if (made == null) return null;
    return bridge.isStored() ? stored(session, principal, made) : handed(session, made);
  }

  private static SecurityContext handed(SojournSession session, Authentication authentication) {
    SecurityContext context = new SecurityContextImpl(authentication);
    session.hand(NAME, context);
    return context;
  }

  private SecurityContext stored(SojournSession session, String principal, Authentication made) {
    Map<String, @Nullable Object> form;
    Authentication read;
    try {
      form = form(principal, made);
      // As later requests have it: without credentials.
      read = read(new Stored(principal, form.get(AUTHENTICATION)));
    } catch (AttributeException problem) {
      // Whose class is not allowed is signed in all the same: the next request asks the bridge again.
      unreadable.tell(session.getId(), problem);
      return handed(session, made);
    }
    SecurityContext context = new SecurityContextImpl(read);
    session.setPrivate(NAME, form, context);
    return context;
  }

  private @Nullable Authentication readable(SojournSession session, Stored stored) {
    try {
      return read(stored);
    } catch (AttributeException problem) {
      unreadable.tell(session.getId(), problem);
      return null;
    }
  }

  /** Many look users up without regard to case: "Admin" of another application is not admin here, or anybody could become it. */
  private @Nullable Authentication made(String principal) {
    Authentication made = bridge.authentication(principal);
    return made != null && principal.equals(bridge.principal(made)) ? made : null;
  }

  private Authentication read(Stored stored) {
    try {
      return authentications.read(stored.authentication);
    } catch (AttributeValues.Refusal refusal) {
      throw refusal.of(NAME);
    } catch (RuntimeException | LinkageError error) {
      throw AttributeValues.malformed("an Authentication", error).of(NAME);
    }
  }

  private Map<String, @Nullable Object> form(@Nullable String principal, Authentication authentication) {
    Map<String, @Nullable Object> form = new LinkedHashMap<>();
    form.put(PRINCIPAL, principal);
    try {
      form.put(AUTHENTICATION, authentications.write(authentication));
    } catch (AttributeValues.Refusal refusal) {
      throw refusal.of(NAME);
    }
    return form;
  }

  /**
   * A context of another user, or one for whom the id was to be changed, is a sign-in.
   *
   * @throws SessionAuthenticationException where the limit of sessions refuses it: Spring Security's filters answer as they do to
   *     a wrong password
   */
  @Override
  public void set(SojournSession session, Object value) {
    Authentication authentication = value instanceof SecurityContext context ? context.getAuthentication() : null;
    if (authentication == null || authentication instanceof AnonymousAuthenticationToken) {
      remove(session);
      return;
    }
    String principal = authentication.isAuthenticated() ? bridge.principal(authentication) : session.principal();
    // Refused before anybody is signed in.
    Map<String, @Nullable Object> form = bridge.isStored() ? form(principal, authentication) : null;
    boolean isSignIn = principal != null && (!principal.equals(session.principal()) || session.held().isChangingId());
    if (isSignIn && authentication.isAuthenticated()) signIn(session, principal, form);
    if (form != null) {
      session.setPrivate(NAME, form, value);
    } else {
      session.forget(NAME);
      session.hand(NAME, value);
    }
  }

  /** With the context in the same step: who is signed in here is known to Spring, or signed in nowhere. */
  private static void signIn(SojournSession session, String principal, @Nullable Object form) {
    try {
      session.signIn(principal, form == null ? null : NAME, form);
    } catch (SessionLimitException error) {
      SessionAuthenticationException refused = new SessionAuthenticationException(error.getMessage());
      refused.initCause(error);
      throw refused;
    }
  }

  /** Signs out, in all applications; but not whom nobody knows here. */
  @Override
  public void remove(SojournSession session) {
    if (session.principal() != null && get(session) != null) session.signOut();
    session.forget(NAME);
  }
}
