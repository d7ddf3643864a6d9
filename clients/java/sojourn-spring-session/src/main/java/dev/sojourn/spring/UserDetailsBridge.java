package dev.sojourn.spring;

import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.PropertyAccessorFactory;
import org.springframework.security.authentication.AccountStatusException;
import org.springframework.security.authentication.AccountStatusUserDetailsChecker;
import org.springframework.security.core.Authentication;
import org.springframework.security.core.userdetails.UserDetails;
import org.springframework.security.core.userdetails.UserDetailsService;
import org.springframework.security.core.userdetails.UsernameNotFoundException;
import org.springframework.security.web.authentication.preauth.PreAuthenticatedAuthenticationToken;

/** A principal is a user's name, and the users are those of a {@link UserDetailsService}. */
final class UserDetailsBridge implements SojournPrincipalBridge {
  private final Supplier<? extends @Nullable UserDetailsService> users;
  private final AccountStatusUserDetailsChecker checker = new AccountStatusUserDetailsChecker();

  private final @Nullable String property;
  private final boolean isStored;

  /**
   * @param users asked with each principal; null: nobody who was signed in elsewhere is known here
   * @param property of the user object, which is the principal instead of the name; {@code users} finds users by it then
   * @param isStored see {@link SojournPrincipalBridge#isStored()}
   */
  UserDetailsBridge(Supplier<? extends @Nullable UserDetailsService> users, @Nullable String property, boolean isStored) {
    this.users = users;
    this.property = property;
    this.isStored = isStored;
  }

  @Override
  public boolean isStored() {
    return isStored;
  }

  @Override
  public String principal(Authentication authentication) {
    return property == null ? authentication.getName() : property(authentication.getPrincipal(), property);
  }

  @Override
  public String principalOf(String name) {
    UserDetailsService known = users.get();
    return property == null || known == null ? name : property(known.loadUserByUsername(name), property);
  }

  private static String property(Object user, String name) {
    Object value = user instanceof String ? null : PropertyAccessorFactory.forBeanPropertyAccess(user).getPropertyValue(name);
    if (value != null) return value.toString();
    throw new IllegalStateException("sojourn.principal=" + name + ": a " + user.getClass().getName() + " has no such property");
  }

  @Override
  public @Nullable Authentication authentication(String principal) {
    UserDetailsService known = users.get();
    if (known == null) return null;
    try {
      UserDetails user = known.loadUserByUsername(principal);
      // Disabled, locked, expired: not here.
      checker.check(user);
      return new PreAuthenticatedAuthenticationToken(user, null, user.getAuthorities());
    } catch (UsernameNotFoundException | AccountStatusException nobody) {
      return null;
    }
  }
}
