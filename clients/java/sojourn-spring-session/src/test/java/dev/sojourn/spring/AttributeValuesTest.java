package dev.sojourn.spring;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
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
    assertEquals(3, again(found).<Integer>getAttribute("n"), "signed out too");
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

  @Test
  void objectsOfAllowedClasses() {
    Cart cart = new Cart();
    cart.items.add(new Item("a", 2, new BigDecimal("1.10")));
    cart.due = LocalDate.of(2026, 2, 1);
    SojournSession session = stored("cart", cart, "carts", Map.of("mine", List.of(cart)), "size", Size.LARGE);
    Session there = elsewhere.open(token(session));
    Map<String, Object> fields = Map.of("items", List.of(Map.of("sku", "a", "quantity", 2L, "price", "1.10")), "due", "2026-02-01");
    assertEquals(Map.of("$java", Map.of("type", HERE + "$Cart", "value", fields)), there.get("cart"));
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
    assertThrows(AttributeException.class, () -> session.setAttribute("x", Map.of("$java", 1)));
    assertTrue(session.getAttributeNames().isEmpty());
  }

  @Test
  void otherClassesAreNotMade() {
    Forbidden.isMade = false;
    Session there = elsewhere.create();
    there.set("x", Map.of("$java", Map.of("type", HERE + "$Forbidden", "value", Map.of())));
    there.set("y", Map.of("$java", Map.of("type", "javax.script.ScriptEngineManager", "value", Map.of())));
    there.set("z", Map.of("$java", Map.of("type", HERE + "$Cart", "value", Map.of("items", "no list"))));
    there.set("u", Map.of("$java", Map.of("type", HERE + "$Size", "value", "HUGE")));
    there.commit();
    SojournSession session = repository.findById(token(there));
    for (String name : List.of("x", "y", "z", "u")) {
      AttributeException error = assertThrows(AttributeException.class, () -> session.getAttribute(name));
      assertFalse(error.getMessage().contains("no list"), "no values in messages");
    }
    assertFalse(Forbidden.isMade);
    assertEquals(Set.of("x", "y", "z", "u"), session.getAttributeNames());
    session.removeAttribute("x");
    repository.save(session);
    assertFalse(again(session).getAttributeNames().contains("x"));
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
    Session there = elsewhere.create();
    Map<String, Object> fields = Map.of("anything", Map.of("@class", HERE + "$Forbidden"));
    there.set("x", Map.of("$java", Map.of("type", HERE + "$Open", "value", fields)));
    there.commit();
    SojournSession session = repository.findById(token(there));
    assertThrows(AttributeException.class, () -> session.getAttribute("x"));
    assertFalse(Forbidden.isMade);
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
