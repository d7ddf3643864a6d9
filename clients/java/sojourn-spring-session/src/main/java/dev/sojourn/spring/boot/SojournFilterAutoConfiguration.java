package dev.sojourn.spring.boot;

import dev.sojourn.spring.SojournSessionFilter;
import jakarta.servlet.DispatcherType;
import java.util.EnumSet;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.web.servlet.FilterRegistrationBean;
import org.springframework.context.annotation.Bean;

/** The filter in front of all others, where Boot's own module for sessions, of which Boot 4 has made another jar, has not done it. */
@AutoConfiguration(
    after = SojournAutoConfiguration.class,
    afterName = {
      "org.springframework.boot.autoconfigure.session.SessionAutoConfiguration",
      "org.springframework.boot.session.autoconfigure.SessionAutoConfiguration"
    })
@ConditionalOnBean(SojournSessionFilter.class)
public class SojournFilterAutoConfiguration {
  @Bean
  @ConditionalOnMissingBean(name = "sessionRepositoryFilterRegistration")
  public FilterRegistrationBean<SojournSessionFilter> sessionRepositoryFilterRegistration(SojournSessionFilter filter) {
    FilterRegistrationBean<SojournSessionFilter> registration = new FilterRegistrationBean<>(filter);
    registration.setDispatcherTypes(EnumSet.of(DispatcherType.REQUEST, DispatcherType.ASYNC, DispatcherType.ERROR));
    registration.setOrder(SojournSessionFilter.DEFAULT_ORDER);
    return registration;
  }
}
