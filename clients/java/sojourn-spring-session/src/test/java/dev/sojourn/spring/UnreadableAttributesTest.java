package dev.sojourn.spring;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import dev.sojourn.Session;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;
import org.springframework.security.authentication.RememberMeAuthenticationToken;
import org.springframework.security.authentication.UsernamePasswordAuthenticationToken;
import org.springframework.security.core.Authentication;
import org.springframework.security.core.authority.AuthorityUtils;
import org.springframework.security.core.context.SecurityContext;
import org.springframework.security.core.context.SecurityContextImpl;
import org.springframework.security.core.userdetails.User;
import org.springframework.security.provisioning.InMemoryUserDetailsManager;

/** What of Spring's own cannot be read any more is absent, and costs nothing else. */
class UnreadableAttributesTest extends OnRedis {
  private static final String CONTEXT = "SPRING_SECURITY_CONTEXT";
  private static final String HERE = UnreadableAttributesTest.class.getName();

  private final ListAppender<ILoggingEvent> log = new ListAppender<>();
  private final Logger logger = (Logger) LoggerFactory.getLogger(UnreadableAttributes.class);

  static class Cart {
    int items = 2;
  }

  /** A user of an application's own, in a class that a release has and another has not. */
  static class Account extends User {
    private static final long serialVersionUID = 1;

    Account() {
      super("ada", "", AuthorityUtils.createAuthorityList("ROLE_USER"));
    }
  }

  @BeforeEach
  void listen() {
    log.start();
    logger.setLevel(Level.WARN);
    logger.setAdditive(false);
    logger.addAppender(log);
  }

  @AfterEach
  void leave() {
    logger.detachAppender(log);
    logger.setAdditive(true);
    logger.setLevel(null);
  }

  private static SojournPrincipalBridge users() {
    InMemoryUserDetailsManager users = new InMemoryUserDetailsManager(User.withUsername("ada").password("x").roles("ADMIN").build());
    return new UserDetailsBridge(() -> users, null, true);
  }

  private void allow(SojournPrincipalBridge bridge, Class<?>... types) {
    repository = repository().bridge(bridge).allowedTypes(List.of(types).stream().map(Class::getName).toList()).build();
  }

  private SojournSession signedIn(Authentication authentication) {
    SojournSession session = stored("theme", "dark");
    session.setAttribute(CONTEXT, new SecurityContextImpl(authentication));
    repository.save(session);
    return session;
  }

  private static Authentication password(Object user) {
    return UsernamePasswordAuthenticationToken.authenticated(user, null, AuthorityUtils.createAuthorityList("ROLE_USER"));
  }

  private static Authentication authentication(SojournSession session) {
    return Objects.requireNonNull(session.<SecurityContext>getAttribute(CONTEXT)).getAuthentication();
  }

  @Test
  void aContextThatIsMalformed() {
    allow(users());
    SojournSession session = signedIn(password("ada"));
    List<Object> forms =
        List.of(
            "text",
            Map.of("kind", "password", "user", 5L, "authorities", List.of(Map.of("authority", 5L))),
            Map.of("kind", "remember-me", "user", ""),
            Map.of("kind", "password", "user", "ada", "details", Map.of("address", 5L)),
            Map.of("kind", "of a later release", "user", "ada"),
            Map.of("kind", "password", "user", Map.of("$java", Map.of("type", User.class.getName(), "value", Map.of("username", 5L)))));
    for (Object form : forms) {
      session.held().set("spring:" + CONTEXT, Map.of("principal", "ada", "authentication", form));
      repository.save(session);
      SojournSession found = again(session);
      assertEquals(Set.of("ROLE_ADMIN"), AuthorityUtils.authorityListToSet(authentication(found).getAuthorities()), "made anew of " + form);
      repository.save(found);
      assertEquals("ada", authentication(again(session)).getName());
      assertEquals("dark", again(session).getAttribute("theme"));
    }
    session.held().set("spring:" + CONTEXT, Map.of("principal", 5L));
    repository.save(session);
    assertEquals("ada", authentication(again(session)).getName());
    assertEquals(List.of(), log.list.stream().filter(event -> event.getFormattedMessage().contains("dark")).toList());
  }

