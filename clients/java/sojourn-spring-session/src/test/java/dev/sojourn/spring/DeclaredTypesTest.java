package dev.sojourn.spring;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sojourn.AttributeException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Date;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What the fields of an allowed class may be declared as, and that they come back as that. */
class DeclaredTypesTest extends OnRedis {
  private static final String HERE = DeclaredTypesTest.class.getName();

  @BeforeEach
  void allow() {
    repository = repository().allowedTypes(List.of(HERE)).build();
  }

  enum Colour {
    RED,
    BLUE
  }

  record Foo(String name, long n) {}

  record Moments(
      Instant instant, LocalDate day, LocalDateTime local, ZonedDateTime zoned, OffsetDateTime offset, Date date, Duration duration) {}

  record Numbers(
      byte b, short s, int i, long l, float f, double d, Integer boxed, @Nullable Long none, BigDecimal price, BigInteger big, double nan,
      double infinite, double minusZero) {}

  record Texts(String text, char letter, Locale locale, UUID uuid, Colour colour, java.net.URI uri) {}

  record Containers(
      List<Foo> list,
      Set<Foo> set,
      Collection<Foo> collection,
      Map<String, Foo> map,
      Map<Integer, Foo> keyed,
      Map<Colour, List<Foo>> byColour,
      TreeMap<String, Foo> sorted,
      EnumMap<Colour, Foo> enumMap,
      EnumSet<Colour> colours,
      List<Map<String, List<Foo>>> deep) {}

  private <T> T roundTrip(T value) {
    SojournSession session = stored("value", value);
    T found = again(session).getAttribute("value");
    assertEquals(Set.of(), elsewhere.open(token(session)).names(), "of Spring alone");
    return Objects.requireNonNull(found);
  }

  @Test
  void moments() {
    Instant now = Instant.parse("2026-01-31T10:00:00.123456789Z");
    Moments moments =
        new Moments(
            now,
            LocalDate.of(2026, 1, 31),
            LocalDateTime.of(2026, 1, 31, 10, 0, 0, 1),
            ZonedDateTime.parse("2026-01-31T10:00:00+01:00[Europe/Berlin]"),
            OffsetDateTime.parse("2026-01-31T10:00:00+05:30"),
            new Date(1_732_440_000_123L),
            Duration.ofNanos(1_500_000_001));
    assertEquals(moments, roundTrip(moments));
  }

  @Test
  void numbers() {
    Numbers numbers =
        new Numbers(
            (byte) -1, (short) 300, 70_000, Long.MAX_VALUE, 0.1f, 0.1, 5, null, new BigDecimal("12.50"), BigInteger.TWO.pow(70), Double.NaN,
            Double.POSITIVE_INFINITY, -0.0);
    assertEquals(numbers, roundTrip(numbers));
    Numbers others =
        new Numbers(
            (byte) 0, (short) 0, 0, 1L << 53, 2f, 3.0, -5, 1L, new BigDecimal("1E+3"), BigInteger.TEN, 1, Double.NEGATIVE_INFINITY, 0.0);
    assertEquals(others, roundTrip(others));
  }

  @Test
  void texts() {
    Texts texts =
        new Texts("ä😀", 'x', Locale.forLanguageTag("de-CH"), new UUID(1, 2), Colour.BLUE, java.net.URI.create("https://example.org/"));
    assertEquals(texts, roundTrip(texts));
  }

  @Test
  void containers() {
    Foo a = new Foo("a", 1);
    Foo b = new Foo("b", 1L << 60);
    Containers containers =
        new Containers(
            List.of(a, b),
            Set.of(a),
            List.of(b),
            Map.of("x", a),
            Map.of(7, a),
            Map.of(Colour.RED, List.of(a, b)),
            new TreeMap<>(Map.of("z", a, "a", b)),
            new EnumMap<>(Map.of(Colour.BLUE, b)),
            EnumSet.of(Colour.RED),
            List.of(Map.of("k", List.of(a))));
    assertEquals(containers, roundTrip(containers));
    assertEquals(List.of(a, b), roundTrip(new ArrayList<>(List.of(a, b))));
    assertEquals(Map.of("x", a), roundTrip(Map.of("x", a)));
    assertEquals(Map.of("x", List.of(Map.of(1L, a))), roundTrip(Map.of("x", List.of(Map.of(1L, a)))));
    assertEquals(Set.of(Colour.RED), roundTrip(EnumSet.of(Colour.RED)));
  }

