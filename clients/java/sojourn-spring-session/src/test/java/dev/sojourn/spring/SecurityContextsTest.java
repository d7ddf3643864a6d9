package dev.sojourn.spring;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.annotation.JsonAutoDetect;
import dev.sojourn.AttributeException;
import dev.sojourn.LoginOptions;
import dev.sojourn.Session;
import dev.sojourn.SessionLimit;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.security.authentication.AnonymousAuthenticationToken;
import org.springframework.security.authentication.BadCredentialsException;
import org.springframework.security.authentication.RememberMeAuthenticationToken;
import org.springframework.security.authentication.TestingAuthenticationToken;
import org.springframework.security.authentication.UsernamePasswordAuthenticationToken;
import org.springframework.security.core.Authentication;
import org.springframework.security.core.AuthenticationException;
import org.springframework.security.core.GrantedAuthority;
import org.springframework.security.core.authority.AuthorityUtils;
import org.springframework.security.core.authority.SimpleGrantedAuthority;
import org.springframework.security.core.context.SecurityContext;
import org.springframework.security.core.context.SecurityContextImpl;
import org.springframework.security.core.userdetails.User;
import org.springframework.security.core.userdetails.UserDetails;
import org.springframework.security.oauth2.client.OAuth2AuthorizedClient;
import org.springframework.security.oauth2.client.authentication.OAuth2AuthenticationToken;
import org.springframework.security.oauth2.client.registration.ClientRegistration;
import org.springframework.security.oauth2.core.AuthorizationGrantType;
import org.springframework.security.oauth2.core.OAuth2AccessToken;
import org.springframework.security.oauth2.core.endpoint.OAuth2AuthorizationRequest;
import org.springframework.security.oauth2.core.oidc.OidcIdToken;
import org.springframework.security.oauth2.core.oidc.user.DefaultOidcUser;
import org.springframework.security.oauth2.core.oidc.user.OidcUser;
import org.springframework.security.oauth2.core.oidc.user.OidcUserAuthority;
import org.springframework.security.provisioning.InMemoryUserDetailsManager;
import org.springframework.security.web.authentication.WebAuthenticationDetails;
import org.springframework.security.web.authentication.preauth.PreAuthenticatedAuthenticationToken;
import org.springframework.security.web.authentication.session.SessionAuthenticationException;
import org.springframework.security.web.authentication.switchuser.SwitchUserGrantedAuthority;
import org.springframework.security.web.csrf.DefaultCsrfToken;

/** Who is signed in, between Spring Security and all other applications. */
class SecurityContextsTest extends OnRedis {
  private static final String CONTEXT = "SPRING_SECURITY_CONTEXT";

  private final AtomicInteger asked = new AtomicInteger();
  private InMemoryUserDetailsManager users;

  @BeforeEach
  void withUsers() {
    users = new InMemoryUserDetailsManager(user("ada"), user("bob"), User.withUsername("eve").password("x").roles("USER").disabled(true).build());
    repository = repository().bridge(bridge()).build();
  }

  private SojournPrincipalBridge bridge() {
    return new UserDetailsBridge(
        () -> {
          asked.incrementAndGet();
          return users;
        },
        null,
        true);
  }

  private static UserDetails user(String name) {
    return User.withUsername(name).password("secret").roles("USER", "ADMIN").build();
  }

  private static Authentication password(String name) {
    User user = (User) user(name);
    user.eraseCredentials();
    return UsernamePasswordAuthenticationToken.authenticated(user, null, user.getAuthorities());
  }

  private static void signIn(SojournSession session, Authentication authentication) {
    session.setAttribute(CONTEXT, new SecurityContextImpl(authentication));
  }

  private static Authentication authentication(SojournSession session) {
    SecurityContext context = session.getAttribute(CONTEXT);
    return Objects.requireNonNull(context).getAuthentication();
  }

  private SojournSession signedIn(Authentication authentication) {
    SojournSession session = stored("a", 1);
    signIn(session, authentication);
    repository.save(session);
    return session;
  }