  @Test
  void aUserOfAClassThatIsNotAllowedAnyMore() {
    allow(users(), Account.class);
    SojournSession session = signedIn(password(new Account()));
    assertEquals(Account.class, authentication(again(session)).getPrincipal().getClass());
    // A node without it, and without users to ask: nobody, and the session goes on for the others.
    allow(name -> null);
    SojournSession found = again(session);
    assertNull(found.getAttribute(CONTEXT));
    assertFalse(found.getAttributeNames().contains(CONTEXT));
    assertEquals("dark", found.getAttribute("theme"));
    // What Spring Security does at the end of a request of nobody.
    found.removeAttribute(CONTEXT);
    found.setAttribute("theme", "light");
    repository.save(found);
    Session there = elsewhere.open(token(session));
    assertEquals("ada", there.principal());
    assertEquals("light", there.get("theme"));
    // With users to ask.
    allow(users());
    assertEquals(User.class, authentication(again(session)).getPrincipal().getClass());
  }

  @Test
  void madeAnewItIsNoMoreThanItWas() {
    allow(users(), Account.class);
    Account account = new Account();
    SojournSession remembered = signedIn(new RememberMeAuthenticationToken("key", account, account.getAuthorities()));
    SojournSession halfway = signedIn(password(account));
    Authentication unauthenticated = password(account);
    unauthenticated.setAuthenticated(false);
    halfway.setAttribute(CONTEXT, new SecurityContextImpl(unauthenticated));
    repository.save(halfway);
    allow(users());
    SojournSession found = again(remembered);
    assertEquals(RememberMeAuthenticationToken.class, authentication(found).getClass());
    repository.save(found);
    assertEquals(RememberMeAuthenticationToken.class, authentication(again(remembered)).getClass());
    assertEquals(Set.of("ROLE_ADMIN"), AuthorityUtils.authorityListToSet(authentication(again(remembered)).getAuthorities()));
    assertNull(again(halfway).getAttribute(CONTEXT));
  }

  @Test
  void whatTheBridgeMakesMayBeOfAClassThatIsNotAllowedEither() {
    allow(name -> password(new Account()));
    Session there = elsewhere.create();
    there.login("ada");
    for (int i = 0; i < 2; i++) {
      SojournSession found = Objects.requireNonNull(repository.findById(token(there)));
      assertEquals(Account.class, authentication(found).getPrincipal().getClass());
      repository.save(found);
    }
    assertEquals(1, log.list.size(), "told once");
    assertTrue(log.list.get(0).getFormattedMessage().contains("sojourn.allowed-types=" + HERE + "$Account"), log.list.toString());
  }

  @Test
  void anObjectOfAClassThatIsNotAllowedAnyMore() {
    allow(users(), Cart.class);
    SojournSession session = stored("cart", new Cart(), "carts", Map.of("mine", List.of(new Cart())), "theme", "dark");
    allow(users());
    for (int i = 0; i < 3; i++) {
      SojournSession found = again(session);
      assertNull(found.getAttribute("cart"));
      assertNull(found.getAttribute("carts"));
      assertEquals(Set.of("theme"), found.getAttributeNames());
      found.setAttribute("theme", "dark" + i);
      repository.save(found);
    }
    assertEquals(2, log.list.size(), "each told once");
    assertTrue(log.list.get(0).getFormattedMessage().contains("attribute \"cart\": "), log.list.toString());
    assertTrue(log.list.get(0).getFormattedMessage().contains(session.getId()));
    // A node that has the class still, or again.
    allow(users(), Cart.class);
    assertEquals(2, again(session).<Cart>getAttribute("cart").items);
    assertEquals(Set.of("cart", "carts", "theme"), again(session).getAttributeNames());
    // Removed, or set to something else, it is gone.
    allow(users());
    SojournSession found = again(session);
    found.removeAttribute("cart");
    found.setAttribute("carts", "none");
    repository.save(found);
    allow(users(), Cart.class);
    assertEquals(Set.of("carts", "theme"), again(session).getAttributeNames());
    assertEquals("none", again(session).getAttribute("carts"));
  }

  @Test
  void noValuesAreTold() {
    allow(users(), Cart.class);
    SojournSession session = stored();
    session.held().set("spring:object:cart", Map.of("$java", Map.of("type", HERE + "$Cart", "value", Map.of("items", "a secret"))));
    assertNull(session.getAttribute("cart"));
    assertEquals(1, log.list.size());
    assertFalse(log.list.get(0).getFormattedMessage().contains("a secret"));
    assertNull(log.list.get(0).getThrowableProxy(), "which quotes it");
  }
}
