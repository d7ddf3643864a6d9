package dev.sojourn.spring;

import dev.sojourn.LoginOptions;
import dev.sojourn.Session;
import dev.sojourn.SessionInfo;
import dev.sojourn.Sessions;
import dev.sojourn.StoredSession;
import dev.sojourn.Token;
import jakarta.servlet.http.HttpServletRequest;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.BeanFactory;
import org.springframework.beans.factory.BeanFactoryAware;
import org.springframework.beans.factory.ListableBeanFactory;
import org.springframework.beans.factory.SmartInitializingSingleton;
import org.springframework.context.ApplicationEventPublisher;
import org.springframework.session.FindByIndexNameSessionRepository;
import org.springframework.session.SaveMode;
import org.springframework.session.events.SessionCreatedEvent;
import org.springframework.session.events.SessionDeletedEvent;
import org.springframework.session.events.SessionExpiredEvent;
import org.springframework.session.web.http.SessionRepositoryFilter;
import org.springframework.util.ClassUtils;

/**
 * Spring Session's repository on Sojourn. Sessions are named by their public ids; only {@link #findById} also takes a token, from
 * {@link SojournHttpSessionIdResolver}, and only the session that it opens can be signed in or given another id.
 *
 * <p>Saved is what has changed, on top of what others have stored meanwhile. What was deleted is not brought back by a late save.
 */
