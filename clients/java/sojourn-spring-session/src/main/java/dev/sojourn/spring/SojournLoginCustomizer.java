package dev.sojourn.spring;

import dev.sojourn.LoginOptions;
import jakarta.servlet.http.HttpServletRequest;
import org.jspecify.annotations.Nullable;

/** What else is said at a sign-in: level, kind of client, other lifetimes. */
@FunctionalInterface
public interface SojournLoginCustomizer {
  /**
   * @param options all attributes kept, as Spring does it, and device and address from the request
   * @param request null outside of one
   */
  void customize(LoginOptions options, @Nullable HttpServletRequest request);
}
