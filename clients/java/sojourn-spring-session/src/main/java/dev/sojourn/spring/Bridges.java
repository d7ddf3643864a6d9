package dev.sojourn.spring;

import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.ListableBeanFactory;
import org.springframework.security.core.userdetails.UserDetailsService;

/** The application's bridge, or one through its users. In a class of its own, for applications without Spring Security. */
final class Bridges {
  private Bridges() {}

  /**
   * Users are asked for when they are needed: they may be in what needs sessions itself.
   *
   * @param property of a user, see {@link UserDetailsBridge}
   */
  static void add(SojournSessionRepository.Builder builder, ListableBeanFactory beans, @Nullable String property) {
    SojournPrincipalBridge given = beans.getBeanProvider(SojournPrincipalBridge.class).getIfAvailable();
    builder.bridge(given != null ? given : new UserDetailsBridge(beans.getBeanProvider(UserDetailsService.class)::getIfUnique, property));
  }
}
