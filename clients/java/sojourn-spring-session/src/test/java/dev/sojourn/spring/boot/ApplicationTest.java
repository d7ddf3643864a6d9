package dev.sojourn.spring.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sojourn.LoginOptions;
import dev.sojourn.NodeProcess;
import dev.sojourn.Session;
import dev.sojourn.Sessions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.context.ConfigurableApplicationContext;

/** An application over HTTP, with all that Spring Boot sets up by itself. */
class ApplicationTest extends OnBoot {
  private static ConfigurableApplicationContext context;
  private Browser browser;

  @BeforeAll
  static void startApplication() {
    context = start(Application.class);
  }

  @BeforeEach
  void openBrowser() {
    browser = browser(context);
  }

  @Test
  void whoAsksForNoSessionGetsNone() {
    Browser.Answer answer = browser.get("/");
    assertEquals("home", answer.body());
    assertTrue(answer.setCookies().isEmpty());
    assertTrue(server.tell("DBSIZE").startsWith(":0"));
  }

  @Test
  void theCookieIsTheTokenAndTheIdIsPublic() {
    Browser.Answer answer = browser.post("/public/set", "name", "a", "value", "1");
    String id = answer.body();
    assertEquals(25, id.length());
    assertEquals(1, answer.setCookies().size());
    assertTrue(answer.setCookies().get(0).matches("session=[\\w-]{48}; Path=/; HttpOnly; SameSite=Lax"), answer.setCookies().toString());
    assertTrue(answer.header("Cache-Control").contains("no-store"));
    Browser.Answer next = browser.get("/public/session");
    assertTrue(next.setCookies().isEmpty(), "only once");
    assertEquals(id, at(browser).id());
    assertTrue(next.body().contains("\"requested\":\"" + id + "\""), next.body());
    assertTrue(next.body().contains("\"valid\":true"));
    assertFalse(next.body().contains(browser.cookies.get("session")));
  }

  @Test
  void aPublicIdInACookieOpensNothing() {
    String id = browser.post("/public/set", "name", "a", "value", "1").body();
    Browser thief = browser(context);
    for (String cookie : List.of(id, "x".repeat(48), "\"" + id + "\"", "")) {
      thief.cookies.put("session", cookie);
      assertEquals("{}", thief.get("/public/session").body());
      assertNotEquals(id, thief.post("/public/set", "name", "b", "value", "1").body());
    }
    assertFalse(at(browser).has("b"));
  }

