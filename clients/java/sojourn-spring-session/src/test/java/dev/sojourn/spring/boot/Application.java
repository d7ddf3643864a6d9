package dev.sojourn.spring.boot;

import dev.sojourn.Sessions;
import dev.sojourn.SessionInfo;
import dev.sojourn.spring.SojournSession;
import dev.sojourn.spring.SojournSessionRepository;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import jakarta.servlet.http.HttpSession;
import jakarta.servlet.http.HttpSessionEvent;
import jakarta.servlet.http.HttpSessionListener;
import java.io.IOException;
import java.security.Principal;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.core.env.Environment;
import org.springframework.security.authentication.UsernamePasswordAuthenticationToken;
import org.springframework.security.config.Customizer;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.core.authority.AuthorityUtils;
import org.springframework.security.core.context.SecurityContext;
import org.springframework.security.core.context.SecurityContextImpl;
import org.springframework.security.core.userdetails.User;
import org.springframework.security.core.userdetails.UserDetailsService;
import org.springframework.security.provisioning.InMemoryUserDetailsManager;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.security.web.context.HttpSessionSecurityContextRepository;
import org.springframework.security.web.csrf.CookieCsrfTokenRepository;
import org.springframework.session.security.SpringSessionBackedSessionRegistry;
import org.springframework.session.security.web.authentication.SpringSessionRememberMeServices;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.servlet.mvc.support.RedirectAttributes;
import org.springframework.web.servlet.support.RequestContextUtils;
import org.springframework.web.servlet.view.RedirectView;

/** An application as people write them: a form to sign in, remember-me, and pages that use the session. */
@Configuration(proxyBeanMethods = false)
@EnableAutoConfiguration
@Import(Application.Pages.class)
public class Application {
  @Bean
  SecurityFilterChain security(HttpSecurity http, Environment environment, SojournSessionRepository repository) throws Exception {
    http.authorizeHttpRequests(
            all -> all.requestMatchers("/", "/public/**", "/error").permitAll().anyRequest().authenticated())
        .formLogin(Customizer.withDefaults())
        .logout(logout -> logout.logoutSuccessUrl("/"))
        .csrf(csrf -> csrf.ignoringRequestMatchers("/public/**"));
    if (environment.getProperty("test.remember", Boolean.class, false)) {
      http.rememberMe(remember -> remember.rememberMeServices(new SpringSessionRememberMeServices()));
    }
    if (environment.getProperty("test.csrf-cookie", Boolean.class, false)) {
      http.csrf(csrf -> csrf.csrfTokenRepository(new CookieCsrfTokenRepository()));
    }
    String fixation = environment.getProperty("test.fixation", "");
    http.sessionManagement(
        management -> {
          if (fixation.equals("migrate")) management.sessionFixation(fixed -> fixed.migrateSession());
          if (fixation.equals("new")) management.sessionFixation(fixed -> fixed.newSession());
          if (fixation.equals("none")) management.sessionFixation(fixed -> fixed.none());
        });
    String most = environment.getProperty("test.maximum-sessions");
    if (most != null) {
      boolean isRefused = environment.getProperty("test.prevents-login", Boolean.class, false);
      http.sessionManagement(
          management -> {
            var limit = management.maximumSessions(Integer.parseInt(most)).maxSessionsPreventsLogin(isRefused);
            if (environment.getProperty("test.springs-registry", Boolean.class, false)) {
              limit.sessionRegistry(new SpringSessionBackedSessionRegistry<>(repository));
            }
          });
    }
    return http.build();
  }

  @Bean
  UserDetailsService users() {
    return new InMemoryUserDetailsManager(
        User.withUsername("ada").password("{noop}lovelace").roles("USER").build(),
        User.withUsername("bob").password("{noop}builder").roles("USER").build());
  }

  @Bean
  Heard heard() {
    return new Heard();
  }

  /** As applications and frameworks of before Spring Session hear of sessions. */
  static class Heard implements HttpSessionListener {
    final List<String> told = new CopyOnWriteArrayList<>();

    @Override
    public void sessionCreated(HttpSessionEvent event) {
      told.add("created " + event.getSession().getId());
    }

    @Override
    public void sessionDestroyed(HttpSessionEvent event) {
      told.add("destroyed " + event.getSession().getId());
    }
  }

  @RestController
  static class Pages {
    private final Sessions sessions;

    Pages(Sessions sessions) {
      this.sessions = sessions;
    }

    @GetMapping("/")
    String home() {
      return "home";
    }

    @PostMapping("/public/set")
    String set(HttpSession session, @RequestParam("name") String name, @RequestParam("value") String value) {
      session.setAttribute(name, value);
      return session.getId();
    }

    @GetMapping("/public/session")
    Map<String, Object> session(HttpServletRequest request) {
      Map<String, Object> told = new TreeMap<>();
      HttpSession session = request.getSession(false);
      if (session == null) return told;
      for (String name : Collections.list(session.getAttributeNames())) told.put(name, String.valueOf(session.getAttribute(name)));
      told.put("id", session.getId());
      told.put("requested", String.valueOf(request.getRequestedSessionId()));
      told.put("valid", request.isRequestedSessionIdValid());
      told.put("principal", String.valueOf(SojournSession.of(session).principal()));
      return told;
    }

    @PostMapping("/public/rotate")
    String rotate(HttpServletRequest request) {
      return request.changeSessionId();
    }

    @PostMapping("/public/invalidate")
    String invalidate(HttpSession session) {
      session.invalidate();
      return "gone";
    }

    @PostMapping("/public/later")
    Callable<String> later(HttpSession session) {
      return () -> {
        session.setAttribute("later", "yes");
        return "later";
      };
    }

    @PostMapping("/public/fail")
    String fail(HttpSession session) {
      session.setAttribute("failed", "no");
      throw new IllegalStateException("as it happens");
    }

    @PostMapping("/public/flash")
    RedirectView flash(RedirectAttributes attributes) {
      attributes.addFlashAttribute("message", "saved");
      return new RedirectView("/public/flashed");
    }

    @GetMapping("/public/flashed")
    String flashed(HttpServletRequest request) {
      Map<String, ?> flash = RequestContextUtils.getInputFlashMap(request);
      return flash == null ? "nothing" : String.valueOf(flash.get("message"));
    }

    @GetMapping("/me")
    String me(Principal principal, @RequestParam(name = "q", defaultValue = "") String q) {
      return principal.getName() + q;
    }

    /** By an application's own code, without Spring Security's filters. */
    @PostMapping("/public/enter")
    String enter(
        HttpServletRequest request,
        HttpServletResponse response,
        @RequestParam("user") String user,
        @RequestParam(name = "late", defaultValue = "false") boolean late)
        throws IOException {
      if (late) response.flushBuffer();
      SecurityContext entered = new SecurityContextImpl(
          UsernamePasswordAuthenticationToken.authenticated(user, null, AuthorityUtils.createAuthorityList("ROLE_USER")));
      new HttpSessionSecurityContextRepository().saveContext(entered, request, response);
      return request.getSession().getId();
    }

    @GetMapping("/devices")
    List<String> devices(HttpSession session) {
      return sessions.of(SojournSession.of(session).session()).list().stream().map(Pages::line).toList();
    }

    @GetMapping("/devices.json")
    List<SessionInfo> devicesAsJson(HttpSession session) {
      return sessions.of(SojournSession.of(session).session()).list();
    }

    private static String line(SessionInfo info) {
      return info.device() + " " + info.address() + " " + info.current();
    }
  }
}
