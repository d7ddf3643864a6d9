package dev.sojourn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class ValuesTest {
  private static final List<Codec> CODECS = List.of(Codec.MESSAGE_PACK, Codec.JSON);

  private static @Nullable Object stored(Codec codec, @Nullable Object value) {
    Map<String, @Nullable Object> attributes = new LinkedHashMap<>();
    attributes.put("a", Values.normalise("a", value));
    return codec.decode(codec.encode(attributes, Map.of())).attributes().get("a");
  }

  @Test
  void randomValuesComeBack() {
    RandomValues random = new RandomValues(20_261_130);
    for (int i = 0; i < 3_000; i++) {
      Object value = Values.normalise("a", random.value(0));
      for (Codec codec : CODECS) {
        Object back = stored(codec, value);
        assertTrue(Values.equal(value, back), () -> "not the same: " + value + " and " + back);
        assertTrue(Values.equal(value, Values.copy(back)));
      }
    }
  }

  @Test
  void damagedPayloadsAreMalformedAndNothingElse() {
    RandomValues values = new RandomValues(7);
    Random random = new Random(7);
    for (int i = 0; i < 2_000; i++) {
      Map<String, @Nullable Object> attributes = new LinkedHashMap<>();
      values.attributes().forEach((name, value) -> attributes.put(name, Values.normalise(name, value)));
      for (Codec codec : CODECS) {
        byte[] bytes = codec.encode(attributes, Map.of());
        for (int damage = 0; damage < 10; damage++) {
          byte[] damaged = Arrays.copyOf(bytes, random.nextInt(bytes.length + 1));
          if (damaged.length > 0) damaged[random.nextInt(damaged.length)] = (byte) random.nextInt();
          try {
            codec.decode(damaged);
          } catch (MalformedPayloadException expected) {
            // As it should be.
          }
        }
      }
    }
  }

  @Test
  void numbersHaveOneForm() {
    for (Codec codec : CODECS) {
      assertEquals(3L, stored(codec, 3));
      assertEquals(3L, stored(codec, 3.0));
      assertEquals(3L, stored(codec, (short) 3));
      assertEquals(0.5, stored(codec, 0.5f));
      assertEquals(-0.0, stored(codec, -0.0));
      assertEquals(Double.NaN, stored(codec, Double.NaN));
      assertEquals(Double.NEGATIVE_INFINITY, stored(codec, Double.NEGATIVE_INFINITY));
      assertEquals((1L << 53) - 1, stored(codec, (1L << 53) - 1));
      assertEquals(BigInteger.ONE.shiftLeft(53), stored(codec, 1L << 53));
      assertEquals(BigInteger.valueOf(Long.MIN_VALUE), stored(codec, Long.MIN_VALUE));
      assertEquals(BigInteger.TEN, stored(codec, BigInteger.TEN));
    }
    assertFalse(Values.equal(0L, -0.0));
    assertFalse(Values.equal(10L, BigInteger.TEN));
    assertTrue(Values.equal(Double.NaN, Double.NaN));
  }

  @Test
  void numbersAreWrittenAsJavaScriptWritesThem() {
    assertEquals("1e+21", JsonWriter.text(1e21));
    assertEquals("123456789012345680000", JsonWriter.text(123456789012345680000.0));
    assertEquals("1e-7", JsonWriter.text(1e-7));
    assertEquals("0.000001", JsonWriter.text(1e-6));
    assertEquals("-1.5e-300", JsonWriter.text(-1.5e-300));
    assertEquals("0.1", JsonWriter.text(0.1));
    assertEquals("1234.5", JsonWriter.text(1234.5));
  }

  @Test
  void mapsKeepTheirForm() {
    for (Codec codec : CODECS) {
      assertEquals(LinkedHashMap.class, assertInstanceOf(Map.class, stored(codec, Map.of("k", 1))).getClass());
      assertInstanceOf(KeyedMap.class, stored(codec, Map.of(1, "one")));
      Map<?, ?> keyed = assertInstanceOf(KeyedMap.class, stored(codec, new KeyedMap(Map.of("k", 1))));
      assertEquals(1L, keyed.get("k"));
      assertInstanceOf(KeyedMap.class, stored(codec, new KeyedMap()));
    }
    KeyedMap map = new KeyedMap();
    map.put(1, "one");
    map.put(List.of(1, 2), "list");
    assertEquals("one", map.get(1L));
    assertEquals("one", map.get(1.0));
    assertEquals("list", map.get(List.of(1L, 2)));
    assertEquals("list", map.put(List.of(1, 2), "again"));
    assertEquals(2, map.size());
    assertEquals("again", map.remove(List.of(1, 2)));
    assertTrue(map.containsKey(1) && !map.containsKey(2));
  }

  @Test
  void equalListsAreDifferentMembers() {
    // As JavaScript has them: [[1], [1]] in a Set, {[1] => "a", [1] => "b"} in a Map.
    byte[] set = HexFormat.of().parseHex("9181a161" + "c70502" + "9291019101");
    Set<?> members = assertInstanceOf(Set.class, Codec.MESSAGE_PACK.decode(set).attributes().get("a"));
    assertEquals(2, members.size());
    Map<String, @Nullable Object> attributes = new LinkedHashMap<>();
    attributes.put("a", Values.normalise("a", members));
    assertArrayEquals(set, Codec.MESSAGE_PACK.encode(attributes, Map.of()));
  }

  @Test
  void otherTypesAreRefusedWithAdvice() {
    Map<Object, String> refused = new LinkedHashMap<>();
    refused.put(new BigDecimal("1.10"), "store its exact text");
    refused.put(new AtomicInteger(1), "store its exact text");
    refused.put('c', "store its toString()");
    refused.put(new StringBuilder("b"), "store its toString()");
    refused.put(SealMode.SEALED, "store its name()");
    refused.put(new java.util.Date(0), "store its toInstant()");
    refused.put(java.time.LocalDate.EPOCH, "store an Instant, or its text");
    refused.put(new int[] {1}, "store a List");
    refused.put(new Object[] {1}, "store a List");
    refused.put(new java.util.ArrayDeque<>(List.of(1)), "store a List or a Set");
    refused.put(new Object(), "no class of yours");
    refused.put(new SessionListener() {}, "no class of yours");
    refused.forEach(
        (value, advice) -> {
          Map<String, Object> inside = Map.of("items", List.of(1, Map.of("deep", value)));
          AttributeException error = assertThrows(AttributeException.class, () -> Values.normalise("cart", inside));
          assertEquals("cart", error.attribute());
          assertEquals("ERR_SOJOURN_ATTRIBUTE", error.code());
          String message = String.valueOf(error.getMessage());
          assertTrue(message.contains("items[1].deep") && message.contains(advice), message);
          assertTrue(message.contains(value.getClass().getName()), message);
        });
  }

  @Test
  void edgesAreRefused() {
    assertRefused("lone surrogate", "\ud800");
    assertRefused("lone surrogate", Map.of("\udc00", 1));
    assertRefused("100,000,000 days", Instant.MAX);
    assertRefused("100,000,000 days", Instant.ofEpochMilli(8_640_000_000_000_001L));
    assertRefused("100000 values", new ArrayList<>(java.util.Collections.nCopies(100_000, 1)));
    assertRefused("same one", new LinkedHashSet<Object>(List.of(1, 1L)));
    assertRefused("same one", new LinkedHashSet<Object>(List.of(0, -0.0)));
    Map<Object, Object> keys = new LinkedHashMap<>();
    keys.put(1, 1);
    keys.put(1.0, 1);
    assertRefused("same one", keys);
    List<Object> cycle = new ArrayList<>();
    cycle.add(cycle);
    assertRefused("contains itself", cycle);
    Values.normalise("a", new ArrayList<>(java.util.Collections.nCopies(99_999, 1)));
    for (String name : List.of("", "__proto__", "constructor", "prototype", "x".repeat(257), "é".repeat(129), "\ud800")) {
      assertThrows(AttributeException.class, () -> Values.checkName(name));
    }
    Values.checkName("x".repeat(256));
    Values.checkName("é".repeat(128));
  }

  private static void assertRefused(String problem, Object value) {
    AttributeException error = assertThrows(AttributeException.class, () -> Values.normalise("a", value));
    assertTrue(String.valueOf(error.getMessage()).contains(problem), error.getMessage());
  }

  @Test
  void sixtyFourLevelsAndNoMore() {
    Object deep = nested(64);
    for (Codec codec : CODECS) assertTrue(Values.equal(Values.normalise("a", deep), stored(codec, deep)));
    assertRefused("deeper than 64", nested(65));
    // As another writer may have them.
    byte[] packed = HexFormat.of().parseHex("9181a161" + "91".repeat(64) + "90");
    assertThrows(MalformedPayloadException.class, () -> Codec.MESSAGE_PACK.decode(packed));
    String json = "[{\"a\":" + "[".repeat(65) + "]".repeat(65) + "}]";
    assertThrows(MalformedPayloadException.class, () -> Codec.JSON.decode(Bytes.utf8(json)));
    String deeper = "[".repeat(100_000);
    assertThrows(MalformedPayloadException.class, () -> Codec.JSON.decode(Bytes.utf8(deeper)));
    KeyedMap map = new KeyedMap();
    for (int level = 1; level < 64; level++) {
      KeyedMap outer = new KeyedMap();
      outer.put(1, map);
      map = outer;
    }
    for (Codec codec : CODECS) assertTrue(Values.equal(Values.normalise("a", map), stored(codec, map)));
  }

  private static Object nested(int levels) {
    List<Object> list = new ArrayList<>();
    for (int level = 1; level < levels; level++) {
      List<Object> outer = new ArrayList<>();
      outer.add(list);
      list = outer;
    }
    return list;
  }

  @Test
  void lengthsAreNotBelieved() {
    for (String payload :
        List.of("9181a161ddffffffff", "9181a161dfffffffff", "9181a161dbffffffff", "9181a161c6ffffffff", "ddffffffff", "91dfffffffff")) {
      byte[] bytes = HexFormat.of().parseHex(payload);
      assertThrows(MalformedPayloadException.class, () -> Codec.MESSAGE_PACK.decode(bytes));
    }
    // Many values, whose number is counted before there is room made for them.
    String head = "9181a161dd000186a1";
    byte[] many = HexFormat.of().parseHex(head + "c0".repeat(100_001));
    assertThrows(MalformedPayloadException.class, () -> Codec.MESSAGE_PACK.decode(many));
  }

  @Test
  void inflatingStops() {
    RecordFormat large = new RecordFormat(Codec.MESSAGE_PACK, SealMode.SEALED, 0, Integer.MAX_VALUE);
    Token token = Token.create(Vectors.keyring(), 1, 0);
    RecordFormat.Context context = new RecordFormat.Context(Vectors.keyring(), token);
    RecordHeader header = new RecordHeader(1, 0, 1, 1, 1, null);
    // Around the bytes there are 9 of the payload.
    int most = (16 << 20) - 9;
    for (int size : List.of(most, most + 1, 17 << 20)) {
      Codec.Payload payload = new Codec.Payload(Map.of("a", new byte[size]), Map.of());
      byte[] record = large.encode(header, payload, context.keyring().primary(), context);
      RecordFormat.Opened opened = RecordFormat.open(record, context);
      assertEquals(size > most ? RecordFormat.Rejection.PAYLOAD : null, opened.rejection());
    }
  }

  @Test
  void readersTakeOtherForms() {
    assertEquals(3L, read("cb4008000000000000"));
    assertEquals(0.5, read("ca3f000000"));
    assertEquals(-0.0, read("cb8000000000000000"));
    assertEquals(new BigInteger("18446744073709551615"), read("cfffffffffffffffff"));
    assertEquals(BigInteger.valueOf(Long.MIN_VALUE), read("d38000000000000000"));
    assertEquals(5L, read("cf0000000000000005"));
    assertEquals(BigInteger.valueOf(5), read("d70300000000000000" + "05"));
    assertEquals(Instant.ofEpochMilli(1), read("d7ff003d0900" + "00000000"));
    assertThrows(MalformedPayloadException.class, () -> read("c1"));
    assertThrows(MalformedPayloadException.class, () -> read("d40501"));
    assertThrows(MalformedPayloadException.class, () -> read("a2c328"));
    assertThrows(MalformedPayloadException.class, () -> read("8101c0"));
    for (String json :
        List.of(
            "{\"$x\":1}", "{\"$date\":1.5}", "{\"$bigint\":\"01\"}", "{\"$bigint\":\"-0\"}", "{\"$bytes\":\"AQ\"}",
            "{\"$number\":\"1\"}", "{\"$set\":[1,1]}", "{\"$map\":[[1]]}", "{\"$object\":[]}", "\"\\ud800\"", "01", "1e999",
            "[1,]", "nul", "'a'", "\"\n\"", "NaN", "\ufeff1")) {
      byte[] bytes = Bytes.utf8("[{\"a\":" + json + "}]");
      assertThrows(MalformedPayloadException.class, () -> Codec.JSON.decode(bytes), json);
    }
    Map<String, @Nullable Object> object = Codec.JSON.decode(Bytes.utf8("[{\"$date\":{\"$object\":{\"$set\":1}}}]")).attributes();
    assertEquals(Map.of("$date", Map.of("$set", 1L)), object);
  }

  private static @Nullable Object read(String hex) {
    return Codec.MESSAGE_PACK.decode(HexFormat.of().parseHex("9181a161" + hex)).attributes().get("a");
  }
}