  @Test
  void aContextSignsIn() {
    SojournSession session = stored("a", 1, "SPRING_SECURITY_SAVED_REQUEST", "url");
    String before = token(session);
    String id = session.changeSessionId();
    signIn(session, password("ada"));
    assertNotEquals(id, session.getId(), "the principal's sessions are elsewhere in the Cluster");
    assertEquals("ada", session.principal());
    repository.save(session);
    Session there = elsewhere.open(token(session));
    assertEquals("ada", there.principal());
    assertEquals(Set.of("a"), there.names(), "Spring's own are not shown");
    assertTrue(elsewhere.open(before).isNew(), "refused at once");
    SojournSession found = again(session);
    assertEquals("url", found.getAttribute("SPRING_SECURITY_SAVED_REQUEST"));
    assertEquals(password("ada"), authentication(found));
    assertEquals(0, asked.get(), "what is stored needs no bridge");
    assertEquals(Set.of(session.getId()), repository.findByPrincipalName("ada").keySet());
    assertTrue(found.getAttributeNames().contains(CONTEXT));
  }

  /** Nothing between the sign-in and the context: whatever fails afterwards, no other application sees a user whom Spring does not know. */
  @Test
  void theContextIsThereFromTheBeginning() {
    SojournSession session = stored("a", 1);
    signIn(session, password("ada"));
    assertFalse(session.session().isDirty());
    assertEquals(password("ada"), authentication(Objects.requireNonNull(repository.findById(token(session)))));
    signIn(session, password("bob"));
    assertFalse(session.session().isDirty());
    assertEquals(password("bob"), authentication(Objects.requireNonNull(repository.findById(token(session)))));
    assertEquals(0, asked.get());
  }

  @Test
  void theSameUserIsNotSignedInAgain() {
    SojournSession session = signedIn(password("ada"));
    String token = token(session);
    SojournSession request = again(session);
    signIn(request, UsernamePasswordAuthenticationToken.authenticated("ada", null, AuthorityUtils.createAuthorityList("ROLE_NEW")));
    repository.save(request);
    assertEquals(token, token(request));
    assertEquals(1, authentication(again(request)).getAuthorities().size());
    // With the id to be changed it is a new sign-in.
    request.changeSessionId();
    signIn(request, password("ada"));
    repository.save(request);
    assertNotEquals(token, token(request));
    assertTrue(elsewhere.open(token).isNew());
    assertEquals(1, elsewhere.of("ada").count());
  }

  @Test
  void whoWasSignedInElsewhere() {
    Session there = elsewhere.create();
    there.set("a", 1);
    there.login("ada", LoginOptions.defaults().keepAll());
    SojournSession session = Objects.requireNonNull(repository.findById(token(there)));
    Authentication made = authentication(session);
    assertEquals("ada", made.getName());
    assertTrue(made.isAuthenticated());
    assertEquals(Set.of("ROLE_USER", "ROLE_ADMIN"), AuthorityUtils.authorityListToSet(made.getAuthorities()));
    assertNull(((User) made.getPrincipal()).getPassword());
    repository.save(session);
    assertEquals("ada", authentication(again(session)).getName());
    assertEquals(1, asked.get(), "once in a session");
    assertEquals(token(there), token(session), "no new token");
  }

  @Test
  void whoIsNobodyHere() {
    for (String principal : List.of("mallory", "eve")) {
      Session there = elsewhere.create();
      there.login(principal);
      SojournSession session = Objects.requireNonNull(repository.findById(token(there)));
      assertNull(session.getAttribute(CONTEXT), principal);
      assertFalse(session.getAttributeNames().contains(CONTEXT));
      // What Spring Security does at the end of a request of nobody, and at a failed login.
      session.removeAttribute(CONTEXT);
      repository.save(session);
      there.refresh();
      assertEquals(principal, there.principal(), "the session of the others goes on");
    }
  }