public final class SojournSessionRepository
    implements FindByIndexNameSessionRepository<SojournSession>, BeanFactoryAware, SmartInitializingSingleton {
  static final boolean HAS_SECURITY = isPresent("org.springframework.security.web.context.HttpSessionSecurityContextRepository");
  private static final boolean HAS_MVC = isPresent("org.springframework.web.servlet.FlashMap");

  private final Sessions sessions;
  private final AttributeValues values;
  private final UnreadableAttributes unreadable = new UnreadableAttributes();
  private final Map<String, SpecialAttribute> specials = new HashMap<>();
  private final SaveMode saveMode;
  private final UnaryOperator<String> principalOf;
  private final List<SojournLoginCustomizer> loginCustomizers;
  private final ApplicationEventPublisher events;
  /** Ids that sessions are to have with their next save, and where they stand until then: who invalidates names only the new one. */
  private final Map<String, String> changing = Collections.synchronizedMap(new LastOnes());
  private @Nullable ListableBeanFactory beans;

  private SojournSessionRepository(Builder builder) {
    sessions = builder.sessions;
    saveMode = builder.saveMode;
    loginCustomizers = List.copyOf(builder.loginCustomizers);
    events = builder.events;
    ClassLoader loader = builder.loader;
    List<AttributeValues.Forms> forms = new ArrayList<>();
    FlashMapForms flashMaps = HAS_MVC ? new FlashMapForms() : null;
    if (flashMaps != null) forms.add(flashMaps);
    List<SojournMapperCustomizer> customizers = new ArrayList<>();
    if (HAS_SECURITY) customizers.add(SecurityForms::customize);
    customizers.addAll(builder.mapperCustomizers);
    forms.add(new ObjectForms(new AllowedTypes(builder.allowedTypes), loader, customizers));
    if (HAS_SECURITY) forms.add(new SecurityForms(loader));
    values = new AttributeValues(forms);
    if (flashMaps != null) flashMaps.use(values);
    specials.put(SojournSession.PrincipalName.NAME, new SojournSession.PrincipalName());
    Object bridge = builder.bridge;
    principalOf = HAS_SECURITY ? WithSecurity.add(specials, values, unreadable, bridge) : UnaryOperator.identity();
  }

  /** A request ends before so many others have changed an id. */
  private static final class LastOnes extends LinkedHashMap<String, String> {
    private static final long serialVersionUID = 1;
    private static final int MOST = 10_000;

    @Override
    protected boolean removeEldestEntry(Map.Entry<String, String> eldest) {
      return size() > MOST;
    }
  }

  /** In a class of its own, for applications without Spring Security. */
  private static final class WithSecurity {
    private WithSecurity() {}

    static UnaryOperator<String> add(
        Map<String, SpecialAttribute> specials, AttributeValues values, UnreadableAttributes unreadable, @Nullable Object given) {
      SojournPrincipalBridge bridge = given instanceof SojournPrincipalBridge found ? found : new UserDetailsBridge(() -> null, null, true);
      specials.put(SecurityContexts.NAME, new SecurityContexts(values, unreadable, bridge));
      return bridge::principalOf;
    }
  }

  private static boolean isPresent(String type) {
    return ClassUtils.isPresent(type, SojournSessionRepository.class.getClassLoader());
  }

  /** @param sessions with {@code namespace("spring")} */
  public static Builder builder(Sessions sessions) {
    return new Builder(sessions);
  }

  /** What a repository is made of. */
  public static final class Builder {
    private final Sessions sessions;
    private SaveMode saveMode = SaveMode.ON_SET_ATTRIBUTE;
    private List<String> allowedTypes = List.of();
    private List<SojournMapperCustomizer> mapperCustomizers = List.of();
    private List<SojournLoginCustomizer> loginCustomizers = List.of();
    private @Nullable Object bridge;
    private ApplicationEventPublisher events = event -> {};
    private ClassLoader loader = defaultLoader();

    private Builder(Sessions sessions) {
      this.sessions = sessions;
    }

    private static ClassLoader defaultLoader() {
      ClassLoader loader = ClassUtils.getDefaultClassLoader();
      return loader != null ? loader : SojournSessionRepository.class.getClassLoader();
    }

    /**
     * Whether objects that were only read are looked at too when the session is saved. What has not changed is not written, in any
     * mode. Default {@link SaveMode#ON_SET_ATTRIBUTE}.
     */
    public Builder saveMode(SaveMode saveMode) {
      this.saveMode = saveMode;
      return this;
    }

    /**
     * Classes whose objects may be stored, and are made again: {@code com.acme.Cart}, {@code com.acme.session.*}. Default: only
     * plain values of the JDK.
     */
    public Builder allowedTypes(List<String> allowedTypes) {
      this.allowedTypes = List.copyOf(allowedTypes);
      return this;
    }

    /** Called once, in this order, by {@link #build()}. */
    public Builder mapperCustomizers(List<SojournMapperCustomizer> customizers) {
      mapperCustomizers = List.copyOf(customizers);
      return this;
    }

    /** Called at each sign-in, in this order. */
    public Builder loginCustomizers(List<SojournLoginCustomizer> customizers) {
      loginCustomizers = List.copyOf(customizers);
      return this;
    }

    /** Default: principals are names of users, and who was signed in elsewhere is nobody here. */
    public Builder bridge(SojournPrincipalBridge bridge) {
      this.bridge = bridge;
      return this;
    }

    /** Is told of sessions that are made and ended in this process. */
    public Builder events(ApplicationEventPublisher events) {
      this.events = events;
      return this;
    }

    /** Has the allowed classes. */
    public Builder classLoader(ClassLoader loader) {
      this.loader = loader;
      return this;
    }

    /**
     * The bridge and the customizers that are beans; without a bridge, one to the only {@code UserDetailsService} there is.
     *
     * @param principal property of a user that is the principal; null: its name
     * @param storesAuthentication whether sessions hold who is authenticated, without a bridge of one's own
     */
    public Builder beans(ListableBeanFactory beans, @Nullable String principal, boolean storesAuthentication) {
      mapperCustomizers = beans.getBeanProvider(SojournMapperCustomizer.class).orderedStream().toList();
      loginCustomizers = beans.getBeanProvider(SojournLoginCustomizer.class).orderedStream().toList();
      if (HAS_SECURITY) Bridges.add(this, beans, principal, storesAuthentication);
      return this;
    }

    /** @throws dev.sojourn.OptionException for allowed types that name neither a class nor a package */
    public SojournSessionRepository build() {
      return new SojournSessionRepository(this);
    }
  }

  @Override
  public void setBeanFactory(BeanFactory factory) {
    if (factory instanceof ListableBeanFactory listable) beans = listable;
  }

  /** Looks for another filter: with that sessions' public ids would be in cookies, and would open them. */
  @Override
  public void afterSingletonsInstantiated() {
    ListableBeanFactory known = beans;
    if (known == null) return;
    for (String name : known.getBeanNamesForType(SessionRepositoryFilter.class, true, false)) {
      Class<?> type = known.getType(name);
      if (type == null || SojournSessionFilter.class.isAssignableFrom(type)) continue;
      throw new IllegalStateException(
          "bean " + name + " is a " + type.getName() + ", and sessions of Sojourn need SojournSessionFilter: remove"
              + " @EnableSpringHttpSession, or what else declares it");
    }
  }

  AttributeValues values() {
    return values;
  }

  UnreadableAttributes unreadable() {
    return unreadable;
  }

  SaveMode saveMode() {
    return saveMode;
  }

  @Nullable SpecialAttribute special(String name) {
    return specials.get(name);
  }

  Set<String> specialNames() {
    return specials.keySet();
  }

  void customized(LoginOptions options, @Nullable HttpServletRequest request) {
    for (SojournLoginCustomizer customizer : loginCustomizers) customizer.customize(options, request);
  }

  @Override
  public SojournSession createSession() {
    return new SojournSession(this, new HeldByToken(sessions.create()));
  }

  void changing(String id, @Nullable String storedId) {
    if (storedId != null && !storedId.equals(id)) changing.put(id, storedId);
  }

  /** Drops what it has changed where the session has ended meanwhile. */
  @Override
  public void save(SojournSession session) {
    if (session.storesNothing()) return;
    changing.remove(session.getId());
    boolean isNew = session.held().isNew() && !session.held().isEnded();
    session.save();
    if (isNew && !session.held().isNew()) events.publishEvent(new SessionCreatedEvent(this, session));
  }

  /**
   * @param id a public id, or a token. With a token that a login has replaced lately the session is one that stores nothing: a new
   *     one would overwrite the cookie of the login
   */
  @Override
  public @Nullable SojournSession findById(String id) {
    if (id.length() != Token.LENGTH) {
      StoredSession stored = sessions.read(id);
      return stored == null ? null : byId(stored);
    }
    Session session = sessions.open(id);
    return session.isNew() && !session.isEnded() ? null : new SojournSession(this, new HeldByToken(session));
  }

  private SojournSession byId(StoredSession stored) {
    return new SojournSession(this, new HeldById(sessions, stored));
  }

  /** Ends it, on every node and in every application; also by its id of before a rotation. */
  @Override
  public void deleteById(String id) {
    String publicId = id.length() == Token.LENGTH ? sessions.idOf(id) : id;
    if (publicId == null) return;
    String before = changing.remove(publicId);
    if (before != null) publicId = before;
    StoredSession stored = sessions.read(publicId);
    if (sessions.revoke(publicId) && stored != null) events.publishEvent(new SessionDeletedEvent(this, byId(stored)));
  }

  /** A session has made room at its principal's limit: told of as deleted, without what it held. For a {@code SessionListener}. */
  public void evicted(String id, String principal) {
    events.publishEvent(new SessionDeletedEvent(this, gone(id, principal)));
  }

  /** A session's time is over: told of without what it held. For a {@code SessionListener}, with {@code tellExpired()}. */
  public void expired(String id, @Nullable String principal) {
    events.publishEvent(new SessionExpiredEvent(this, gone(id, principal)));
  }

  private SojournSession gone(String id, @Nullable String principal) {
    Instant now = Instant.now();
    return byId(new StoredSession(id, principal, Map.of(), now, now, now, Duration.ZERO));
  }

  /** Oldest first. */
  List<SessionInfo> list(String name) {
    return sessions.of(principalOf.apply(name)).list();
  }

  /** By {@link #PRINCIPAL_NAME_INDEX_NAME} alone: of other indexes nothing is known. */
  @Override
  public Map<String, SojournSession> findByIndexNameAndIndexValue(String indexName, String indexValue) {
    Map<String, SojournSession> found = new LinkedHashMap<>();
    if (!PRINCIPAL_NAME_INDEX_NAME.equals(indexName) || indexValue.isEmpty()) return found;
    for (SessionInfo info : list(indexValue)) {
      StoredSession stored = sessions.read(info.id());
      if (stored != null) found.put(stored.id(), byId(stored));
    }
    return found;
  }
}
