package dev.sojourn.spring;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationContext;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializerProvider;
import com.fasterxml.jackson.databind.deser.std.StdDeserializer;
import com.fasterxml.jackson.databind.module.SimpleModule;
import com.fasterxml.jackson.databind.ser.std.StdSerializer;
import dev.sojourn.spring.AttributeValues.Form;
import dev.sojourn.spring.AttributeValues.Refusal;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.springframework.security.authentication.AccountExpiredException;
import org.springframework.security.authentication.AuthenticationServiceException;
import org.springframework.security.authentication.BadCredentialsException;
import org.springframework.security.authentication.CredentialsExpiredException;
import org.springframework.security.authentication.DisabledException;
import org.springframework.security.authentication.InsufficientAuthenticationException;
import org.springframework.security.authentication.InternalAuthenticationServiceException;
import org.springframework.security.authentication.LockedException;
import org.springframework.security.core.AuthenticationException;
import org.springframework.security.core.GrantedAuthority;
import org.springframework.security.core.authority.SimpleGrantedAuthority;
import org.springframework.security.core.userdetails.User;
import org.springframework.security.core.userdetails.UserDetails;
import org.springframework.security.jackson2.SecurityJackson2Modules;
import org.springframework.security.web.authentication.session.SessionAuthenticationException;
import org.springframework.security.web.csrf.DefaultCsrfToken;
import org.springframework.security.web.savedrequest.DefaultSavedRequest;
import org.springframework.util.ClassUtils;

/**
 * What Spring Security keeps in sessions. Its own Jackson modules have what has no form here, tokens and users of OAuth 2 and OpenID
 * Connect: of the classes that they name, and of no other ({@link SecuritysOwnTypes}).
 */
final class SecurityForms implements AttributeValues.Forms {
  private static final String PACKAGE = "org.springframework.security.";
  private static final Map<String, Function<String, AuthenticationException>> FAILURES = new LinkedHashMap<>();

  static {
    FAILURES.put(AccountExpiredException.class.getName(), AccountExpiredException::new);
    FAILURES.put(AuthenticationServiceException.class.getName(), AuthenticationServiceException::new);
    FAILURES.put(BadCredentialsException.class.getName(), BadCredentialsException::new);
    FAILURES.put(CredentialsExpiredException.class.getName(), CredentialsExpiredException::new);
    FAILURES.put(DisabledException.class.getName(), DisabledException::new);
    FAILURES.put(InsufficientAuthenticationException.class.getName(), InsufficientAuthenticationException::new);
    FAILURES.put(InternalAuthenticationServiceException.class.getName(), InternalAuthenticationServiceException::new);
    FAILURES.put(LockedException.class.getName(), LockedException::new);
    FAILURES.put(SessionAuthenticationException.class.getName(), SessionAuthenticationException::new);
  }

  private final ClassLoader loader;
  private final @Nullable ObjectMapper mapper;

  SecurityForms(ClassLoader loader) {
    this.loader = loader;
    boolean hasModules = ClassUtils.isPresent("org.springframework.security.jackson2.SecurityJackson2Modules", loader);
    mapper = hasModules ? SecuritysOwn.mapper(loader) : null;
  }

  /** In a class of its own: a later Spring Security may have none. */
  private static final class SecuritysOwn {
    private SecuritysOwn() {}

    /** By themselves the modules read every class that has an annotation of Jackson's. */
    static ObjectMapper mapper(ClassLoader loader) {
      ObjectMapper mapper = new ObjectMapper().registerModules(SecurityJackson2Modules.getModules(loader));
      SecuritysOwnTypes types = new SecuritysOwnTypes(mapper);
      mapper.setPolymorphicTypeValidator(types);
      return mapper.activateDefaultTyping(types, ObjectMapper.DefaultTyping.NON_FINAL, JsonTypeInfo.As.PROPERTY);
    }
  }

  /** Users of an application's own, by their fields: without their passwords. */
  static void customize(ObjectMapper mapper) {
    mapper.addMixIn(UserDetails.class, WithoutPassword.class);
    SimpleModule authorities = new SimpleModule("sojourn-authorities");
    authorities.addSerializer(GrantedAuthority.class, new AuthoritySerializer());
    authorities.addDeserializer(GrantedAuthority.class, new AuthorityDeserializer());
    authorities.addDeserializer(SimpleGrantedAuthority.class, new AuthorityDeserializer());
    mapper.registerModule(authorities);
  }

  @JsonIgnoreProperties("password")
  private interface WithoutPassword {}

  private static final class AuthoritySerializer extends StdSerializer<GrantedAuthority> {
    private static final long serialVersionUID = 1;

    AuthoritySerializer() {
      super(GrantedAuthority.class);
    }

