package dev.sojourn;

import java.math.BigInteger;
import java.time.Instant;
import java.util.Arrays;
import java.util.Collection;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Writes each value in its shortest form. Values are in the kinds of {@link Values}. */
final class MessagePackWriter {
  private byte[] out = new byte[512];
  private int position;

  byte[] toBytes() {
    return Arrays.copyOf(out, position);
  }

  void value(@Nullable Object value) {
    if (value == null) octet(0xc0);
    else if (value instanceof Boolean flag) octet(flag ? 0xc3 : 0xc2);
    else if (value instanceof String text) text(text);
    else if (value instanceof Long number) whole(number);
    else if (value instanceof Double number) number(number);
    else if (value instanceof BigInteger number) extension(MessagePackCodec.EXT_BIG_INTEGER, number.toByteArray());
    else if (value instanceof byte[] bytes) bytes(bytes);
    else if (value instanceof Instant instant) extension(MessagePackCodec.EXT_TIMESTAMP, timestamp(instant));
    else if (value instanceof KeyedMap map) extension(MessagePackCodec.EXT_MAP, entries(map));
    else if (value instanceof Map<?, ?> map) object(map);
    else if (value instanceof Collection<?> items) {
      if (items instanceof java.util.Set<?>) extension(MessagePackCodec.EXT_SET, members(items));
      else list(items);
    } else throw new IllegalArgumentException("not normalised: " + value.getClass().getName());
  }

  private void whole(long value) {
    if (value >= 0) {
      if (value < 0x80) octet((int) value);
      else if (value <= 0xffff_ffffL) head(0xcc, value);
      else wide(0xcf, value);
    } else if (value >= -0x20) octet((int) value);
    else if (value >= Byte.MIN_VALUE) fixed(0xd0, 1, value);
    else if (value >= Short.MIN_VALUE) fixed(0xd1, 2, value);
    else if (value >= Integer.MIN_VALUE) fixed(0xd2, 4, value);
    else wide(0xd3, value);
  }

  private void number(double value) {
    if (value == 0 && 1 / value < 0) extension(MessagePackCodec.EXT_MINUS_ZERO, new byte[0]);
    else wide(0xcb, Double.doubleToLongBits(value));
  }

  private void text(String text) {
    byte[] bytes = Bytes.utf8(text);
    if (bytes.length < 32) octet(0xa0 | bytes.length);
    else head(0xd9, bytes.length);
    append(bytes);
  }

  private void bytes(byte[] bytes) {
    head(0xc4, bytes.length);
    append(bytes);
  }

  private void list(Collection<?> items) {
    if (items.size() < 16) octet(0x90 | items.size());
    else longHead(0xdc, items.size());
    for (Object item : items) value(item);
  }

  private void object(Map<?, ?> map) {
    if (map.size() < 16) octet(0x80 | map.size());
    else longHead(0xde, map.size());
    map.forEach(
        (key, item) -> {
          text((String) key);
          value(item);
        });
  }

  private static byte[] entries(KeyedMap map) {
    MessagePackWriter content = new MessagePackWriter();
    int count = 2 * map.size();
    if (count < 16) content.octet(0x90 | count);
    else content.longHead(0xdc, count);
    map.forEach(
        (key, item) -> {
          content.value(key);
          content.value(item);
        });
    return content.toBytes();
  }

  private static byte[] members(Collection<?> items) {
    MessagePackWriter content = new MessagePackWriter();
    content.list(items);
    return content.toBytes();
  }

  /** The shortest of the three forms of the standard's timestamp. */
  private static byte[] timestamp(Instant instant) {
    long seconds = instant.getEpochSecond();
    int nanoseconds = instant.getNano();
    if (seconds < 0 || seconds >= 1L << 34) {
      byte[] bytes = new byte[12];
      Bytes.putNumber(bytes, 0, 4, nanoseconds);
      Bytes.putNumber(bytes, 4, 8, seconds);
      return bytes;
    }
    boolean isShort = nanoseconds == 0 && seconds < 1L << 32;
    byte[] bytes = new byte[isShort ? 4 : 8];
    Bytes.putNumber(bytes, 0, bytes.length, isShort ? seconds : (long) nanoseconds << 34 | seconds);
    return bytes;
  }

  private void extension(int type, byte[] content) {
    int size = content.length;
    if (size > 0 && size <= 16 && Integer.bitCount(size) == 1) octet(0xd4 + Integer.numberOfTrailingZeros(size));
    else head(0xc7, size);
    octet(type);
    append(content);
  }

  /** {@code first} and 8 bits, {@code first} + 1 and 16, or {@code first} + 2 and 32. */
  private void head(int first, long value) {
    if (value > 0xff) longHead(first + 1, value);
    else fixed(first, 1, value);
  }

  /** {@code first} and 16 bits, or {@code first} + 1 and 32. */
  private void longHead(int first, long value) {
    if (value <= 0xffff) fixed(first, 2, value);
    else fixed(first + 1, 4, value);
  }

  private void wide(int head, long value) {
    fixed(head, 8, value);
  }

  private void fixed(int head, int size, long value) {
    octet(head);
    reserve(size);
    Bytes.putNumber(out, position, size, value);
    position += size;
  }

  private void octet(int value) {
    reserve(1);
    out[position++] = (byte) value;
  }

  private void append(byte[] bytes) {
    reserve(bytes.length);
    Bytes.put(out, position, bytes);
    position += bytes.length;
  }

  private void reserve(int size) {
    int needed = Math.addExact(position, size);
    if (needed > out.length) out = Arrays.copyOf(out, Math.max(needed, 2 * out.length));
  }
}