  /** The users' service here finds them without regard to case. */
  @Test
  void anotherSpellingIsAnotherUser() {
    SojournPrincipalBridge own = name -> password(name.toLowerCase(java.util.Locale.ROOT));
    for (SojournPrincipalBridge each : List.of(bridge(), own, new UserDetailsBridge(() -> users, null, false))) {
      repository = repository().bridge(each).build();
      for (String principal : List.of("ADA", "Bob")) {
        Session there = elsewhere.create();
        there.login(principal);
        SojournSession session = Objects.requireNonNull(repository.findById(token(there)));
        assertNull(session.getAttribute(CONTEXT), principal);
        repository.save(session);
        there.refresh();
        assertEquals(principal, there.principal());
      }
    }
  }

  @Test
  void whoHasBeenReplacedElsewhere() {
    SojournSession session = signedIn(password("ada"));
    Session there = elsewhere.open(token(session));
    there.login("bob", LoginOptions.defaults().keepAll());
    SojournSession found = Objects.requireNonNull(repository.findById(token(there)));
    assertEquals("bob", authentication(found).getName());
    // The same without the core's care: a context that is of another principal does not count.
    found.held().set("spring:" + CONTEXT, Map.of("principal", "ada", "authentication", Map.of()));
    repository.save(found);
    assertEquals("bob", authentication(again(found)).getName());
  }

  @Test
  void anotherUserHere() {
    SojournSession session = signedIn(password("ada"));
    String adas = token(session);
    SojournSession request = again(session);
    request.setAttribute("SPRING_SECURITY_SAVED_REQUEST", List.of("ada's"));
    signIn(request, password("bob"));
    repository.save(request);
    SojournSession found = again(request);
    assertEquals("bob", authentication(found).getName());
    assertNull(found.getAttribute("SPRING_SECURITY_SAVED_REQUEST"));
    assertNull(found.getAttribute("a"), "of ada");
    assertTrue(elsewhere.open(adas).isNew());
    assertEquals(0, elsewhere.of("ada").count());
  }

  @Test
  void signingOutWithoutInvalidating() {
    SojournSession session = signedIn(password("ada"));
    String adas = token(session);
    SojournSession request = again(session);
    request.removeAttribute(CONTEXT);
    repository.save(request);
    assertNull(request.principal());
    assertTrue(elsewhere.open(adas).isNew(), "everywhere");
    SojournSession found = again(request);
    assertNull(found.getAttribute(CONTEXT));
    signIn(found, password("bob"));
    repository.save(found);
    assertEquals("bob", authentication(again(found)).getName());
    assertNull(again(found).getAttribute("a"), "of ada, and nobody's to take along");
    assertFalse(found.session().names().contains("a"));
    // What is set after it is a session's of nobody.
    found.setAttribute("cart", List.of("bob's"));
    found.removeAttribute(CONTEXT);
    found.setAttribute("language", "de");
    repository.save(found);
    assertEquals(Set.of("language"), again(found).getAttributeNames());
  }

  @Test
  void anonymousIsNobody() {
    SojournSession session = stored();
    signIn(session, new AnonymousAuthenticationToken("key", "anonymous", AuthorityUtils.createAuthorityList("ROLE_ANONYMOUS")));
    repository.save(session);
    assertNull(session.principal());
    assertNull(again(session).getAttribute(CONTEXT));
  }

  @Test
  void notAuthenticatedToTheEnd() {
    SojournSession session = stored();
    signIn(session, UsernamePasswordAuthenticationToken.unauthenticated("ada", "secret"));
    repository.save(session);
    assertNull(session.principal());
    assertFalse(authentication(again(session)).isAuthenticated());
    assertNull(authentication(again(session)).getCredentials());
  }