  @Test
  void ofSeveralCookiesTheLiveOneCounts() {
    List<String> tokens = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      if (i == 7) server.tell("FLUSHALL");
      Session there = elsewhere.create();
      there.set("a", 1);
      there.commit();
      tokens.add(there.token().value());
    }
    browser.headers.put("Cookie", "session=" + String.join("; session=", tokens));
    server.tell("CONFIG RESETSTAT");
    String answer = browser.get("/public/session").body();
    assertTrue(answer.contains(elsewhere.idOf(tokens.get(7))), answer);
    assertTrue(calls("get") <= 9, "each once, and the one that counts: " + calls("get"));
    server.tell("FLUSHALL");
    server.tell("CONFIG RESETSTAT");
    assertEquals("{}", browser.get("/public/session").body());
    assertTrue(calls("get") <= 9, "none counts: " + calls("get"));
  }

  private static long calls(String command) {
    Matcher found = Pattern.compile("cmdstat_" + command + ":calls=(\\d+)").matcher(server.tell("INFO commandstats"));
    return found.find() ? Long.parseLong(found.group(1)) : 0;
  }

  @Test
  void behindTlsTheCookieIsSecure() {
    browser.headers.put("X-Forwarded-Proto", "https");
    Browser.Answer answer = browser.post("/public/set", "name", "a", "value", "1");
    assertTrue(answer.setCookies().get(0).startsWith("__Host-session="), answer.setCookies().toString());
    assertTrue(answer.setCookies().get(0).endsWith("; Path=/; HttpOnly; SameSite=Lax; Secure"), answer.setCookies().toString());
  }

  @Test
  void signedInByTheForm() {
    Browser.Answer wanted = browser.get("/me?q=1");
    assertEquals("/login", wanted.location());
    String anonymous = browser.cookies.get("session");
    browser.get("/me?q=1");
    try (Sessions spring = builder().namespace("spring").build()) {
      String saved = String.valueOf(spring.open(anonymous).get("spring:SPRING_SECURITY_SAVED_REQUEST"));
      assertTrue(saved.contains("/me") && saved.contains("a browser"), saved);
      assertFalse(saved.contains(anonymous) || saved.toLowerCase().contains("cookie"), "no secrets: " + saved);
    }
    Browser.Answer answer = browser.signIn("ada", "lovelace");
    assertEquals(302, answer.status());
    assertTrue(answer.location().startsWith("/me?q=1"), answer.location());
    assertNotEquals(anonymous, browser.cookies.get("session"));
    assertEquals("ada1", browser.get(answer.location()).body());
    assertTrue(elsewhere.open(anonymous).isNew(), "the token of before is worth nothing");
    assertEquals(1, elsewhere.of("ada").count());
    assertEquals(":1", server.tell("EVAL \"local n=0 for _,k in ipairs(redis.call('KEYS','*:s:*')) do if redis.call('STRLEN',k) > 20 then n=n+1 end end return n\" 0").trim(), "one session is stored");
    assertEquals("[\"a browser 127.0.0.1 true\"]", browser.get("/devices").body());
    String json = browser.get("/devices.json").body();
    assertTrue(json.contains("\"current\":true") && json.contains("\"lastActiveAt\":"), "named as on Node: " + json);
  }

  @Test
  void aWrongPassword() {
    browser.get("/me");
    Browser.Answer answer = browser.signIn("ada", "wrong");
    assertEquals("/login?error", answer.location());
    assertTrue(browser.get("/public/session").body().contains("BadCredentialsException: Bad credentials"), "for the page of the form");
    assertNull(at(browser).principal());
    assertEquals("ada", browser.signIn("ada", "lovelace").status() == 302 ? browser.get("/me").body() : "");
  }

  @Test
  void signedOutEverywhere() {
    browser.signIn("ada", "lovelace");
    String token = browser.cookies.get("session");
    Browser.Answer answer = browser.signOut();
    assertEquals("/", answer.location());
    assertFalse(browser.cookies.containsKey("session"), answer.setCookies().toString());
    assertTrue(elsewhere.open(token).isNew());
    assertEquals(0, elsewhere.of("ada").count());
    browser.cookies.put("session", token);
    assertEquals("/login", browser.get("/me").location());
    // The other way round.
    browser.signIn("ada", "lovelace");
    elsewhere.of("ada").revokeAll();
    Browser.Answer after = browser.get("/me");
    assertEquals("/login", after.location());
  }

  @Test
  void signedInElsewhere() {
    Session there = elsewhere.create();
    there.set("theme", "dark");
    there.login("ada", LoginOptions.defaults().keepAll());
    browser.cookies.put("session", there.token().value());
    Browser.Answer answer = browser.get("/me");
    assertEquals("ada", answer.body());
    assertTrue(answer.setCookies().isEmpty());
    assertTrue(browser.get("/public/session").body().contains("\"theme\":\"dark\""));
    there.refresh();
    assertEquals(Set.of("theme"), there.names());
    // Somebody else signs in there: nothing of the first user is left here.
    there.login("bob");
    browser.cookies.put("session", there.token().value());
    assertEquals("bob", browser.get("/me").body());
    there.login("a stranger");
    browser.cookies.put("session", there.token().value());
    assertEquals("/login", browser.get("/me").location());
    there.refresh();
    assertEquals("a stranger", there.principal());
  }

  @Test
  void onNode() {
    try (NodeProcess node = new NodeProcess("sessions.mjs", server.uri(), SECRET)) {
      browser.signIn("ada", "lovelace");
      browser.post("/public/set", "name", "theme", "value", "dark");
      Map<String, Object> told = node.ask("open", "token", browser.cookies.get("session"));
      assertEquals("ada", told.get("principal"));
      assertEquals(at(browser).id(), told.get("id"));
      // A Node that knows nothing of these names yet shows them; what counts is that it keeps them.
      assertTrue(told.get("attributes").toString().contains("theme=dark"), told.toString());
      node.ask("set", "token", browser.cookies.get("session"), "values", Map.of("theme", "light"));
      assertTrue(browser.get("/public/session").body().contains("\"theme\":\"light\""));
      assertEquals("ada", browser.get("/me").body());
      Map<String, Object> signedIn = node.ask("login", "token", null, "principal", "bob");
      browser.cookies.put("session", (String) signedIn.get("token"));
      assertEquals("bob", browser.get("/me").body());
      node.ask("logout", "token", browser.cookies.get("session"));
      assertEquals("/login", browser.get("/me").location());
    }
  }

  @Test
  void theIdIsChanged() {
    browser.post("/public/set", "name", "a", "value", "1");
    Browser late = browser.copy();
    Browser.Answer answer = browser.post("/public/rotate");
    assertEquals(1, answer.setCookies().size());
    assertEquals(answer.body(), at(browser).id());
    // A request that was sent before: it goes on, and gets the new token.
    Browser.Answer slow = late.get("/public/session");
    assertTrue(slow.body().contains("\"a\":\"1\""));
    assertEquals(browser.cookies.get("session"), late.cookies.get("session"));
    assertTrue(browser.get("/public/session").setCookies().isEmpty());
  }

  @Test
  void aLateRequestDoesNotUndoALogin() {
    browser.post("/public/set", "name", "a", "value", "1");
    Browser late = browser.copy();
    browser.signIn("ada", "lovelace");
    Browser.Answer answer = late.post("/public/set", "name", "b", "value", "2");
    assertEquals(200, answer.status());
    assertTrue(answer.setCookies().isEmpty(), "it would overwrite the cookie of the login");
    assertTrue(late.post("/public/invalidate").setCookies().isEmpty());
    assertEquals("ada", browser.get("/me").body());
    assertFalse(at(browser).has("b"));
  }

  @Test
  void ofSeveralCookiesTheOneThatOpens() {
    browser.post("/public/set", "name", "a", "value", "1");
    String former = browser.cookies.get("session");
    browser.signIn("ada", "lovelace");
    String token = browser.cookies.get("session");
    browser.cookies.put("session", former + "; session=nothing; session=" + token);
    assertEquals("ada", browser.get("/me").body());
    browser.cookies.put("session", token + "; session=" + former);
    assertEquals("ada", browser.get("/me").body());
  }

  @Test
  void signedInByCodeOfOnesOwn() {
    browser.post("/public/set", "name", "a", "value", "1");
    String before = browser.cookies.get("session");
    String id = browser.post("/public/enter", "user", "ada").body();
    assertEquals(id, at(browser).id());
    assertNotEquals(before, browser.cookies.get("session"), "no fixation, whatever the code forgets");
    assertEquals("ada", browser.get("/me").body());
    assertEquals("1", at(browser).get("a"));
    assertEquals(500, browser.post("/public/enter", "user", "").status());
    assertEquals("ada", browser.get("/me").body());
  }

  @Test
  void notSignedInBehindTheResponse() {
    browser.post("/public/set", "name", "a", "value", "1");
    String token = browser.cookies.get("session");
    try {
      browser.post("/public/enter", "user", "ada", "late", "true");
    } catch (AssertionError cutOff) {
      assertTrue(cutOff.getCause() instanceof java.io.IOException);
    }
    assertEquals(token, browser.cookies.get("session"));
    assertNull(at(browser).principal());
    assertEquals("1", at(browser).get("a"), "the session is as it was");
  }

  @Test
  void invalidated() {
    String id = browser.post("/public/set", "name", "a", "value", "1").body();
    Browser.Answer answer = browser.post("/public/invalidate");
    assertTrue(answer.setCookies().get(0).startsWith("session=; Max-Age=0"), answer.setCookies().toString());
    assertTrue(server.tell("DBSIZE").startsWith(":0"));
    List<String> told = context.getBean(Application.Heard.class).told;
    assertTrue(told.contains("created " + id) && told.contains("destroyed " + id), told.toString());
  }

  @Test
  void manyRequestsAtOnce() {
    browser.post("/public/set", "name", "a", "value", "1");
    IntStream.range(0, 16).parallel().forEach(i -> browser.copy().post("/public/set", "name", "n" + i, "value", "" + i));
    assertEquals(17, at(browser).names().size(), "none is lost");
  }

  @Test
  void changesOfALaterThread() {
    browser.post("/public/set", "name", "a", "value", "1");
    assertEquals("later", browser.post("/public/later").body());
    assertEquals("yes", at(browser).get("later"));
  }

  @Test
  void changesOfARequestThatFails() {
    browser.post("/public/set", "name", "a", "value", "1");
    assertEquals(500, browser.post("/public/fail").status());
    assertEquals("no", at(browser).get("failed"), "as with all of Spring's stores");
  }

  @Test
  void flashAttributes() {
    Browser.Answer answer = browser.post("/public/flash");
    assertEquals("saved", browser.get(answer.location()).body());
    assertEquals("nothing", browser.get("/public/flashed").body());
  }

  @Test
  void oneReadARequest() {
    browser.signIn("ada", "lovelace");
    browser.get("/me");
    long before = calls("get");
    long lifetimes = calls("pttl");
    browser.get("/me");
    assertEquals(1, calls("get") - before);
    assertEquals(0, calls("pttl") - lifetimes, "how long it lives is known");
    before = calls("get");
    browser(context).get("/");
    assertEquals(0, calls("get") - before, "none without a cookie");
    browser.cookies.put("session", "x".repeat(48));
    before = calls("get");
    browser.get("/me");
    assertEquals(0, calls("get") - before, "a made-up one costs nothing");
  }
}
