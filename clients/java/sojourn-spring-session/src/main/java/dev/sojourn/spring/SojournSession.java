package dev.sojourn.spring;

import dev.sojourn.LoginOptions;
import jakarta.servlet.ServletResponse;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpSession;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.springframework.session.FindByIndexNameSessionRepository;
import org.springframework.session.SaveMode;
import org.springframework.session.Session;

/**
 * A session as Spring Session has it. {@link #getId()} is public, safe to log and of no use as a cookie; the secret is its
 * {@linkplain dev.sojourn.Session#token() token}. Within a request {@code getAttribute} gives the same object each time; what of
 * it is stored is what it is when the session is saved, if it was set or the {@link SaveMode} says so.
 *
 * <p>Who is signed in is the session's {@link #principal()}, for all applications. Setting a security context of another user
 * signs that user in, with a new token.
 */
public final class SojournSession implements Session {
  /** The name under which {@code HttpSession.getAttribute} gives this. */
  static final String ATTRIBUTE = SojournSession.class.getName();

  /** Spring's mutex is a lock of this process. */
  private static final String MUTEX = "org.springframework.web.util.WebUtils.MUTEX";
  /** As in {@code SpringSessionRememberMeServices}, which may not be there. */
  private static final String REMEMBER_ME =
      "org.springframework.session.security.web.authentication.SpringSessionRememberMeServicesREMEMBER_ME_LOGIN_ATTR";
  private static final Duration LONGEST = Duration.ofDays(400);

  private final SojournSessionRepository repository;
  private final Held held;
  private final StoredAttributes attributes;
  /** What the application has in hand, by its name for it. */
  private final Map<String, Object> handed = new ConcurrentHashMap<>();
  /** What of this is stored as it is when the session is saved. */
  private final Set<String> touched = ConcurrentHashMap.newKeySet();
  private @Nullable Instant accessedAt;
  private @Nullable HttpServletRequest request;
  private @Nullable ServletResponse response;
  private boolean storesNothing;

  SojournSession(SojournSessionRepository repository, Held held) {
    this.repository = repository;
    this.held = held;
    attributes = new StoredAttributes(held, repository.values(), repository.unreadable());
  }

  /**
   * The session behind one that a request gives.
   *
   * @throws IllegalStateException where it is of another kind
   */
  public static SojournSession of(HttpSession session) {
    if (session.getAttribute(ATTRIBUTE) instanceof SojournSession found) return found;
    throw new IllegalStateException("not a session of Sojourn: is its filter, springSessionRepositoryFilter, in front?");
  }

  /**
   * What is below, for what Spring has no words for: {@code stepUp}, {@code update}, {@code device}.
   *
   * @throws IllegalStateException where the session is known by its public id only
   */
  public dev.sojourn.Session session() {
    dev.sojourn.Session session = held.session();
    if (session != null) return session;
    throw new IllegalStateException("this session was asked for by its public id, without its token");
  }

  /** Whose session it is, in all applications; null before login. */
  public @Nullable String principal() {
    return held.principal();
  }

  Held held() {
    return held;
  }

  /** Says at a login what the client is. */
  void attach(HttpServletRequest request, ServletResponse response) {
    this.request = request;
    this.response = response;
  }

  /** The store has failed the request: what becomes of the session on the error page is thrown away. */
  void storeNothing() {
    storesNothing = true;
  }

  /**
   * The answer that was to bring a sign-in's token does not: nobody is left half signed in.
   *
   * @return false: there was no sign-in
   */
  boolean abandonSignIn() {
    return held.abandonLogin();
  }

  boolean storesNothing() {
    return storesNothing;
  }

  @Override
  public String getId() {
    return held.id();
  }

  @Override
  public String changeSessionId() {
    String id = held.changeId();
    repository.changing(id, held.storedId());
    return id;
  }

  @Override
  @SuppressWarnings("unchecked")
  public <T> @Nullable T getAttribute(String name) {
    return (T) value(name);
  }

  private @Nullable Object value(String name) {
    if (ATTRIBUTE.equals(name)) return this;
    SpecialAttribute special = repository.special(name);
    if (special != null) return special.get(this);
    Object value = handed.get(name);
    if (value == null) {
      value = attributes.get(name);
      if (value == null) return null;
      if (AttributeValues.isMutable(value)) handed.put(name, value);
    }
    if (repository.saveMode() != SaveMode.ON_SET_ATTRIBUTE && handed.containsKey(name)) touched.add(name);
    return value;
  }

  @Override
  public Set<String> getAttributeNames() {
    Set<String> names = new LinkedHashSet<>();
    for (String stored : held.names()) {
      String name = AttributeNames.shown(stored);
      if (name != null && (handed.containsKey(name) || attributes.isReadable(stored, name))) names.add(name);
    }
    for (String name : repository.specialNames()) {
      names.remove(name);
      if (value(name) != null) names.add(name);
    }
    return names;
  }

