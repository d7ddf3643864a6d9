package bench;

import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpSession;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** What the routes of every row do and answer, as in ../../http/handlers.mjs. */
@SpringBootApplication
@RestController
public class Bench {
  private final AtomicLong requests = new AtomicLong();
  private final AtomicLong writes = new AtomicLong();
  private final boolean isBare;

  Bench(@Value("${bench.system}") String system) {
    isBare = system.equals("bare");
  }

  public static void main(String[] args) {
    SpringApplication.run(Bench.class, args);
  }

  @GetMapping(path = "/read", produces = "text/plain")
  String read(HttpServletRequest request) {
    requests.incrementAndGet();
    if (isBare) return request.getHeader("Cookie") == null ? "anonymous" : "dark en-GB";
    HttpSession session = request.getSession(false);
    Object theme = session == null ? null : session.getAttribute("theme");
    return theme == null ? "anonymous" : theme + " " + session.getAttribute("locale");
  }

  @PostMapping(path = "/write", produces = "text/plain")
  String write(HttpServletRequest request) {
    requests.incrementAndGet();
    writes.incrementAndGet();
    if (isBare) return "1";
    HttpSession session = request.getSession();
    int views = session.getAttribute("views") instanceof Number before ? before.intValue() + 1 : 1;
    session.setAttribute("views", views);
    return String.valueOf(views);
  }

  /** The sample session of ../../sample-session.json. */
  @PostMapping(path = "/seed", produces = "text/plain")
  String seed(HttpServletRequest request, @RequestParam("now") long now) {
    if (isBare) return "seeded";
    Map<String, Object> values = new LinkedHashMap<>();
    Map<String, Object> user = new LinkedHashMap<>();
    user.put("id", "u_18273645");
    user.put("name", "Ada Lovelace");
    user.put("email", "ada@example.org");
    user.put("roles", new ArrayList<>(List.of("admin", "editor")));
    values.put("user", user);
    List<Object> cart = new ArrayList<>();
    cart.add(item("A-1001", 2, 1999));
    cart.add(item("B-2040", 1, 549));
    cart.add(item("C-3317", 12, 89));
    values.put("cart", cart);
    values.put("csrf", "q9Xw2LrT7vKc0ZbN5yHdEg");
    values.put("theme", "dark");
    values.put("locale", "en-GB");
    values.put("returnTo", "/account/orders?page=2&per=20");
    values.put("lastSeen", now);
    HttpSession session = request.getSession();
    values.forEach(session::setAttribute);
    return "seeded";
  }

  private static Map<String, Object> item(String sku, int quantity, int price) {
    Map<String, Object> item = new LinkedHashMap<>();
    item.put("sku", sku);
    item.put("qty", quantity);
    item.put("price", price);
    return item;
  }

  @GetMapping(path = "/views", produces = "text/plain")
  String views(HttpServletRequest request) {
    HttpSession session = request.getSession(false);
    Object views = session == null ? null : session.getAttribute("views");
    return views == null ? "0" : views.toString();
  }

  @GetMapping("/counts")
  Map<String, Long> counts() {
    return Map.of("requests", requests.get(), "writes", writes.get());
  }
}
