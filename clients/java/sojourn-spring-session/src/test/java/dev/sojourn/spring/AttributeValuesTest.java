package dev.sojourn.spring;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.annotation.JsonTypeInfo;
import dev.sojourn.AttributeException;
import dev.sojourn.OptionException;
import dev.sojourn.Session;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Instant;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What attributes may hold, and what other applications see of it. */
class AttributeValuesTest extends OnRedis {
  private static final String HERE = AttributeValuesTest.class.getName();

  @BeforeEach
  void allow() {
    repository = repository().allowedTypes(List.of(HERE + "$Cart", HERE + "$Size")).build();
  }

  enum Size {
    SMALL,
    LARGE {
      @Override
      public String toString() {
        return "big";
      }
    }
  }

  record Item(String sku, int quantity, BigDecimal price) {}

  /** As they are written: no getters, no setters. */
  static class Cart {
    private final List<Item> items = new ArrayList<>();
    private LocalDate due = LocalDate.of(2026, 1, 31);
    private transient String computed = "not stored";

    int total() {
      return items.stream().mapToInt(Item::quantity).sum();
    }
  }

  static class Forbidden {
    static boolean isMade;

    Forbidden() {
      isMade = true;
    }
  }

  private Object roundTrip(Object value) {
    SojournSession session = stored("value", value);
    return again(session).getAttribute("value");
  }

  private Object elsewhere(Object value) {
    return elsewhere.open(token(stored("value", value))).get("value");
  }

  @Test
  void plainValuesAreShared() {
    assertEquals("text", elsewhere("text"));
    assertEquals(5L, elsewhere(5));
    assertEquals(0.5, elsewhere(0.5f));
    assertEquals(BigInteger.TWO.pow(70), elsewhere(BigInteger.TWO.pow(70)));
    assertEquals(true, elsewhere(true));
    Instant now = Instant.ofEpochMilli(1_732_440_000_123L);
    assertEquals(now, elsewhere(now));
    assertArrayEquals(new byte[] {1, 2}, (byte[]) elsewhere(new byte[] {1, 2}));
    assertEquals(List.of(1L, Set.of("x"), Map.of("k", "v")), elsewhere(List.of(1, Set.of("x"), Map.of("k", "v"))));
    assertEquals(Map.of(1L, "one"), elsewhere(Map.of(1, "one")));
    assertEquals(List.of(1L, Set.of("x"), Map.of("k", "v")), roundTrip(List.of(1, Set.of("x"), Map.of("k", "v"))));
    assertEquals(Map.of(1L, "one"), roundTrip(Map.of(1, "one")));
  }

  @Test
  void numbersComeBackAsTheyWereSet() {
    SojournSession session = stored("int", 5, "short", (short) 6, "byte", (byte) 7, "float", 0.5f, "long", 8L, "double", 2.0);
    SojournSession found = again(session);
    assertEquals(5, found.<Integer>getAttribute("int"));
    assertEquals((short) 6, found.<Short>getAttribute("short"));
    assertEquals((byte) 7, found.<Byte>getAttribute("byte"));
    assertEquals(0.5f, found.<Float>getAttribute("float"));
    assertEquals(8L, found.<Long>getAttribute("long"));
    assertEquals(2.0, found.<Double>getAttribute("double"));
    assertEquals(6, found.getAttributeNames().size());
    Session there = elsewhere.open(token(session));
    assertEquals(Set.of("int", "short", "byte", "float", "long", "double"), there.names());
    there.set("int", 6);
    there.set("short", 1_000_000);
    there.set("byte", "text");
    there.commit();
    found = again(session);
    assertEquals(6, found.<Integer>getAttribute("int"));
    assertEquals(1_000_000L, found.<Long>getAttribute("short"));
    assertEquals("text", found.getAttribute("byte"));
    found.setAttribute("int", 9L);
    found.removeAttribute("float");
    found.setAttribute(org.springframework.session.FindByIndexNameSessionRepository.PRINCIPAL_NAME_INDEX_NAME, "ada");
    repository.save(found);
    found = again(found);
    assertEquals(9L, found.<Long>getAttribute("int"));
    found.setAttribute("n", 3);
    found.removeAttribute(org.springframework.session.FindByIndexNameSessionRepository.PRINCIPAL_NAME_INDEX_NAME);
    repository.save(found);
    assertTrue(again(found).getAttributeNames().isEmpty(), "what the user's session held goes nowhere");
  }

