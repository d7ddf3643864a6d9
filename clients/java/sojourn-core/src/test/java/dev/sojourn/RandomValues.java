package dev.sojourn;

import java.math.BigInteger;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Values of all kinds, with a taste for the edges. The same seed makes the same ones. */
final class RandomValues {
  private static final String[] TEXTS = {
    "", "a", "Zoë 🙂", "\0", "$date", "\u2028\ufeff", "\ufffd", "\"\\\n\t", "x".repeat(31), "x".repeat(32), "é".repeat(200), "__proto__"
  };
  private static final double[] DOUBLES = {
    0.1, -0.0, Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, Double.MIN_VALUE, Double.MAX_VALUE, 1e21, 1e-7,
    123456789.125, -1.5, 9007199254740992.0
  };
  private static final long[] LONGS = {
    0, 1, -1, 127, 128, 255, 256, 65535, 65536, -32, -33, -128, -129, -32768, -32769, 0x7fffffffL, 0xffffffffL, 0x100000000L,
    -0x80000000L, -0x80000001L, (1L << 53) - 1, -(1L << 53) + 1, 1L << 53, -(1L << 53), Long.MAX_VALUE, Long.MIN_VALUE
  };
  private static final long[] DATES = {
    0, 1, -1, 999, 1000, -1000, 1732440000123L, 4294967296000L, 17179869184000L, -62135596800000L, 8640000000000000L, -8640000000000000L
  };

  private final Random random;

  RandomValues(long seed) {
    random = new Random(seed);
  }

  Map<String, @Nullable Object> attributes() {
    Map<String, @Nullable Object> attributes = new LinkedHashMap<>();
    for (int count = random.nextInt(6); count > 0; count--) attributes.put("a" + random.nextInt(1000), value(0));
    return attributes;
  }

  @Nullable Object value(int depth) {
    int kind = random.nextInt(depth < 4 ? 14 : 8);
    return switch (kind) {
      case 0 -> null;
      case 1 -> random.nextBoolean();
      case 2 -> text();
      case 3 -> random.nextBoolean() ? LONGS[random.nextInt(LONGS.length)] : random.nextLong() >> random.nextInt(64);
      case 4 -> random.nextBoolean() ? DOUBLES[random.nextInt(DOUBLES.length)] : Double.longBitsToDouble(random.nextLong());
      case 5 -> new BigInteger(random.nextInt(100), random).multiply(BigInteger.valueOf(random.nextBoolean() ? 1 : -1));
      case 6 -> bytes();
      case 7 -> Instant.ofEpochMilli(random.nextBoolean() ? DATES[random.nextInt(DATES.length)] : random.nextLong() >> 14);
      case 8, 9 -> list(depth);
      case 10, 11 -> object(depth);
      case 12 -> keyed(depth);
      default -> set(depth);
    };
  }

  private String text() {
    if (random.nextBoolean()) return TEXTS[random.nextInt(TEXTS.length)];
    StringBuilder text = new StringBuilder();
    for (int left = random.nextInt(12); left > 0; left--) {
      int point = random.nextInt(random.nextBoolean() ? 0x80 : 0x110000);
      text.appendCodePoint(point >= 0xd800 && point < 0xe000 ? 'x' : point);
    }
    return text.toString();
  }

  private byte[] bytes() {
    byte[] bytes = new byte[random.nextInt(300)];
    random.nextBytes(bytes);
    return bytes;
  }

  private List<@Nullable Object> list(int depth) {
    List<@Nullable Object> list = new ArrayList<>();
    for (int left = random.nextInt(depth == 0 ? 20 : 5); left > 0; left--) list.add(value(depth + 1));
    return list;
  }

  private Map<String, @Nullable Object> object(int depth) {
    Map<String, @Nullable Object> object = new LinkedHashMap<>();
    for (int left = random.nextInt(depth == 0 ? 20 : 5); left > 0; left--) object.put(text(), value(depth + 1));
    return object;
  }

  private KeyedMap keyed(int depth) {
    KeyedMap map = new KeyedMap();
    for (int left = random.nextInt(6); left > 0; left--) map.put(value(depth + 2), value(depth + 1));
    return map;
  }

  private Set<@Nullable Object> set(int depth) {
    Set<@Nullable Object> set = new LinkedHashSet<>();
    for (int left = random.nextInt(6); left > 0; left--) {
      Object member = value(depth + 1);
      // Members that become the same one are refused, which is tested for itself.
      if (!(member instanceof Number)) set.add(member);
      else if (set.stream().noneMatch(Number.class::isInstance)) set.add(member);
    }
    return set;
  }
}
