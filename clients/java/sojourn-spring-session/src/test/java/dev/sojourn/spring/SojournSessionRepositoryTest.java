package dev.sojourn.spring;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sojourn.Session;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.springframework.session.FindByIndexNameSessionRepository;
import org.springframework.session.SaveMode;
import org.springframework.session.events.SessionCreatedEvent;
import org.springframework.session.events.SessionDeletedEvent;

/** What Spring Session expects of a repository. */
class SojournSessionRepositoryTest extends OnRedis {
  private static final String PRINCIPAL = FindByIndexNameSessionRepository.PRINCIPAL_NAME_INDEX_NAME;

  @Test
  void savedAndFound() {
    SojournSession session = repository.createSession();
    String id = session.getId();
    session.setAttribute("views", 1L);
    session.setAttribute("cart", List.of(Map.of("sku", "a")));
    repository.save(session);
    assertEquals(id, session.getId());
    assertEquals(25, id.length(), "the public id");
    SojournSession found = again(session);
    assertEquals(id, found.getId());
    assertEquals(1L, found.<Long>getAttribute("views"));
    assertEquals(List.of(Map.of("sku", "a")), found.getAttribute("cart"));
    assertNull(found.getAttribute("absent"));
    assertEquals(Set.of("views", "cart"), found.getAttributeNames());
    assertEquals(session.getCreationTime(), found.getCreationTime());
    assertEquals(Duration.ofMinutes(30), found.getMaxInactiveInterval());
    assertFalse(found.isExpired());
    assertFalse(found.toString().contains(token(found)));
    assertEquals(1L, elsewhere.open(token(session)).get("views"), "in other applications too");
  }

  @Test
  void anEmptyOneIsStoredToo() {
    SojournSession session = stored();
    assertEquals(session.getId(), again(session).getId());
  }

  @Test
  void noneIsFound() {
    assertNull(repository.findById("x".repeat(48)));
    assertNull(repository.findById("x".repeat(25)));
    assertNull(repository.findById("x"));
    SojournSession session = stored("a", 1);
    server.tell("FLUSHALL");
    assertNull(repository.findById(token(session)));
    assertNull(repository.findById(session.getId()));
  }

  @Test
  void changesOfTwoRequestsAreBothKept() {
    SojournSession session = stored("gone", 1, "a", 0);
    SojournSession first = again(session);
    SojournSession second = again(session);
    first.setAttribute("a", 1L);
    first.removeAttribute("gone");
    second.setAttribute("b", 2L);
    repository.save(first);
    repository.save(second);
    SojournSession found = again(session);
    assertEquals(Set.of("a", "b"), found.getAttributeNames());
    assertEquals(1L, found.<Long>getAttribute("a"));
  }

  @Test
  void aLateSaveBringsNothingBack() {
    SojournSession session = stored("a", 1);
    SojournSession slow = again(session);
    slow.setAttribute("a", 2);
    repository.deleteById(session.getId());
    repository.save(slow);
    assertNull(repository.findById(token(session)));
    assertTrue(slow.isExpired());
    assertTrue(server.tell("DBSIZE").startsWith(":0"));
    SojournSession byId = stored("a", 1);
    SojournSession listed = Objects.requireNonNull(repository.findById(byId.getId()));
    listed.setAttribute("a", 2);
    repository.deleteById(byId.getId());
    repository.save(listed);
    assertTrue(server.tell("DBSIZE").startsWith(":0"));
  }

  @Test
  void afterAFailureNothingIsStoredAndNobodySignedInOrOut() {
    SojournSession fresh = repository.createSession();
    fresh.storeNothing();
    fresh.setAttribute("a", 1);
    fresh.setAttribute(PRINCIPAL, "ada");
    repository.save(fresh);
    assertTrue(server.tell("DBSIZE").startsWith(":0"));
    SojournSession session = stored(PRINCIPAL, "ada");
    SojournSession failed = again(session);
    failed.storeNothing();
    failed.setAttribute("a", 1);
    failed.removeAttribute(PRINCIPAL);
    repository.save(failed);
    assertEquals("ada", again(session).principal());
    assertNull(again(session).getAttribute("a"));
  }

  @Test
  void deletedByTokenToo() {
    SojournSession session = stored("a", 1);
    repository.deleteById(token(session));
    repository.deleteById("x".repeat(48));
    assertNull(repository.findById(token(session)));
  }

  @Test
  void theIdChangesTwice() {
    SojournSession session = stored("a", 1);
    String before = token(session);
    String first = session.changeSessionId();
    session.setAttribute("b", 1);
    String second = session.changeSessionId();
    assertNotEquals(first, second);
    assertEquals(second, session.getId());
    repository.save(session);
    assertEquals(second, session.getId());
    assertNotEquals(before, token(session));
    assertEquals(second, Objects.requireNonNull(repository.findById(before)).getId(), "requests on their way are led on");
    assertTrue(server.tell("DBSIZE").startsWith(":2"), "one session and one forward");
    // Of one that is not stored yet.
    SojournSession fresh = repository.createSession();
    assertNotEquals(fresh.getId(), fresh.changeSessionId());
    fresh.setAttribute("a", 1);
    repository.save(fresh);
    assertEquals(fresh.getId(), again(fresh).getId());
  }