    @Override
    public void serialize(GrantedAuthority value, JsonGenerator out, SerializerProvider provider) throws IOException {
      out.writeString(value.getAuthority());
    }
  }

  private static final class AuthorityDeserializer extends StdDeserializer<SimpleGrantedAuthority> {
    private static final long serialVersionUID = 1;

    AuthorityDeserializer() {
      super(SimpleGrantedAuthority.class);
    }

    @Override
    public SimpleGrantedAuthority deserialize(JsonParser in, DeserializationContext context) throws IOException {
      return new SimpleGrantedAuthority(in.getValueAsString());
    }
  }

  @Override
  public @Nullable Form write(Object value) {
    String type = value.getClass().getName();
    if (value instanceof AuthenticationException failure) {
      String known = FAILURES.containsKey(type) ? type : AuthenticationServiceException.class.getName();
      return new Form(known, String.valueOf(failure.getMessage()));
    }
    if (value.getClass() == DefaultCsrfToken.class) {
      DefaultCsrfToken token = (DefaultCsrfToken) value;
      return new Form(type, List.of(token.getHeaderName(), token.getParameterName(), token.getToken()));
    }
    if (value.getClass() == User.class) return new Form(type, user((User) value));
    if (value.getClass() == DefaultSavedRequest.class) return new Form(type, SavedRequests.write((DefaultSavedRequest) value));
    String json = type.startsWith(PACKAGE) ? json(value) : null;
    return json == null ? null : new Form(type, json);
  }

  private static Map<String, Object> user(User user) {
    Map<String, Object> form = new LinkedHashMap<>();
    form.put("username", user.getUsername());
    form.put("authorities", user.getAuthorities().stream().map(GrantedAuthority::getAuthority).toList());
    form.put("enabled", user.isEnabled());
    form.put("accountNonExpired", user.isAccountNonExpired());
    form.put("credentialsNonExpired", user.isCredentialsNonExpired());
    form.put("accountNonLocked", user.isAccountNonLocked());
    return form;
  }

  /** Null for what these modules do not name. */
  private @Nullable String json(Object value) {
    if (mapper == null || mapper.findMixInClassFor(value.getClass()) == null) return null;
    try {
      String json = mapper.writeValueAsString(value);
      // What is inside must be known to them too: better refused now than when the next request comes.
      mapper.readValue(json, Object.class);
      return json;
    } catch (JsonProcessingException error) {
      throw new Refusal("a " + value.getClass().getName() + " does not become JSON, see the cause", error);
    }
  }

  @Override
  public @Nullable Object read(String type, @Nullable Object stored) {
    if (!type.startsWith(PACKAGE)) return null;
    if (type.equals(DefaultCsrfToken.class.getName()) && stored instanceof List<?> parts && parts.size() == 3) {
      return new DefaultCsrfToken((String) parts.get(0), (String) parts.get(1), (String) parts.get(2));
    }
    if (type.equals(User.class.getName()) && stored instanceof Map<?, ?> form) return readUser(form);
    if (type.equals(DefaultSavedRequest.class.getName()) && stored instanceof Map<?, ?> form) return SavedRequests.read(form);
    if (!(stored instanceof String text)) return null;
    Function<String, AuthenticationException> failure = FAILURES.get(type);
    return failure != null ? failure.apply(text) : readJson(type, text);
  }

  private static User readUser(Map<?, ?> form) {
    List<GrantedAuthority> authorities = new ArrayList<>();
    for (Object name : form.get("authorities") instanceof List<?> names ? names : List.of()) {
      authorities.add(new SimpleGrantedAuthority((String) name));
    }
    User user =
        new User(
            (String) form.get("username"),
            "",
            is(form, "enabled"),
            is(form, "accountNonExpired"),
            is(form, "credentialsNonExpired"),
            is(form, "accountNonLocked"),
            authorities);
    user.eraseCredentials();
    return user;
  }

  private static boolean is(Map<?, ?> form, String name) {
    return Boolean.TRUE.equals(form.get(name));
  }

  private @Nullable Object readJson(String type, String text) {
    if (mapper == null) return null;
    try {
      Class<?> known = Class.forName(type, false, loader);
      if (mapper.findMixInClassFor(known) == null) return null;
      if (!type.equals(mapper.readTree(text).path("@class").asText())) throw new Refusal("what is stored is no " + type);
      Object value = mapper.readValue(text, Object.class);
      if (value != null && value.getClass() == known) return value;
      throw new Refusal("what is stored is no " + type);
    } catch (ClassNotFoundException gone) {
      throw new Refusal("there is no class " + type + " here", gone);
    } catch (JsonProcessingException error) {
      throw new Refusal("a " + type + " cannot be made from what is stored, see the cause", error);
    }
  }
}
