package dev.sojourn.spring;

import dev.sojourn.spring.AttributeValues.Refusal;
import java.lang.reflect.Method;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.security.authentication.AbstractAuthenticationToken;
import org.springframework.security.authentication.RememberMeAuthenticationToken;
import org.springframework.security.authentication.UsernamePasswordAuthenticationToken;
import org.springframework.security.core.Authentication;
import org.springframework.security.core.GrantedAuthority;
import org.springframework.security.core.authority.SimpleGrantedAuthority;
import org.springframework.security.web.authentication.WebAuthenticationDetails;
import org.springframework.security.web.authentication.preauth.PreAuthenticatedAuthenticationToken;
import org.springframework.security.web.authentication.switchuser.SwitchUserGrantedAuthority;
import org.springframework.util.ClassUtils;

/** Who is authenticated, and how, as maps and texts. Credentials are never stored. */
final class Authentications {
  private static final String KIND = "kind";
  private static final String NAME = "name";
  private static final String USER = "user";
  private static final String AUTHORITIES = "authorities";
  private static final String AUTHENTICATED = "authenticated";
  private static final String DETAILS = "details";
  private static final String OBJECT = "object";
  private static final String ADDRESS = "address";
  private static final String SESSION = "session";
  private static final String AUTHORITY = "authority";
  private static final String ISSUED_AT = "issuedAt";
  private static final String SWITCHED_FROM = "switchedFrom";
  /** Of Spring Security 7. */
  private static final String FACTOR = "org.springframework.security.core.authority.FactorGrantedAuthority";

  private static final String PASSWORD = "password";
  private static final String REMEMBER_ME = "remember-me";
  private static final String PRE_AUTHENTICATED = "pre-authenticated";
  private static final String OTHER = "other";

  private final AttributeValues values;

  Authentications(AttributeValues values) {
    this.values = values;
  }

  /** @throws Refusal for a user, or a kind of authentication, whose class is not allowed */
  Map<String, @Nullable Object> write(Authentication authentication) {
    Map<String, @Nullable Object> form = new LinkedHashMap<>();
    String kind = kind(authentication);
    form.put(KIND, kind);
    form.put(NAME, authentication.getName());
    if (kind.equals(OTHER)) {
      form.put(OBJECT, values.write((Object) authentication));
      return form;
    }
    form.put(USER, values.write(authentication.getPrincipal()));
    form.put(AUTHORITIES, authorities(authentication.getAuthorities()));
    if (!authentication.isAuthenticated()) form.put(AUTHENTICATED, false);
    Object details = details(authentication.getDetails());
    if (details != null) form.put(DETAILS, details);
    return form;
  }

  private static String kind(Authentication authentication) {
    Class<?> type = authentication.getClass();
    if (type == UsernamePasswordAuthenticationToken.class) return PASSWORD;
    if (type == RememberMeAuthenticationToken.class) return REMEMBER_ME;
    return type == PreAuthenticatedAuthenticationToken.class ? PRE_AUTHENTICATED : OTHER;
  }

  private List<Object> authorities(Collection<? extends GrantedAuthority> authorities) {
    List<Object> forms = new ArrayList<>();
    for (GrantedAuthority authority : authorities) forms.add(authority(authority));
    return forms;
  }

  private Object authority(GrantedAuthority authority) {
    String name = authority.getAuthority();
    if (authority instanceof SwitchUserGrantedAuthority switched) {
      return Map.of(AUTHORITY, String.valueOf(name), SWITCHED_FROM, write(switched.getSource()));
    }
    if (authority.getClass().getName().equals(FACTOR)) {
      return Map.of(AUTHORITY, String.valueOf(name), ISSUED_AT, FactorAuthority.issuedAt(authority));
    }
    // What is not a role by its name alone is one by its object, or not at all.
    if (name == null) return Map.of(OBJECT, String.valueOf(values.write((Object) authority)));
    return name;
  }

  /** Others are of no use later, or not ours to store. */
  private static @Nullable Object details(@Nullable Object details) {
    if (details instanceof String) return details;
    if (details == null || details.getClass() != WebAuthenticationDetails.class) return null;
    WebAuthenticationDetails web = (WebAuthenticationDetails) details;
    Map<String, @Nullable Object> form = new LinkedHashMap<>();
    form.put(ADDRESS, web.getRemoteAddress());
    form.put(SESSION, web.getSessionId());
    return form;
  }