  @Test
  void kindsOfAuthentication() {
    List<GrantedAuthority> roles = AuthorityUtils.createAuthorityList("ROLE_USER");
    RememberMeAuthenticationToken remembered = new RememberMeAuthenticationToken("key", "ada", roles);
    remembered.setDetails(new WebAuthenticationDetails("192.0.2.1", "id"));
    Authentication found = authentication(again(signedIn(remembered)));
    assertEquals(RememberMeAuthenticationToken.class, found.getClass());
    assertEquals("ada", found.getPrincipal());
    assertEquals(remembered.getDetails(), found.getDetails());
    Authentication pre = authentication(again(signedIn(new PreAuthenticatedAuthenticationToken("ada", "cert", roles))));
    assertEquals(PreAuthenticatedAuthenticationToken.class, pre.getClass());
    assertNull(pre.getCredentials());
    SwitchUserGrantedAuthority from = new SwitchUserGrantedAuthority("ROLE_PREVIOUS", password("ada"));
    SojournSession switched = signedIn(UsernamePasswordAuthenticationToken.authenticated("bob", null, List.of(from)));
    assertEquals("bob", switched.principal());
    SwitchUserGrantedAuthority found2 = (SwitchUserGrantedAuthority) authentication(again(switched)).getAuthorities().iterator().next();
    assertEquals(password("ada"), found2.getSource());
    assertThrows(AttributeException.class, () -> signedIn(new TestingAuthenticationToken("ada", null, "ROLE_USER")));
  }

  /** A user of an application's own. */
  static class Account implements UserDetails {
    private static final long serialVersionUID = 1;
    private String name = "";
    private String password = "";
    private List<GrantedAuthority> roles = List.of();

    @Override
    public List<GrantedAuthority> getAuthorities() {
      return roles;
    }

    @Override
    public String getPassword() {
      return password;
    }

    @Override
    public String getUsername() {
      return name;
    }
  }

  @Test
  void usersOfAnApplicationsOwn() {
    Account account = new Account();
    account.name = "ada";
    account.password = "hash";
    account.roles = AuthorityUtils.createAuthorityList("ROLE_USER");
    Authentication authentication = UsernamePasswordAuthenticationToken.authenticated(account, null, account.getAuthorities());
    SojournSession session = stored();
    AttributeException error = assertThrows(AttributeException.class, () -> signIn(session, authentication));
    assertTrue(error.getMessage().contains("sojourn.allowed-types"), error.getMessage());
    assertNull(session.principal(), "refused before anybody is signed in");
    repository = repository().bridge(bridge()).allowedTypes(List.of(Account.class.getName())).build();
    SojournSession allowed = signedIn(authentication);
    Account found = (Account) authentication(again(allowed)).getPrincipal();
    assertEquals("ada", found.getUsername());
    assertEquals(account.getAuthorities(), found.getAuthorities());
    assertEquals("", found.password, "no password is stored");
  }

  @Test
  void notStoredButAskedFor() {
    Account account = new Account();
    account.name = "ada";
    account.roles = AuthorityUtils.createAuthorityList("ROLE_USER");
    UserDetailsBridge asking =
        new UserDetailsBridge(
            () ->
                name -> {
                  asked.incrementAndGet();
                  return account;
                },
            null,
            false);
    repository = repository().bridge(asking).build();
    SojournSession session = signedIn(UsernamePasswordAuthenticationToken.authenticated(account, null, account.roles));
    assertEquals("ada", session.principal());
    assertEquals(0, asked.get(), "who signs in is known");
    account.roles = AuthorityUtils.createAuthorityList("ROLE_OTHER");
    SojournSession request = again(session);
    assertEquals(account, authentication(request).getPrincipal(), "of a class that is not allowed");
    assertEquals(Set.of("ROLE_OTHER"), AuthorityUtils.authorityListToSet(authentication(request).getAuthorities()), "as it is now");
    assertEquals(1, asked.get(), "once in a request");
    repository.save(request);
    request.removeAttribute(CONTEXT);
    assertNull(request.principal());
  }

