package example;

import dev.sojourn.SessionInfo;
import dev.sojourn.Sessions;
import dev.sojourn.spring.SojournSession;
import jakarta.servlet.http.HttpSession;
import java.security.Principal;
import java.util.List;
import java.util.Map;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.security.core.userdetails.User;
import org.springframework.security.core.userdetails.UserDetailsService;
import org.springframework.security.provisioning.InMemoryUserDetailsManager;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/** Sign in at /login as ada, password lovelace: on Node the session's principal is "ada" from then on, and the other way round. */
@SpringBootApplication
public class Application {
  public static void main(String[] arguments) {
    SpringApplication.run(Application.class, arguments);
  }

  @Bean
  UserDetailsService users() {
    return new InMemoryUserDetailsManager(User.withUsername("ada").password("{noop}lovelace").roles("USER").build());
  }

  @RestController
  static class Pages {
    private final Sessions sessions;

    Pages(Sessions sessions) {
      this.sessions = sessions;
    }

    @GetMapping("/")
    Map<String, Object> home(Principal user, HttpSession session) {
      // What another application has written is a Long.
      long views = session.getAttribute("views") instanceof Number before ? before.longValue() + 1 : 1;
      session.setAttribute("views", views);
      return Map.of("user", user.getName(), "id", session.getId(), "views", views);
    }

    @GetMapping("/devices")
    List<SessionInfo> devices(HttpSession session) {
      return sessions.of(SojournSession.of(session).session()).list();
    }
  }
}