  @Test
  void valuesOfTheJdk() {
    List<Object> values =
        List.of(
            new BigDecimal("12.50"),
            LocalDate.of(2026, 1, 31),
            java.time.ZonedDateTime.parse("2026-01-31T10:00:00+01:00[Europe/Berlin]"),
            java.time.Duration.ofMillis(1500),
            UUID.fromString("0f0e0d0c-0b0a-0908-0706-050403020100"),
            new Date(1_732_440_000_123L),
            Locale.forLanguageTag("de-CH"),
            java.net.URI.create("https://example.org/"),
            java.util.Currency.getInstance("CHF"),
            java.time.Year.of(2026));
    for (Object value : values) assertEquals(value, roundTrip(value), value.getClass().getName());
    assertEquals(values, roundTrip(values));
  }

  /** Money and moments are what the table of the protocol says, for all languages. */
  @Test
  void decimalsAndDatesAreShared() {
    BigDecimal price = new BigDecimal("12.50");
    Date date = new Date(1_732_440_000_123L);
    SojournSession session = stored("price", price, "date", date, "large", new BigDecimal("1E+3"));
    Session there = elsewhere.open(token(session));
    assertEquals(Set.of("price", "date"), there.names());
    assertEquals("12.50", there.get("price"));
    assertEquals(date.toInstant(), there.get("date"));
    SojournSession found = again(session);
    assertEquals(price, found.getAttribute("price"));
    assertEquals(date, found.getAttribute("date"));
    assertEquals(new BigDecimal("1E+3"), found.getAttribute("large"));
    there.set("price", "13.00");
    there.set("date", date.toInstant().plusSeconds(1));
    there.commit();
    assertEquals(new BigDecimal("13.00"), again(session).getAttribute("price"));
    assertEquals(new Date(date.getTime() + 1000), again(session).getAttribute("date"));
    for (String other : List.of("none", "1e1000000000", "9".repeat(2500))) {
      there.set("price", other);
      there.commit();
      assertEquals(other, again(session).getAttribute("price"));
    }
    // A Date in hand is stored as it is when the request ends.
    found = again(session);
    found.setAttribute("date", date);
    date.setTime(5);
    found.setAttribute("price", "text");
    repository.save(found);
    assertEquals(new Date(5), again(session).getAttribute("date"));
    assertEquals("text", again(session).getAttribute("price"));
  }

  @Test
  void objectsOfAllowedClasses() {
    Cart cart = new Cart();
    cart.items.add(new Item("a", 2, new BigDecimal("1.10")));
    cart.due = LocalDate.of(2026, 2, 1);
    SojournSession session = stored("cart", cart, "carts", Map.of("mine", List.of(cart)), "size", Size.LARGE);
    Session there = elsewhere.open(token(session));
    assertTrue(there.names().isEmpty(), "of Spring alone");
    Map<String, Object> fields = Map.of("items", List.of(Map.of("sku", "a", "quantity", 2L, "price", "1.10")), "due", "2026-02-01");
    assertEquals(marked(HERE + "$Cart", fields), session.held().get("spring:object:cart"));
    assertEquals(Set.of("cart", "carts", "size"), session.getAttributeNames());
    SojournSession found = again(session);
    Cart again = found.getAttribute("cart");
    assertEquals(cart.items, again.items);
    assertEquals(cart.due, again.due);
    assertEquals(2, again.total());
    Map<String, List<Cart>> carts = found.getAttribute("carts");
    assertEquals(2, carts.get("mine").get(0).total());
    assertEquals(Size.LARGE, found.getAttribute("size"));
    // Others keep it as it is.
    there.set("other", 1);
    there.commit();
    assertEquals(2, again(session).<Cart>getAttribute("cart").total());
  }

