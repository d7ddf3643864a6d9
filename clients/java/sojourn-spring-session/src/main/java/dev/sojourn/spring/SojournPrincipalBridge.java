package dev.sojourn.spring;

import org.jspecify.annotations.Nullable;
import org.springframework.security.core.Authentication;

/**
 * Between Spring Security's users and the principals that all applications agree upon. A session's principal says who is signed
 * in; where another application has said it, Spring Security's part is made from it here.
 */
public interface SojournPrincipalBridge {
  /** The principal of who signs in here: a text of 1 to 1,024 bytes. */
  default String principal(Authentication authentication) {
    return authentication.getName();
  }

  /** The principal of a user that Spring Security names so, for its registry of sessions. */
  default String principalOf(String name) {
    return name;
  }

  /**
   * Whether the session holds who is authenticated. Otherwise the bridge is asked with each request that wants to know: roles are
   * as they are now, and no class of a user has to be allowed.
   */
  default boolean isStored() {
    return true;
  }

  /**
   * Who was signed in elsewhere, authenticated; asked once in a session, if it {@link #isStored()}.
   *
   * @return null: nobody of ours. The request is then anonymous here, and the session stays as it is. So it is with one whose {@link
   *     #principal} is not exactly this one: who is found without regard to case is somebody else
   */
  @Nullable Authentication authentication(String principal);
}