  @Test
  void endedUnderAnIdThatItIsToHave() {
    SojournSession session = stored("a", 1);
    session.changeSessionId();
    session.changeSessionId();
    repository.deleteById(session.getId());
    assertTrue(server.tell("DBSIZE").startsWith(":0"), "what an invalidate() in the same request does");
    repository.save(session);
    assertTrue(server.tell("DBSIZE").startsWith(":0"));
  }

  @Test
  void twoChangesOfTheIdAtOnceAreOne() {
    SojournSession session = stored("a", 1);
    SojournSession first = again(session);
    SojournSession second = again(session);
    first.changeSessionId();
    second.changeSessionId();
    second.setAttribute("b", 2L);
    repository.save(first);
    repository.save(second);
    assertEquals(first.getId(), second.getId());
    assertEquals(token(first), token(second));
    assertEquals(2L, again(first).<Long>getAttribute("b"));
  }

  @Test
  void lifetimes() {
    SojournSession session = repository.createSession();
    session.setMaxInactiveInterval(Duration.ofSeconds(90));
    repository.save(session);
    SojournSession found = again(session);
    assertEquals(Duration.ofSeconds(90), found.getMaxInactiveInterval());
    long ttl = ttl(found);
    assertTrue(ttl > 80_000 && ttl <= 90_000, "" + ttl);
    found.setMaxInactiveInterval(Duration.ZERO);
    repository.save(found);
    assertTrue(ttl(found) > Duration.ofHours(11).toMillis(), "never, but for the absolute timeout");
    Instant earlier = Instant.now().minusSeconds(100);
    SojournSession idle = stored();
    idle.setMaxInactiveInterval(Duration.ofSeconds(50));
    idle.setLastAccessedTime(earlier);
    assertEquals(earlier, idle.getLastAccessedTime());
    assertTrue(idle.isExpired());
  }

  private static long ttl(SojournSession session) {
    String id = session.getId();
    return Long.parseLong(server.tell("PTTL sj:{" + id.substring(0, 3) + "}:s:" + id.substring(3)).trim().substring(1));
  }

  @Test
  void onlyWhoComesRenewsIt() {
    SojournSession session = stored("a", 1);
    String key = "sj:{" + session.getId().substring(0, 3) + "}:s:" + session.getId().substring(3);
    server.tell("PEXPIRE " + key + " 60000");
    repository.save(again(session));
    assertTrue(ttl(session) <= 60_000);
    // A node that has not heard of it yet: others know when they are to ask again.
    repository = repository().build();
    SojournSession request = again(session);
    request.setLastAccessedTime(Instant.now());
    repository.save(request);
    assertTrue(ttl(session) > 1_700_000);
    server.tell("PEXPIRE " + key + " 60000");
    SojournSession listed = Objects.requireNonNull(repository.findById(session.getId()));
    listed.setAttribute("b", 1);
    repository.save(listed);
    assertTrue(ttl(session) <= 60_000, "administration is no activity");
    listed.setLastAccessedTime(Instant.now());
    repository.save(listed);
    assertTrue(ttl(session) > 1_700_000, "a message of a socket is");
  }

  @Test
  void objectsInHandAreStoredAsTheyAreAtTheEnd() {
    List<String> list = new ArrayList<>(List.of("a"));
    SojournSession session = repository.createSession();
    session.setAttribute("list", list);
    assertSame(list, session.getAttribute("list"));
    list.add("b");
    repository.save(session);
    assertEquals(List.of("a", "b"), again(session).getAttribute("list"));
    SojournSession read = again(session);
    List<String> inHand = read.getAttribute("list");
    assertSame(inHand, read.getAttribute("list"));
    inHand.add("c");
    repository.save(read);
    assertEquals(List.of("a", "b"), again(session).getAttribute("list"), "ON_SET_ATTRIBUTE");
  }

  @Test
  void saveModes() {
    for (SaveMode mode : List.of(SaveMode.ON_GET_ATTRIBUTE, SaveMode.ALWAYS)) {
      repository = repository().saveMode(mode).build();
      SojournSession session = stored("list", List.of("a"), "map", Map.of("k", 1));
      SojournSession read = again(session);
      read.<List<String>>getAttribute("list").add("b");
      SojournSession other = again(session);
      other.<Map<String, Object>>getAttribute("map").put("l", 2L);
      repository.save(read);
      repository.save(other);
      SojournSession found = again(session);
      assertEquals(List.of("a", "b"), found.getAttribute("list"), mode + ": what was not changed is not written");
      assertEquals(Map.of("k", 1L, "l", 2L), found.getAttribute("map"));
      // Read, removed, saved: it stays away.
      found.removeAttribute("list");
      repository.save(found);
      assertNull(again(session).getAttribute("list"));
    }
  }

