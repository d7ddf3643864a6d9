package shop;

import static org.springframework.security.authentication.UsernamePasswordAuthenticationToken.unauthenticated;

import dev.sojourn.PrincipalSessions;
import dev.sojourn.Sessions;
import dev.sojourn.spring.SojournSession;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import jakarta.servlet.http.HttpSession;
import java.math.BigInteger;
import java.security.Principal;
import java.time.Instant;
import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.springframework.http.ResponseEntity;
import org.springframework.security.authentication.AuthenticationManager;
import org.springframework.security.core.AuthenticationException;
import org.springframework.security.core.context.SecurityContext;
import org.springframework.security.core.context.SecurityContextHolder;
import org.springframework.security.provisioning.InMemoryUserDetailsManager;
import org.springframework.security.web.context.HttpSessionSecurityContextRepository;
import org.springframework.security.web.context.SecurityContextRepository;
import org.springframework.web.bind.annotation.DeleteMapping;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.PutMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RestController;

/** The routes of ../../../../../express/app.mjs. */
@RestController
class ShopController {
  private static final ResponseEntity<Void> DONE = ResponseEntity.noContent().build();

  private final Sessions sessions;
  private final AuthenticationManager manager;
  private final InMemoryUserDetailsManager people;
  private final SecurityContextRepository contexts = new HttpSessionSecurityContextRepository();

  ShopController(Sessions sessions, AuthenticationManager manager, InMemoryUserDetailsManager people) {
    this.sessions = sessions;
    this.manager = manager;
    this.people = people;
  }

  record Credentials(String user, String password) {}

  record Attribute(Object value) {}

  @PostMapping("/login")
  ResponseEntity<Void> login(HttpServletRequest request, HttpServletResponse response, @RequestBody Credentials given) {
    SecurityContext context = SecurityContextHolder.createEmptyContext();
    try {
      context.setAuthentication(manager.authenticate(unauthenticated(given.user(), given.password())));
    } catch (AuthenticationException wrong) {
      return ResponseEntity.status(401).build();
    }
    // Now it is this user's session, under a new token.
    contexts.saveContext(context, request, response);
    return DONE;
  }

  @GetMapping("/me")
  Map<String, Object> me(HttpServletRequest request, Principal user) {
    Map<String, Object> shown = new LinkedHashMap<>();
    shown.put("user", user == null ? null : user.getName());
    HttpSession session = request.getSession(false);
    shown.put("id", session == null ? null : session.getId());
    if (session == null) return shown;
    for (String name : Collections.list(session.getAttributeNames())) {
      if (!isSprings(name) && !name.equals("values")) shown.put(name, session.getAttribute(name));
    }
    return shown;
  }

  private static boolean isSprings(String name) {
    return name.startsWith("SPRING_SECURITY") || name.startsWith("org.springframework");
  }

  @PutMapping("/attributes/{name}")
  ResponseEntity<Void> set(HttpSession session, @PathVariable String name, @RequestBody Attribute given) {
    session.setAttribute(name, given.value());
    return DONE;
  }

  @DeleteMapping("/attributes/{name}")
  ResponseEntity<Void> remove(HttpSession session, @PathVariable String name) {
    session.removeAttribute(name);
    return DONE;
  }

  /** Read, then changed: what others do meanwhile is merged by the rule in application.yaml. */
  @PostMapping("/visit")
  ResponseEntity<Void> visit(HttpSession session) {
    long before = session.getAttribute("visits") instanceof Long visits ? visits : 0;
    session.setAttribute("visits", before + 1);
    return DONE;
  }

  @PostMapping("/rotate")
  ResponseEntity<Void> rotate(HttpServletRequest request) {
    request.changeSessionId();
    return DONE;
  }

  record Device(String id, String device, boolean current) {}

  @GetMapping("/devices")
  List<Device> devices(HttpSession session) {
    return ofUser(session).list().stream().map(info -> new Device(info.id(), info.device(), info.current())).toList();
  }

  @DeleteMapping("/devices/{id}")
  ResponseEntity<Void> end(HttpSession session, @PathVariable String id) {
    return ofUser(session).revoke(id) ? DONE : ResponseEntity.notFound().build();
  }

  @PostMapping("/logout")
  ResponseEntity<Void> logout(HttpSession session) {
    session.invalidate();
    return DONE;
  }

  @PostMapping("/logout-others")
  ResponseEntity<Void> logoutOthers(HttpSession session) {
    ofUser(session).revokeOthers();
    return DONE;
  }

  record NewPassword(String old, String password) {}

  /** Whoever has signed in with the old one is signed out, in all three; who changes it goes on, with a new token. */
  @PostMapping("/password")
  ResponseEntity<Void> password(HttpSession session, Principal user, @RequestBody NewPassword given) {
    if (user == null) return ResponseEntity.status(403).build();
    try {
      manager.authenticate(unauthenticated(user.getName(), given.old()));
    } catch (AuthenticationException wrong) {
      return ResponseEntity.status(403).build();
    }
    people.updatePassword(people.loadUserByUsername(user.getName()), "{noop}" + given.password());
    ofUser(session).revokeOthers();
    SojournSession.of(session).session().stepUp(1);
    return DONE;
  }

  private PrincipalSessions ofUser(HttpSession session) {
    return sessions.of(SojournSession.of(session).session());
  }

  /** All kinds of values that the three languages share, and what they are here. */
  @PostMapping("/values")
  ResponseEntity<Void> setValues(HttpSession session) {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("text", "Grüße, 世界");
    values.put("yes", true);
    values.put("nothing", null);
    values.put("whole", 9007199254740991L);
    values.put("huge", BigInteger.TWO.pow(80));
    values.put("float", 0.1);
    values.put("price", "12.50");
    values.put("moment", Instant.parse("2026-02-03T04:05:06.789Z"));
    values.put("bytes", new byte[] {0, 127, -1});
    values.put("list", Arrays.asList(1, "two", List.of(3)));
    values.put("set", Set.of("a", "b"));
    session.setAttribute("values", values);
    return DONE;
  }

  @GetMapping("/values")
  Map<String, Object> values(HttpSession session) {
    @SuppressWarnings("unchecked")
    Map<String, Object> values = new LinkedHashMap<>((Map<String, Object>) session.getAttribute("values"));
    values.put("huge", values.get("huge").toString());
    values.put("moment", values.get("moment").toString());
    values.put("bytes", HexFormat.of().formatHex((byte[]) values.get("bytes")));
    values.put("set", ((Set<?>) values.get("set")).stream().sorted().toList());
    return values;
  }
}
