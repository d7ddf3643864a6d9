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
   * @param property of a user, as {@code isStored} see {@link UserDetailsBridge}
   */
  static void add(
      SojournSessionRepository.Builder builder, ListableBeanFactory beans, @Nullable String property, boolean isStored) {
    SojournPrincipalBridge given = beans.getBeanProvider(SojournPrincipalBridge.class).getIfAvailable();
    if (given != null) builder.bridge(given);
    else builder.bridge(new UserDetailsBridge(beans.getBeanProvider(UserDetailsService.class)::getIfUnique, property, isStored));
  }
}