  @Test
  void otherClassesAreRefused() {
    SojournSession session = stored();
    AttributeException error = assertThrows(AttributeException.class, () -> session.setAttribute("x", new Forbidden()));
    assertEquals("x", error.attribute());
    assertTrue(error.getMessage().contains("sojourn.allowed-types=" + HERE + "$Forbidden"), error.getMessage());
    assertThrows(AttributeException.class, () -> session.setAttribute("x", List.of(new Forbidden())));
    assertThrows(AttributeException.class, () -> session.setAttribute("x", new String[] {"a"}));
    assertTrue(session.getAttributeNames().isEmpty());
  }

  private static Map<String, Object> marked(String type, Object value) {
    return Map.of("$java", Map.of("type", type, "value", value));
  }

  @Test
  void otherClassesAreNotMade() {
    Forbidden.isMade = false;
    SojournSession session = stored();
    session.held().set("spring:object:x", marked(HERE + "$Forbidden", Map.of()));
    session.held().set("spring:object:y", marked("javax.script.ScriptEngineManager", Map.of()));
    session.held().set("spring:object:z", marked(HERE + "$Cart", Map.of("items", "no list")));
    session.held().set("spring:object:u", marked(HERE + "$Size", "HUGE"));
    session.held().set("spring:object:v", Map.of("$java", 1));
    for (String name : List.of("x", "y", "z", "u", "v")) {
      assertNull(session.getAttribute(name), name);
    }
    assertFalse(Forbidden.isMade);
  }

  /** An application on another stack stores what its user sent. */
  @Test
  void nothingIsMadeOfWhatOthersStore() {
    Map<String, Object> sent =
        Map.of(
            "cart", marked(HERE + "$Cart", Map.of("due", "2026-02-01")),
            "user", marked("org.springframework.security.core.userdetails.User", Map.of("username", "ada", "authorities", List.of("ROLE_ADMIN"))),
            "gadget", marked("org.springframework.security.Whatever", "{\"@class\":\"" + HERE + "$Open\"}"),
            "broken", Map.of("$java", 1L),
            "inside", List.of(Map.of("x", marked("java.math.BigDecimal", "1e1000000000"))));
    Session there = elsewhere.create();
    sent.forEach(there::set);
    there.commit();
    repository = repository().allowedTypes(List.of(HERE + "$Cart", HERE + "$Open")).saveMode(org.springframework.session.SaveMode.ON_GET_ATTRIBUTE).build();
    SojournSession session = repository.findById(token(there));
    assertEquals(sent.keySet(), session.getAttributeNames());
    sent.forEach((name, value) -> assertEquals(value, session.getAttribute(name), name));
    // Given back, and beside an object of an allowed class, it stays what it is.
    session.setAttribute("mine", List.of(new Cart(), sent.get("cart")));
    repository.save(session);
    List<Object> mine = again(session).getAttribute("mine");
    assertEquals(Cart.class, mine.get(0).getClass());
    assertEquals(sent.get("cart"), mine.get(1));
    there.refresh();
    sent.forEach((name, value) -> assertEquals(value, there.get(name), name));
    assertThrows(AttributeException.class, () -> session.setAttribute("spring:object:cart", sent.get("cart")));
    assertThrows(AttributeException.class, () -> session.setAttribute("spring:SPRING_SECURITY_CONTEXT", Map.of()));
  }

  @Test
  void anObjectAndAPlainValueOfOneName() {
    SojournSession session = stored("a", new Cart(), "b", 5);
    Session there = elsewhere.open(token(session));
    assertEquals(Set.of("b"), there.names());
    session.setAttribute("a", "plain");
    session.setAttribute("b", new Cart());
    repository.save(session);
    SojournSession found = again(session);
    assertEquals("plain", found.getAttribute("a"));
    assertEquals(Cart.class, found.getAttribute("b").getClass());
    there.refresh();
    assertEquals(Set.of("a"), there.names());
    // Set elsewhere since: that counts, and the object does not come back when it is removed there.
    there.set("b", "theirs");
    there.commit();
    found = again(session);
    assertEquals("theirs", found.getAttribute("b"));
    assertEquals(Set.of("a", "b"), found.getAttributeNames());
    repository.save(found);
    there.refresh();
    there.remove("b");
    there.commit();
    assertEquals(Set.of("a"), again(session).getAttributeNames());
    found = again(session);
    found.setAttribute("c", new Cart());
    found.setAttribute(org.springframework.session.FindByIndexNameSessionRepository.PRINCIPAL_NAME_INDEX_NAME, "ada");
    found.changeSessionId();
    repository.save(found);
    found = again(found);
    assertEquals(Cart.class, found.getAttribute("c").getClass(), "goes along from nobody's session");
    found.removeAttribute("c");
    repository.save(found);
    assertEquals(Set.of("a"), again(found).session().names());
  }

