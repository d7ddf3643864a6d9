package dev.sojourn.spring;

import dev.sojourn.Sessions;
import jakarta.servlet.http.HttpSessionListener;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.BeanClassLoaderAware;
import org.springframework.beans.factory.ListableBeanFactory;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.context.ApplicationEventPublisher;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.ImportAware;
import org.springframework.core.annotation.AnnotationAttributes;
import org.springframework.core.type.AnnotationMetadata;
import org.springframework.session.SaveMode;
import org.springframework.session.web.http.SessionEventHttpSessionListenerAdapter;

/** The beans of {@link EnableSojournHttpSession}, on a bean of {@link Sessions} that is the application's. */
@Configuration(proxyBeanMethods = false)
public class SojournHttpSessionConfiguration implements ImportAware, BeanClassLoaderAware {
  private SaveMode saveMode = SaveMode.ON_SET_ATTRIBUTE;
  private List<String> allowedTypes = List.of();
  private @Nullable ClassLoader loader;

  @Override
  public void setImportMetadata(AnnotationMetadata metadata) {
    Map<String, Object> given = metadata.getAnnotationAttributes(EnableSojournHttpSession.class.getName());
    AnnotationAttributes attributes = AnnotationAttributes.fromMap(given);
    if (attributes == null) return;
    saveMode = attributes.getEnum("saveMode");
    allowedTypes = List.of(attributes.getStringArray("allowedTypes"));
  }

  @Override
  public void setBeanClassLoader(ClassLoader loader) {
    this.loader = loader;
  }

  @Bean
  public SojournSessionRepository sessionRepository(
      Sessions sessions, ApplicationEventPublisher events, ListableBeanFactory beans) {
    SojournSessionRepository.Builder builder =
        SojournSessionRepository.builder(sessions).saveMode(saveMode).allowedTypes(allowedTypes).events(events);
    if (loader != null) builder.classLoader(loader);
    return builder.beans(beans, null, true).build();
  }

  /** A {@link SessionCookie} of the application's, or the usual one. */
  @Bean
  public SojournHttpSessionIdResolver httpSessionIdResolver(Sessions sessions, ObjectProvider<SessionCookie> cookie) {
    return SojournHttpSessionIdResolver.cookie(sessions, cookie.getIfAvailable(() -> SessionCookie.builder().build()));
  }

  @Bean
  public SojournSessionFilter springSessionRepositoryFilter(
      SojournSessionRepository repository, SojournHttpSessionIdResolver resolver) {
    return new SojournSessionFilter(repository, resolver);
  }

  @Bean
  public SessionEventHttpSessionListenerAdapter sessionEventHttpSessionListenerAdapter(
      ObjectProvider<HttpSessionListener> listeners) {
    return new SessionEventHttpSessionListenerAdapter(listeners.orderedStream().toList());
  }
}
