package dev.sojourn.spring.boot;

import dev.sojourn.SessionListener;
import dev.sojourn.Sessions;
import dev.sojourn.spring.SessionCookie;
import dev.sojourn.spring.SojournHttpSessionIdResolver;
import dev.sojourn.spring.SojournSessionFilter;
import dev.sojourn.spring.SojournSessionRegistry;
import dev.sojourn.spring.SojournSessionRepository;
import dev.sojourn.spring.SojournSessionsCustomizer;
import jakarta.servlet.Filter;
import jakarta.servlet.http.HttpSessionListener;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.ListableBeanFactory;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.ApplicationEventPublisher;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.Environment;
import org.springframework.core.env.Profiles;
import org.springframework.security.core.session.SessionRegistry;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.session.SessionRepository;
import org.springframework.session.web.http.SessionEventHttpSessionListenerAdapter;

/**
 * Sessions of Sojourn by the properties {@code sojourn.*}. Each bean gives way to one of the application's; with a {@link
 * SessionRepository} of its own all of them do.
 */
@AutoConfiguration(
    // Boot's own, which has moved between 3 and 4.
    beforeName = {
      "org.springframework.boot.autoconfigure.session.SessionAutoConfiguration",
      "org.springframework.boot.session.autoconfigure.SessionAutoConfiguration"
    })
@ConditionalOnClass(Filter.class)
@ConditionalOnWebApplication(type = ConditionalOnWebApplication.Type.SERVLET)
@ConditionalOnProperty(name = "sojourn.enabled", matchIfMissing = true)
@ConditionalOnMissingBean(SessionRepository.class)
@EnableConfigurationProperties(SojournProperties.class)
public class SojournAutoConfiguration {
  /** Before any bean is made of them. */
  @Bean
  static UnknownProperties sojournUnknownProperties(Environment environment) {
    return new UnknownProperties(environment);
  }

  /** Asks nothing of Redis: the first use connects. */
  @Bean
  @ConditionalOnMissingBean
  public Sessions sojournSessions(
      SojournProperties properties,
      Environment environment,
      ObjectProvider<SessionListener> listeners,
      ObjectProvider<SojournSessionsCustomizer> customizers) {
    return SessionsFactory.sessions(
        properties, environment, listeners.orderedStream().toList(), customizers.orderedStream().toList());
  }

  /** Asked for late: the repository is made of what this is for. */
  @Bean
  public SessionListener sojournSessionEvents(ObjectProvider<SojournSessionRepository> repository) {
    return new SessionListener() {
      @Override
      public void expired(String id, @Nullable String principal) {
        repository.ifAvailable(found -> found.expired(id, principal));
      }

      @Override
      public void evicted(String id, String principal, String by) {
        repository.ifAvailable(found -> found.evicted(id, principal));
      }
    };
  }

  @Bean
  @ConditionalOnMissingBean
  public SojournSessionRepository sessionRepository(
      Sessions sessions, SojournProperties properties, ApplicationEventPublisher events, ListableBeanFactory beans) {
    return SojournSessionRepository.builder(sessions)
        .saveMode(properties.saveMode())
        .allowedTypes(properties.allowedTypes())
        .events(events)
        .beans(beans, properties.principal(), properties.storeAuthentication())
        .build();
  }

  @Bean
  @ConditionalOnMissingBean
  public SessionCookie sojournSessionCookie(SojournProperties properties, Environment environment) {
    SojournProperties.Cookie given = properties.cookie();
    // Behind a proxy that says nothing of itself plain HTTP to loopback is all that there is to be seen.
    boolean isProduction = environment.acceptsProfiles(Profiles.of("prod", "production"));
    SessionCookie.Secure secure = given.whenSecure();
    boolean isAuto = secure == SessionCookie.Secure.AUTO;
    SessionCookie.Builder cookie =
        SessionCookie.builder()
            .secure(isProduction && isAuto ? SessionCookie.Secure.ALWAYS : secure)
            .sameSite(given.sameSite())
            .path(given.path())
            .partitioned(given.partitioned())
            .persistent(given.persistent());
    if (given.name() != null) cookie.name(given.name());
    if (given.domain() != null) cookie.domain(given.domain());
    return cookie.build();
  }

  @Bean
  @ConditionalOnMissingBean
  public SojournHttpSessionIdResolver httpSessionIdResolver(
      Sessions sessions, SojournProperties properties, SessionCookie cookie) {
    String header = properties.header();
    return header == null
        ? SojournHttpSessionIdResolver.cookie(sessions, cookie)
        : SojournHttpSessionIdResolver.header(sessions, header);
  }

  @Bean
  @ConditionalOnMissingBean
  public SojournSessionFilter springSessionRepositoryFilter(
      SojournSessionRepository repository, SojournHttpSessionIdResolver resolver) {
    return new SojournSessionFilter(repository, resolver);
  }

  /** Without it {@code maximumSessions} would count what this process has seen. */
  @Configuration(proxyBeanMethods = false)
  @ConditionalOnClass({SessionRegistry.class, SecurityFilterChain.class})
  static class Security {
    @Bean
    @ConditionalOnMissingBean(SessionRegistry.class)
    SojournSessionRegistry sojournSessionRegistry(SojournSessionRepository repository) {
      return new SojournSessionRegistry(repository);
    }
  }

  @Bean
  @ConditionalOnMissingBean
  public SessionEventHttpSessionListenerAdapter sessionEventHttpSessionListenerAdapter(
      ObjectProvider<HttpSessionListener> listeners) {
    return new SessionEventHttpSessionListenerAdapter(listeners.orderedStream().toList());
  }
}
