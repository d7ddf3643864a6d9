package dev.sojourn.spring.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sojourn.RedisServer;
import jakarta.servlet.DispatcherType;
import jakarta.servlet.Filter;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletRequest;
import jakarta.servlet.ServletResponse;
import jakarta.servlet.http.HttpSession;
import java.io.IOException;
import java.security.Principal;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.web.servlet.FilterRegistrationBean;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.security.config.Customizer;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.core.userdetails.User;
import org.springframework.security.core.userdetails.UserDetailsService;
import org.springframework.security.provisioning.InMemoryUserDetailsManager;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/** Redis stalls for longer than a command may take and is back when the error page is made, which is for users only. */
class StallTest extends OnBoot {
  private static RedisServer stalling;

  @BeforeAll
  static void startStalling() {
    stalling = new RedisServer();
  }

  @AfterAll
  static void stopStalling() {
    stalling.close();
  }

  /** With Spring Boot's own security. */
  @Configuration(proxyBeanMethods = false)
  @EnableAutoConfiguration
  @Import(Pages.class)
  static class ByDefault {
    @Bean
    UserDetailsService users() {
      return new InMemoryUserDetailsManager(User.withUsername("ada").password("{noop}lovelace").roles("USER").build());
    }

    /** In front of all others. */
    @Bean
    FilterRegistrationBean<Back> back() {
      FilterRegistrationBean<Back> registration = new FilterRegistrationBean<>(new Back());
      registration.setDispatcherTypes(DispatcherType.ERROR);
      registration.setOrder(Integer.MIN_VALUE);
      return registration;
    }
  }

  @Configuration(proxyBeanMethods = false)
  @Import(ByDefault.class)
  static class ByForm {
    @Bean
    SecurityFilterChain security(HttpSecurity http) throws Exception {
      return http.authorizeHttpRequests(all -> all.anyRequest().authenticated()).formLogin(Customizer.withDefaults()).build();
    }
  }

  private static final class Back implements Filter {
    @Override
    public void doFilter(ServletRequest request, ServletResponse response, FilterChain chain) throws IOException, ServletException {
      stalling.resume();
      chain.doFilter(request, response);
    }
  }

  @RestController
  static class Pages {
    @GetMapping("/page")
    String page(Principal principal) {
      return principal.getName();
    }

    @GetMapping("/stall")
    String stall(HttpSession session) {
      session.setAttribute("a", 1);
      stalling.pause();
      return "stored";
    }
  }

  private static void stall(Class<?> application) {
    ConfigurableApplicationContext context =
        start(application, "sojourn.redis.uri=" + stalling.uri(), "sojourn.command-timeout=300ms");
    Browser browser = browser(context);
    browser.headers.put("Accept", "text/html");
    browser.signIn("ada", "lovelace");
    assertEquals("ada", browser.get("/page").body());
    String keys = stalling.tell("DBSIZE");

    stalling.pause();
    Browser.Answer unread = browser.get("/page");
    failed(unread);
    assertEquals("", unread.body(), "the page is not for nobody");
    assertEquals(keys, stalling.tell("DBSIZE"), "and no session of nobody");
    assertEquals("ada", browser.get("/page").body());

    stalling.pause();
    failed(browser.post("/page"));
    Browser client = browser.copy();
    client.headers.put("X-Requested-With", "XMLHttpRequest");
    stalling.pause();
    failed(client.get("/page"));

    Browser.Answer unsaved = browser.get("/stall");
    failed(unsaved);
    assertTrue(unsaved.body().contains("503"), "of whom it knows, Spring shows the page: " + unsaved.body());
    assertEquals(keys, stalling.tell("DBSIZE"));
    assertEquals("ada", browser.get("/page").body());
    context.close();
  }

  private static void failed(Browser.Answer answer) {
    assertEquals(503, answer.status(), answer.location());
    assertEquals("1", answer.header("Retry-After"));
    assertTrue(answer.setCookies().isEmpty(), answer.setCookies().toString());
    assertEquals("", answer.location());
  }

  @Test
  void withBootsOwnSecurity() {
    stall(ByDefault.class);
  }

  @Test
  void withAFormAndNothingPermitted() {
    stall(ByForm.class);
  }
}