  /** @throws Refusal */
  Authentication read(@Nullable Object stored) {
    Map<?, ?> form = stored instanceof Map<?, ?> map ? map : Map.of();
    if (OTHER.equals(form.get(KIND))) {
      if (values.read(form.get(OBJECT)) instanceof Authentication authentication) return authentication;
      throw new Refusal("holds no Authentication");
    }
    Object user = values.read(form.get(USER));
    if (user == null || !(form.get(KIND) instanceof String kind)) throw new Refusal("holds no Authentication");
    AbstractAuthenticationToken token = token(kind, user, readAuthorities(form.get(AUTHORITIES)));
    if (Boolean.FALSE.equals(form.get(AUTHENTICATED))) token.setAuthenticated(false);
    token.setDetails(readDetails(form.get(DETAILS)));
    return token;
  }

  /**
   * Of one that cannot be read: who was only remembered is not fully authenticated by being made anew, and who had not authenticated
   * to the end is not by that.
   *
   * @return null: nobody
   */
  static @Nullable Authentication noMoreThan(@Nullable Object stored, Authentication made) {
    if (!(stored instanceof Map<?, ?> form)) return made;
    if (Boolean.FALSE.equals(form.get(AUTHENTICATED))) return null;
    return REMEMBER_ME.equals(form.get(KIND)) ? token(REMEMBER_ME, made.getPrincipal(), List.copyOf(made.getAuthorities())) : made;
  }

  private static AbstractAuthenticationToken token(String kind, Object user, List<GrantedAuthority> authorities) {
    return switch (kind) {
      case PASSWORD -> UsernamePasswordAuthenticationToken.authenticated(user, null, authorities);
      // The key is looked at when such a token is authenticated, which this one is.
      case REMEMBER_ME -> new RememberMeAuthenticationToken("sojourn", user, authorities);
      case PRE_AUTHENTICATED -> new PreAuthenticatedAuthenticationToken(user, null, authorities);
      default -> throw new Refusal("holds an Authentication of a kind that is not known here");
    };
  }

  private List<GrantedAuthority> readAuthorities(@Nullable Object stored) {
    List<GrantedAuthority> authorities = new ArrayList<>();
    for (Object form : stored instanceof List<?> list ? list : List.of()) authorities.add(readAuthority(form));
    return authorities;
  }

  private GrantedAuthority readAuthority(@Nullable Object form) {
    if (form instanceof String name) return new SimpleGrantedAuthority(name);
    if (form instanceof Map<?, ?> map && map.get(AUTHORITY) instanceof String name) {
      if (map.get(SWITCHED_FROM) != null) return new SwitchUserGrantedAuthority(name, read(map.get(SWITCHED_FROM)));
      if (map.get(ISSUED_AT) instanceof Instant at) return FactorAuthority.of(name, at);
    }
    throw new Refusal("holds an authority of a kind that is not known here");
  }

  private static @Nullable Object readDetails(@Nullable Object stored) {
    if (!(stored instanceof Map<?, ?> form)) return stored;
    return new WebAuthenticationDetails((String) form.get(ADDRESS), (String) form.get(SESSION));
  }

  /** Spring Security 7's, by reflection: this is compiled against 6. */
  private static final class FactorAuthority {
    private FactorAuthority() {}

    static Instant issuedAt(GrantedAuthority authority) {
      return (Instant) call(authority, authority.getClass(), "getIssuedAt");
    }

    static GrantedAuthority of(String name, Instant at) {
      ClassLoader loader = Authentications.class.getClassLoader();
      // Stored by a node with Spring Security 7, read by one with 6.
      if (!ClassUtils.isPresent(FACTOR, loader)) return new SimpleGrantedAuthority(name);
      Class<?> type = ClassUtils.resolveClassName(FACTOR, loader);
      Object builder = call(null, type, "withAuthority", name);
      call(builder, builder.getClass(), "issuedAt", at);
      return (GrantedAuthority) call(builder, builder.getClass(), "build");
    }

    private static Object call(@Nullable Object target, Class<?> type, String name, Object... arguments) {
      Class<?>[] types = new Class<?>[arguments.length];
      for (int i = 0; i < types.length; i++) types[i] = arguments[i].getClass();
      try {
        Method method = type.getMethod(name, types);
        return method.invoke(target, arguments);
      } catch (ReflectiveOperationException error) {
        throw new Refusal("holds a FactorGrantedAuthority, which this version of Spring Security has otherwise", error);
      }
    }
  }
}
