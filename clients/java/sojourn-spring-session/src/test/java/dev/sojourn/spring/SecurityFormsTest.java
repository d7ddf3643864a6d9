package dev.sojourn.spring;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.annotation.JsonAutoDetect;
import dev.sojourn.AttributeException;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
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
import org.springframework.security.core.context.SecurityContextImpl;
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
import org.springframework.security.web.authentication.WebAuthenticationDetails;
import org.springframework.security.web.authentication.preauth.PreAuthenticatedAuthenticationToken;
import org.springframework.security.web.authentication.switchuser.SwitchUserGrantedAuthority;
import org.springframework.security.web.csrf.DefaultCsrfToken;

/** How Spring Security's users, tokens and whatever else it keeps are stored, and what is not made of it. */
class SecurityFormsTest extends OnSecurity {
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