  @Test
  void byPrincipal() {
    SojournSession session = repository.createSession();
    session.setAttribute(PRINCIPAL, "ada");
    session.setAttribute("a", 1);
    repository.save(session);
    Session there = elsewhere.create();
    there.login("ada");
    stored("b", 1);
    Map<String, SojournSession> found = repository.findByPrincipalName("ada");
    assertEquals(Set.of(session.getId(), Objects.requireNonNull(there.id())), found.keySet());
    SojournSession listed = found.get(session.getId());
    assertEquals(1, listed.<Integer>getAttribute("a"));
    assertEquals("ada", listed.getAttribute(PRINCIPAL));
    assertTrue(repository.findByPrincipalName("eve").isEmpty());
    assertTrue(repository.findByPrincipalName("").isEmpty());
    assertTrue(repository.findByIndexNameAndIndexValue("other", "ada").isEmpty());
    repository.deleteById(Objects.requireNonNull(there.id()));
    assertEquals(Set.of(session.getId()), repository.findByPrincipalName("ada").keySet());
  }

  @Test
  void thePrincipalsNameSignsIn() {
    SojournSession session = stored("a", 1);
    String before = token(session);
    SojournSession request = again(session);
    request.setAttribute(PRINCIPAL, "ada");
    assertEquals("ada", request.principal());
    assertNotEquals(before, token(request), "at once");
    assertEquals(1, request.<Integer>getAttribute("a"), "what it holds goes along");
    repository.save(request);
    assertEquals("ada", elsewhere.open(token(request)).principal());
    String signedIn = token(request);
    request.setAttribute(PRINCIPAL, "ada");
    assertEquals(signedIn, token(request), "once");
    request.removeAttribute(PRINCIPAL);
    repository.save(request);
    assertNull(request.principal());
    assertTrue(elsewhere.open(signedIn).isNew());
    assertNull(again(request).getAttribute("a"), "of ada");
  }

  @Test
  void withAFormerTokenNothingIsStored() {
    SojournSession session = stored("a", 1);
    String former = token(session);
    session.setAttribute(PRINCIPAL, "ada");
    SojournSession late = Objects.requireNonNull(repository.findById(former));
    assertNull(late.getAttribute("a"));
    assertNull(late.principal());
    late.setAttribute("b", 1);
    repository.save(late);
    assertEquals(Session.Cookie.KEEP, late.session().cookie());
    late.changeSessionId();
    repository.save(late);
    assertEquals(Session.Cookie.KEEP, late.session().cookie());
    repository.deleteById(late.getId());
    assertEquals("ada", again(session).principal());
    // But a sign-in of its own is one.
    late.setAttribute(PRINCIPAL, "bob");
    repository.save(late);
    assertEquals("bob", again(late).principal());
  }

  @Test
  void withoutItsToken() {
    SojournSession session = stored("a", 1, "b", 2);
    SojournSession listed = Objects.requireNonNull(repository.findById(session.getId()));
    listed.setAttribute("a", 3);
    listed.removeAttribute("b");
    assertEquals(Set.of("a"), listed.getAttributeNames());
    repository.save(listed);
    assertEquals(3, again(session).<Integer>getAttribute("a"));
    assertNull(again(session).getAttribute("b"));
    assertThrows(UnsupportedOperationException.class, listed::changeSessionId);
    assertThrows(UnsupportedOperationException.class, () -> listed.setAttribute(PRINCIPAL, "eve"));
    assertThrows(IllegalStateException.class, listed::session);
    assertEquals(session.getCreationTime(), listed.getCreationTime());
    assertTrue(Duration.between(listed.getLastAccessedTime(), Instant.now()).abs().toSeconds() < 5);
  }

  @Test
  void othersPrivateAttributesAreKept() {
    SojournSession session = stored("a", 1, "org.springframework.x", "mine");
    try (var django = builder().namespace("django").build()) {
      Session there = django.open(token(session));
      assertEquals(Set.of("a"), there.names());
      there.set("django:_auth_user_id", "7");
      there.commit();
      SojournSession found = again(session);
      assertEquals(Set.of("a", "org.springframework.x"), found.getAttributeNames());
      found.getAttributeNames().forEach(found::removeAttribute);
      repository.save(found);
      there.refresh();
      assertEquals(Set.of("django:_auth_user_id"), there.names());
    }
  }

  @Test
  void events() {
    SojournSession session = stored("a", 1);
    repository.save(session);
    assertEquals(1, events.size());
    assertTrue(events.get(0) instanceof SessionCreatedEvent created && created.getSessionId().equals(session.getId()));
    repository.deleteById(session.getId());
    repository.deleteById(session.getId());
    assertEquals(2, events.size());
    SessionDeletedEvent deleted = (SessionDeletedEvent) events.get(1);
    assertEquals(session.getId(), deleted.getSessionId());
    assertNotNull(deleted.getSession().getAttribute("a"));
  }

  @Test
  void springsMutexStaysInTheProcess() {
    SojournSession session = stored();
    Object mutex = new HashMap<>();
    session.setAttribute("org.springframework.web.util.WebUtils.MUTEX", mutex);
    assertSame(mutex, session.getAttribute("org.springframework.web.util.WebUtils.MUTEX"));
    repository.save(session);
    assertTrue(again(session).getAttributeNames().isEmpty());
  }
}