  @Test
  void whatHoldsItself() {
    SojournSession session = stored();
    List<Object> list = new ArrayList<>();
    list.add(list);
    list.add(list);
    assertThrows(AttributeException.class, () -> session.setAttribute("x", list));
    List<Object> deep = new ArrayList<>();
    for (int i = 0; i < 10_000; i++) deep = new ArrayList<>(List.of(deep));
    List<Object> deepest = deep;
    assertThrows(AttributeException.class, () -> session.setAttribute("x", deepest));
    List<Object> twice = List.of(1L);
    session.setAttribute("x", List.of(twice, twice));
  }

  /** A class that says by itself that names of classes are in its text. */
  static class Open {
    @JsonTypeInfo(use = JsonTypeInfo.Id.CLASS)
    Object anything;
  }

  @Test
  void norWhereAClassLeavesItOpen() {
    repository = repository().allowedTypes(List.of(HERE + "$Open", HERE + "$Cart")).build();
    Open open = new Open();
    open.anything = new Cart();
    assertEquals(Cart.class, ((Open) roundTrip(open)).anything.getClass());
    Forbidden.isMade = false;
    SojournSession session = stored();
    session.held().set("spring:object:x", marked(HERE + "$Open", Map.of("anything", Map.of("@class", HERE + "$Forbidden"))));
    assertNull(session.getAttribute("x"));
    assertFalse(Forbidden.isMade);
  }

  static class Box<T> {
    T value;
  }

  @Test
  void norAsAnElementOfAnAllowedOne() {
    repository = repository().allowedTypes(List.of(HERE + "$Open", HERE + "$Box", HERE + "$Cart")).build();
    SojournSession session = stored();
    Forbidden.isMade = false;
    for (String element : List.of("Forbidden", "Cart")) {
      Map<String, Object> box = Map.of("@class", HERE + "$Box<" + HERE + "$" + element + ">", "value", Map.of());
      session.held().set("spring:object:x", marked(HERE + "$Open", Map.of("anything", box)));
      if (element.equals("Cart")) {
        assertEquals(Cart.class, ((Box<?>) session.<Open>getAttribute("x").anything).value.getClass());
      } else {
        assertNull(session.getAttribute("x"));
      }
    }
    assertFalse(Forbidden.isMade);
  }

  @Test
  void numbersHaveBounds() {
    SojournSession session = stored();
    for (String number : List.of("1e1000000000", "1e-1000000000", "1e1001", "9".repeat(2000))) {
      session.held().set("spring:object:x", marked("java.math.BigDecimal", number));
      assertNull(session.getAttribute("x"), number);
      assertThrows(AttributeException.class, () -> session.setAttribute("y", new BigDecimal(number)), number);
    }
    session.held().set("spring:object:x", marked(HERE + "$Cart", Map.of("items", List.of(Map.of("price", "1e1000000000")))));
    assertNull(session.getAttribute("x"));
    assertEquals(new BigDecimal("1e900"), roundTrip(new BigDecimal("1e900")));
  }

  @Test
  void packagesAndMisspeltOnes() {
    AllowedTypes types = new AllowedTypes(List.of("com.acme.*", "org.example.Cart"));
    assertTrue(types.has("com.acme.Cart") && types.has("com.acme.deep.Cart") && types.has("org.example.Cart$Item"));
    assertFalse(types.has("com.acmeevil.Cart") || types.has("org.example.CartX") || types.has("org.example.Other"));
    for (String wrong : List.of("*", ".*", "com.*.Cart", "")) {
      assertThrows(OptionException.class, () -> new AllowedTypes(List.of(wrong)), wrong);
    }
  }
}