  @Override
  public void setAttribute(String name, @Nullable Object value) {
    if (value == null) {
      removeAttribute(name);
      return;
    }
    SpecialAttribute special = repository.special(name);
    if (special != null) {
      special.set(this, value);
      return;
    }
    if (!MUTEX.equals(name)) attributes.set(name, value);
    if (AttributeValues.isMutable(value)) {
      handed.put(name, value);
      touched.add(name);
    } else {
      handed.remove(name);
      touched.remove(name);
    }
  }

  @Override
  public void removeAttribute(String name) {
    SpecialAttribute special = repository.special(name);
    if (special != null) {
      special.remove(this);
      return;
    }
    handed.remove(name);
    touched.remove(name);
    attributes.remove(name);
  }

  @Override
  public Instant getCreationTime() {
    return held.createdAt();
  }

  @Override
  public void setLastAccessedTime(Instant lastAccessedTime) {
    accessedAt = lastAccessedTime;
  }

  @Override
  public Instant getLastAccessedTime() {
    Instant at = accessedAt;
    return at == null ? held.lastActiveAt() : at;
  }

  /** Stored with the session; zero or less is as long as can be, but never past the absolute timeout. */
  @Override
  public void setMaxInactiveInterval(Duration interval) {
    Duration idle = interval.isZero() || interval.isNegative() || interval.compareTo(LONGEST) > 0 ? LONGEST : interval;
    boolean isRemembered = request != null && request.getAttribute(REMEMBER_ME) != null;
    if (isRemembered) held.setLifetime(idle, idle, true);
    else held.setLifetime(idle, null, null);
  }

  @Override
  public Duration getMaxInactiveInterval() {
    return held.idleTimeout();
  }

  @Override
  public boolean isExpired() {
    return held.isEnded() || getLastAccessedTime().plus(getMaxInactiveInterval()).isBefore(Instant.now());
  }

  /** A private attribute as it is stored, set by a special one. */
  void setPrivate(String name, Object stored, Object value) {
    held.set(AttributeNames.stored(name), stored);
    handed.put(name, value);
  }

  @Nullable Object handed(String name) {
    return handed.get(name);
  }

  void hand(String name, Object value) {
    handed.put(name, value);
  }

  void forget(String name) {
    handed.remove(name);
    String stored = AttributeNames.stored(name);
    if (held.has(stored)) held.remove(stored);
  }

  /**
   * In all applications: a new token, at once. What the session of nobody holds goes along, and nothing of another user's.
   *
   * @param name of a private attribute that the new session has from the beginning; null: of none
   */
  void signIn(String principal, @Nullable String name, @Nullable Object stored) {
    if (storesNothing) return;
    if (response != null && response.isCommitted()) {
      throw new IllegalStateException("the response has gone out: its client would never get the token of this sign-in");
    }
    writeTouched();
    boolean isAnother = held.principal() != null && !principal.equals(held.principal());
    LoginOptions options = LoginOptions.defaults();
    if (!isAnother) options.keepAll();
    HttpServletRequest from = request;
    if (from != null) options.device(from.getHeader("User-Agent")).address(from.getRemoteAddr());
    repository.customized(options, from);
    if (name != null) options.with(AttributeNames.stored(name), stored);
    held.login(principal, options);
    if (isAnother) {
      handed.clear();
      touched.clear();
    }
  }

  /** In all applications. Nothing goes on: whoever signs in next is not to find what this user's session held. */
  void signOut() {
    if (storesNothing) return;
    held.logout();
    handed.clear();
    touched.clear();
  }

  private void writeTouched() {
    for (String name : touched) {
      Object value = handed.get(name);
      if (value != null && !MUTEX.equals(name)) attributes.set(name, value);
    }
  }

  void save() {
    writeTouched();
    held.save(accessedAt != null);
    touched.clear();
    // Objects in hand stay the same: Spring sets beans of a session again when the response has been written. But who is signed in
    // is looked up again, and where reading is enough to store, what others have changed meanwhile must not be overwritten.
    boolean isReadStored = repository.saveMode() != SaveMode.ON_SET_ATTRIBUTE;
    handed.keySet().removeIf(name -> repository.special(name) != null || (isReadStored && !MUTEX.equals(name)));
  }

  /** No values, and not the token. */
  @Override
  public String toString() {
    return "SojournSession[id=" + getId() + ", principal=" + principal() + "]";
  }

  /** {@link FindByIndexNameSessionRepository#PRINCIPAL_NAME_INDEX_NAME}: applications without Spring Security sign in by it. */
  static final class PrincipalName implements SpecialAttribute {
    static final String NAME = FindByIndexNameSessionRepository.PRINCIPAL_NAME_INDEX_NAME;

    @Override
    public @Nullable Object get(SojournSession session) {
      return session.principal();
    }

    @Override
    public void set(SojournSession session, Object value) {
      String principal = value.toString();
      if (!principal.equals(session.principal())) session.signIn(principal, null, null);
    }

    @Override
    public void remove(SojournSession session) {
      if (session.principal() != null) session.signOut();
    }
  }
}
