package dev.sojourn.spring;

import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.springframework.security.authentication.UsernamePasswordAuthenticationToken;
import org.springframework.security.core.Authentication;
import org.springframework.security.core.context.SecurityContext;
import org.springframework.security.core.context.SecurityContextImpl;
import org.springframework.security.core.userdetails.User;
import org.springframework.security.core.userdetails.UserDetails;
import org.springframework.security.provisioning.InMemoryUserDetailsManager;

/** Tests with users, and who of them is signed in to Spring Security. */
abstract class OnSecurity extends OnRedis {
  static final String CONTEXT = "SPRING_SECURITY_CONTEXT";

  final AtomicInteger asked = new AtomicInteger();
  InMemoryUserDetailsManager users;

  @BeforeEach
  void withUsers() {
    users = new InMemoryUserDetailsManager(user("ada"), user("bob"), User.withUsername("eve").password("x").roles("USER").disabled(true).build());
    repository = repository().bridge(bridge()).build();
  }

  SojournPrincipalBridge bridge() {
    return new UserDetailsBridge(
        () -> {
          asked.incrementAndGet();
          return users;
        },
        null,
        true);
  }

  static UserDetails user(String name) {
    return User.withUsername(name).password("secret").roles("USER", "ADMIN").build();
  }

  static Authentication password(String name) {
    User user = (User) user(name);
    user.eraseCredentials();
    return UsernamePasswordAuthenticationToken.authenticated(user, null, user.getAuthorities());
  }

  static void signIn(SojournSession session, Authentication authentication) {
    session.setAttribute(CONTEXT, new SecurityContextImpl(authentication));
  }

  static Authentication authentication(SojournSession session) {
    SecurityContext context = session.getAttribute(CONTEXT);
    return Objects.requireNonNull(context).getAuthentication();
  }

  SojournSession signedIn(Authentication authentication) {
    SojournSession session = stored("a", 1);
    signIn(session, authentication);
    repository.save(session);
    return session;
  }
}