  @Test
  void thePrincipalOfAnotherProperty() {
    SojournPrincipalBridge byId =
        new SojournPrincipalBridge() {
          @Override
          public String principal(Authentication authentication) {
            return "user:" + authentication.getName();
          }

          @Override
          public String principalOf(String name) {
            return "user:" + name;
          }

          @Override
          public Authentication authentication(String principal) {
            return password(principal.substring("user:".length()));
          }
        };
    repository = repository().bridge(byId).build();
    SojournSession session = signedIn(password("ada"));
    assertEquals("user:ada", session.principal());
    assertEquals(Set.of(session.getId()), repository.findByPrincipalName("ada").keySet());
    UserDetailsBridge property = new UserDetailsBridge(() -> users, "username", true);
    assertEquals("ada", property.principal(password("ada")));
    assertEquals("ada", property.principalOf("ada"));
    assertThrows(RuntimeException.class, () -> new UserDetailsBridge(() -> users, "nothing", true).principal(password("ada")));
  }

  @Test
  void theLimitRefuses() {
    SessionLimit one = SessionLimit.of(1).policy(SessionLimit.Policy.REJECT);
    repository = repository(builder().maxSessions(one)).bridge(bridge()).build();
    signedIn(password("ada"));
    SojournSession second = stored("b", 2);
    String token = token(second);
    AuthenticationException refused = assertThrows(SessionAuthenticationException.class, () -> signIn(second, password("ada")));
    assertNotNull(refused.getCause());
    repository.save(second);
    assertEquals(token, token(second), "it stays as it was");
    assertNull(again(second).getAttribute(CONTEXT));
  }

  @Test
  void whatElseSpringSecurityKeeps() {
    SojournSession session =
        stored(
            "SPRING_SECURITY_LAST_EXCEPTION", new BadCredentialsException("Bad credentials"),
            "org.springframework.security.web.csrf.HttpSessionCsrfTokenRepository.CSRF_TOKEN",
                new DefaultCsrfToken("X-CSRF-TOKEN", "_csrf", "value"));
    SojournSession found = again(session);
    BadCredentialsException failure = found.getAttribute("SPRING_SECURITY_LAST_EXCEPTION");
    assertEquals("Bad credentials", failure.getMessage());
    DefaultCsrfToken csrf = found.getAttribute("org.springframework.security.web.csrf.HttpSessionCsrfTokenRepository.CSRF_TOKEN");
    assertEquals("value", csrf.getToken());
    assertTrue(elsewhere.open(token(session)).names().isEmpty());
    found.setAttribute("SPRING_SECURITY_LAST_EXCEPTION", new AuthenticationException("own") {});
    repository.save(found);
    assertEquals("own", again(session).<AuthenticationException>getAttribute("SPRING_SECURITY_LAST_EXCEPTION").getMessage());
    // By Spring Security's own Jackson modules.
    List<GrantedAuthority> roles = AuthorityUtils.createAuthorityList("ROLE_A");
    found.setAttribute("SPRING_SECURITY_OTHER", new AnonymousAuthenticationToken("key", "nobody", roles));
    repository.save(found);
    assertEquals("nobody", again(session).<Authentication>getAttribute("SPRING_SECURITY_OTHER").getName());
  }

  @Test
  void signedInByOpenIdConnect() {
    Instant now = Instant.ofEpochSecond(1_732_440_000);
    OidcIdToken idToken = new OidcIdToken("value", now, now.plusSeconds(60), Map.of("sub", "ada", "email", "ada@example.org"));
    List<GrantedAuthority> authorities = List.of(new OidcUserAuthority(idToken), new SimpleGrantedAuthority("SCOPE_email"));
    DefaultOidcUser user = new DefaultOidcUser(authorities, idToken);
    SojournSession session = signedIn(new OAuth2AuthenticationToken(user, user.getAuthorities(), "github"));
    assertEquals("ada", elsewhere.open(token(session)).principal());
    OAuth2AuthenticationToken found = (OAuth2AuthenticationToken) authentication(again(session));
    assertEquals("github", found.getAuthorizedClientRegistrationId());
    assertEquals("ada@example.org", ((OidcUser) Objects.requireNonNull(found.getPrincipal())).getEmail());
    assertEquals(Set.copyOf(user.getAuthorities()), Set.copyOf(found.getAuthorities()));
  }

  private static void call(Object builder, String method, Class<?> type, Object value) throws ReflectiveOperationException {
    builder.getClass().getMethod(method, type).invoke(builder, value);
  }