  static final class Bytes {
    private final byte[] bytes;
    private final int[] numbers;
    private final String[] texts;
    private final List<byte[]> several;

    Bytes() {
      this(new byte[0], new int[0], new String[0], List.of());
    }

    Bytes(byte[] bytes, int[] numbers, String[] texts, List<byte[]> several) {
      this.bytes = bytes;
      this.numbers = numbers;
      this.texts = texts;
      this.several = several;
    }
  }

  @Test
  void bytesAndArrays() {
    Bytes found = roundTrip(new Bytes(new byte[] {1, -2}, new int[] {3}, new String[] {"x"}, List.of(new byte[] {4})));
    assertArrayEquals(new byte[] {1, -2}, found.bytes);
    assertArrayEquals(new int[] {3}, found.numbers);
    assertArrayEquals(new String[] {"x"}, found.texts);
    assertArrayEquals(new byte[] {4}, found.several.get(0));
  }

  sealed interface Shape permits Circle, Square, Named {}

  record Circle(double radius) implements Shape {}

  record Square(long side, @Nullable Shape inner) implements Shape {}

  enum Named implements Shape {
    POINT
  }

  record Drawing(Shape first, List<Shape> shapes, Map<String, Shape> byName) {}

  @Test
  void sealedTypes() {
    Drawing drawing =
        new Drawing(new Circle(0.5), List.of(new Square(2, new Circle(1)), Named.POINT), Map.of("x", new Square(1, null)));
    assertEquals(drawing, roundTrip(drawing));
    assertEquals(new Circle(2), roundTrip(new Circle(2)));
  }

  static class Base {
    private String inherited = "";
  }

  static final class Derived extends Base {
    private String own = "";
  }

  record Page<T>(List<T> items, int number) {}

  record Pages(Page<Foo> foos, Map<String, Page<Integer>> numbers) {}

  @Test
  void inheritedAndGenericOnes() {
    Derived derived = new Derived();
    ((Base) derived).inherited = "a";
    derived.own = "b";
    Derived found = roundTrip(derived);
    assertEquals("a", ((Base) found).inherited);
    assertEquals("b", found.own);
    Pages pages = new Pages(new Page<>(List.of(new Foo("a", 1)), 1), Map.of("x", new Page<>(List.of(5), 2)));
    assertEquals(pages, roundTrip(pages));
    Page<String> texts = new Page<>(List.of("a"), 1);
    assertEquals(texts, roundTrip(texts));
  }

  interface Anything {}

  record Thing(String name) implements Anything {}

  record Holder(Object thing) {}

  record OfInterface(Anything thing) {}

  record OfNumber(Number number) {}

  record OfBase(Base base) {}

  record Mixed(Set<Object> set, Map<String, Object> map) {}

  record Maybe(Optional<String> name) {}

  /** What would come back as something else is refused when it is set. */
  @Test
  void whatItsDeclarationDoesNotSay() {
    SojournSession session = stored();
    List<Object> refused =
        List.of(
            new Holder(new Foo("a", 1)),
            new Holder(List.of(new Foo("a", 1))),
            new Holder(Map.of("x", new Foo("a", 1))),
            new OfInterface(new Thing("a")),
            new OfBase(new Derived()),
            new Page<>(List.of(new Foo("a", 1)), 1),
            new Holder(Set.of("x")),
            new Holder(Map.of(1, "x")),
            new OfNumber(new BigDecimal("12.50")),
            new Holder(LocalDate.of(2026, 1, 31)),
            new Holder(new BigDecimal("12.50")),
            new Mixed(Set.of(Colour.RED, Colour.BLUE), Map.of()),
            new Mixed(Set.of(), Map.of("x", List.of(Colour.RED))),
            new Holder(Colour.RED));
    for (Object value : refused) {
      AttributeException error = assertThrows(AttributeException.class, () -> session.setAttribute("x", value), value.toString());
      assertTrue(error.getMessage().contains("JsonTypeInfo"), error.getMessage());
      assertNull(session.getAttribute("x"));
    }
    assertThrows(AttributeException.class, () -> session.setAttribute("x", new Maybe(Optional.of("x"))));
    assertEquals(new Holder("text"), roundTrip(new Holder("text")));
    assertEquals(new Holder(List.of("text")), roundTrip(new Holder(List.of("text"))));
    Mixed mixed = new Mixed(Set.of("x", true, 0.5), Map.of("list", List.of("x", true), "bytes", "x"));
    assertEquals(mixed, roundTrip(mixed));
  }
}
