package dev.sojourn.spring.boot;

import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpSession;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.session.FindByIndexNameSessionRepository;
import org.springframework.stereotype.Component;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.context.annotation.SessionScope;

/** An application without Spring Security. */
@Configuration(proxyBeanMethods = false)
@EnableAutoConfiguration(
    excludeName = {
      // Where the tests have it on the class path.
      "org.springframework.boot.autoconfigure.security.servlet.SecurityAutoConfiguration",
      "org.springframework.boot.autoconfigure.security.servlet.UserDetailsServiceAutoConfiguration",
      "org.springframework.boot.security.autoconfigure.SecurityAutoConfiguration",
      "org.springframework.boot.security.autoconfigure.UserDetailsServiceAutoConfiguration",
      "org.springframework.boot.security.autoconfigure.web.servlet.ServletWebSecurityAutoConfiguration",
      "org.springframework.boot.security.autoconfigure.web.servlet.SecurityFilterAutoConfiguration"
    })
@Import({PlainApplication.Pages.class, PlainApplication.Basket.class})
public class PlainApplication {
  /** Until nobody listens any more. */
  public static void main(String[] arguments) throws IOException {
    try (ConfigurableApplicationContext context = SpringApplication.run(PlainApplication.class, arguments)) {
      System.out.println("port " + context.getEnvironment().getProperty("local.server.port"));
      while (System.in.read() >= 0) {}
    }
  }

  /** One for each session. */
  @Component
  @SessionScope
  public static class Basket {
    private final List<String> items = new ArrayList<>();

    public int add(String item) {
      items.add(item);
      return items.size();
    }
  }

  @RestController
  static class Pages {
    private final Basket basket;

    Pages(Basket basket) {
      this.basket = basket;
    }

    @GetMapping("/basket")
    int basket() {
      return basket.add("apple");
    }

    @GetMapping("/count")
    int count(HttpSession session) {
      Integer count = (Integer) session.getAttribute("count");
      int next = count == null ? 1 : count + 1;
      session.setAttribute("count", next);
      return next;
    }

    @GetMapping("/none")
    String none(HttpServletRequest request) {
      return String.valueOf(request.getSession(false));
    }

    @PostMapping("/login")
    String login(HttpSession session, @RequestParam("user") String user) {
      session.setAttribute(FindByIndexNameSessionRepository.PRINCIPAL_NAME_INDEX_NAME, user);
      return session.getId();
    }
  }
}