  @Test
  void aLoginByOAuthUnderWay() throws ReflectiveOperationException {
    String name = "org.springframework.security.oauth2.client.web.HttpSessionOAuth2AuthorizationRequestRepository.AUTHORIZATION_REQUEST";
    Object builder = OAuth2AuthorizationRequest.authorizationCode();
    // The methods that are called are others in Spring Security 6 and 7.
    call(builder, "authorizationUri", String.class, "https://idp.example.org/authorize");
    call(builder, "clientId", String.class, "client");
    call(builder, "redirectUri", String.class, "https://app.example.org/login/oauth2/code/x");
    call(builder, "scopes", Set.class, Set.of("openid"));
    call(builder, "state", String.class, "state");
    OAuth2AuthorizationRequest request = (OAuth2AuthorizationRequest) builder.getClass().getMethod("build").invoke(builder);
    OAuth2AuthorizationRequest found = again(stored(name, request)).getAttribute(name);
    assertEquals("state", found.getState());
    assertEquals(request.getAuthorizationRequestUri(), found.getAuthorizationRequestUri());
    String clients = "org.springframework.security.oauth2.client.web.HttpSessionOAuth2AuthorizedClientRepository.AUTHORIZED_CLIENTS";
    ClientRegistration registration =
        ClientRegistration.withRegistrationId("x")
            .clientId("client")
            .authorizationGrantType(AuthorizationGrantType.AUTHORIZATION_CODE)
            .redirectUri("{baseUrl}/login")
            .authorizationUri("https://idp.example.org/authorize")
            .tokenUri("https://idp.example.org/token")
            .build();
    Instant now = Instant.ofEpochSecond(1_732_440_000);
    OAuth2AccessToken token = new OAuth2AccessToken(OAuth2AccessToken.TokenType.BEARER, "access", now, now.plusSeconds(60));
    Map<String, Object> held = again(stored(clients, Map.of("x", new OAuth2AuthorizedClient(registration, "ada", token)))).getAttribute(clients);
    assertEquals("access", ((OAuth2AuthorizedClient) held.get("x")).getAccessToken().getTokenValue());
  }

  /** With an annotation of Jackson's, which Spring Security's modules take for leave to read it. */
  @JsonAutoDetect(fieldVisibility = JsonAutoDetect.Visibility.ANY)
  static class Gadget {
    static boolean isMade;

    Gadget() {
      isMade = true;
    }
  }

  @Test
  void onlyClassesOfSpringSecuritysOwnModules() {
    SojournSession session = stored();
    String anonymous = AnonymousAuthenticationToken.class.getName();
    String gadget = "{\"@class\":\"" + Gadget.class.getName() + "\"}";
    String inside =
        "{\"@class\":\"" + anonymous + "\",\"keyHash\":1,\"principal\":" + gadget + ",\"authenticated\":true,\"authorities\":[\"java.util.ArrayList\",[{\"@class\":\"" + SimpleGrantedAuthority.class.getName() + "\",\"authority\":\"A\"}]]}";
    String elements = inside.replace(gadget, "[\"java.util.ArrayList<" + Gadget.class.getName() + ">\",[{}]]");
    String ofTheJdk = inside.replace(gadget, "[\"java.io.File\",\"/tmp\"]");
    Gadget.isMade = false;
    for (String type : List.of("org.springframework.security.Whatever", SecurityContextImpl.class.getName(), anonymous)) {
      for (String text : List.of(gadget, inside, elements, ofTheJdk, "null", "")) {
        session.held().set("spring:SPRING_SECURITY_X", Map.of("$java", Map.of("type", type, "value", text)));
        assertNull(session.getAttribute("SPRING_SECURITY_X"), type + text);
      }
    }
    assertFalse(Gadget.isMade);
    // The same with what is known.
    session.held().set("spring:SPRING_SECURITY_X", Map.of("$java", Map.of("type", anonymous, "value", inside.replace(gadget, "\"nobody\""))));
    assertEquals("nobody", session.<Authentication>getAttribute("SPRING_SECURITY_X").getName());
  }
}
