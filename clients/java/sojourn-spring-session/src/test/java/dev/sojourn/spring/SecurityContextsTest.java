package dev.sojourn.spring;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sojourn.LoginOptions;
import dev.sojourn.Session;
import dev.sojourn.SessionLimit;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.springframework.security.authentication.AnonymousAuthenticationToken;
import org.springframework.security.authentication.UsernamePasswordAuthenticationToken;
import org.springframework.security.core.Authentication;
import org.springframework.security.core.AuthenticationException;
import org.springframework.security.core.authority.AuthorityUtils;
import org.springframework.security.core.userdetails.User;
import org.springframework.security.web.authentication.session.SessionAuthenticationException;

/** Who is signed in, between Spring Security and all other applications. */
class SecurityContextsTest extends OnSecurity {
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
}
