package dev.sojourn;

import java.math.BigInteger;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Does not trust its input: a declared length is believed only as far as there are bytes left, before room is made for it;
 * depth and number of values are bounded.
 */
final class MessagePackReader {
  private final byte[] bytes;
  private int position;
  private int end;
  /** In the attribute that is being read. */
  private int nodes;

  MessagePackReader(byte[] bytes) {
    this.bytes = bytes;
    end = bytes.length;
  }

  /** @throws MalformedPayloadException and nothing else */
  List<Map<String, @Nullable Object>> payload() {
    List<Map<String, @Nullable Object>> maps = new ArrayList<>();
    for (int left = arrayHead(); left > 0; left--) maps.add(attributes());
    if (position != end) throw fail("bytes after the end");
    return maps;
  }

  private Map<String, @Nullable Object> attributes() {
    int head = octet();
    long count;
    if (head >> 4 == 0x8) count = head & 0x0f;
    else if (head == 0xde || head == 0xdf) count = unsigned(head == 0xde ? 2 : 4);
    else throw fail("no map where one belongs");
    Map<String, @Nullable Object> attributes = new LinkedHashMap<>();
    for (int left = plausible(count, 2); left > 0; left--) {
      String name = key();
      nodes = 1;
      attributes.put(name, value(0));
    }
    return attributes;
  }

  private int arrayHead() {
    int head = octet();
    if (head >> 4 == 0x9) return head & 0x0f;
    if (head == 0xdc || head == 0xdd) return plausible(unsigned(head == 0xdc ? 2 : 4), 1);
    throw fail("no array where one belongs");
  }

  private String key() {
    int head = octet();
    if (head >> 5 == 0b101) return text(head & 0x1f);
    if (head >= 0xd9 && head <= 0xdb) return text(unsigned(1 << (head - 0xd9)));
    throw fail("a key that is not text");
  }

  private @Nullable Object value(int depth) {
    int head = octet();
    if (head < 0x80) return (long) head;
    if (head < 0x90) return map(head & 0x0f, depth);
    if (head < 0xa0) return array(head & 0x0f, depth);
    if (head < 0xc0) return text(head & 0x1f);
    if (head >= 0xe0) return (long) head - 0x100;
    return switch (head) {
      case 0xc0 -> null;
      case 0xc2 -> false;
      case 0xc3 -> true;
      case 0xc4, 0xc5, 0xc6 -> take(unsigned(1 << (head - 0xc4)));
      case 0xc7, 0xc8, 0xc9 -> extension(unsigned(1 << (head - 0xc7)), depth);
      case 0xca -> Values.number((double) Float.intBitsToFloat((int) unsigned(4)));
      case 0xcb -> Values.number(Double.longBitsToDouble(word()));
      case 0xcc, 0xcd, 0xce -> unsigned(1 << (head - 0xcc));
      case 0xcf -> unsignedWord();
      case 0xd0 -> (long) (byte) unsigned(1);
      case 0xd1 -> (long) (short) unsigned(2);
      case 0xd2 -> (long) (int) unsigned(4);
      case 0xd3 -> Values.whole(word());
      case 0xd4, 0xd5, 0xd6, 0xd7, 0xd8 -> extension(1 << (head - 0xd4), depth);
      case 0xd9, 0xda, 0xdb -> text(unsigned(1 << (head - 0xd9)));
      case 0xdc, 0xdd -> array(unsigned(head == 0xdc ? 2 : 4), depth);
      case 0xde, 0xdf -> map(unsigned(head == 0xde ? 2 : 4), depth);
      default -> throw fail("a byte that begins nothing");
    };
  }

  private List<@Nullable Object> array(long declared, int depth) {
    int count = enter(plausible(declared, 1), depth);
    List<@Nullable Object> items = new ArrayList<>(count);
    for (int left = count; left > 0; left--) items.add(value(depth + 1));
    return items;
  }

  private Map<String, @Nullable Object> map(long declared, int depth) {
    int count = enter(plausible(declared, 2), depth);
    Map<String, @Nullable Object> map = new LinkedHashMap<>();
    for (int left = count; left > 0; left--) {
      String key = key();
      map.put(key, value(depth + 1));
    }
    return map;
  }

  /** Counts what a container declares, before room is made for it. */
  private int enter(int count, int depth) {
    if (depth == Values.MAX_DEPTH) throw fail("nested too deeply");
    nodes += count;
    if (nodes > Values.MAX_NODES) throw fail("too many values");
    return count;
  }

  private Object extension(long length, int depth) {
    int type = (byte) octet();
    switch (type) {
      case MessagePackCodec.EXT_TIMESTAMP:
        return timestamp(take(length));
      case MessagePackCodec.EXT_MAP: {
        List<@Nullable Object> flat = collection(length, depth);
        if (flat.size() % 2 != 0) throw fail("a map with half an entry");
        KeyedMap map = new KeyedMap();
        for (int i = 0; i < flat.size(); i += 2) {
          if (!map.add(flat.get(i), flat.get(i + 1))) throw fail("a map with a key twice");
        }
        return map;
      }
      case MessagePackCodec.EXT_SET: {
        Set<@Nullable Object> set = Values.setOf(collection(length, depth));
        if (set == null) throw fail("a set with a member twice");
        return set;
      }
      case MessagePackCodec.EXT_BIG_INTEGER:
        if (length == 0) throw fail("a big integer without bytes");
        return new BigInteger(take(length));
      case MessagePackCodec.EXT_MINUS_ZERO:
        if (length != 0) throw fail("a negative zero with bytes");
        return -0.0;
      default:
        throw fail("an extension that is not known");
    }
  }

  /** The array that is all the content of a map or a set. */
  private List<@Nullable Object> collection(long length, int depth) {
    int outerEnd = end;
    end = plausible(length, 1) + position;
    List<@Nullable Object> items = array(arrayHead(), depth);
    if (position != end) throw fail("bytes after the end of a map or set");
    end = outerEnd;
    return items;
  }

  /** Seconds in 32 bits; nanoseconds in 30 and seconds in 34; nanoseconds in 32 and signed seconds in 64. */
  private static Instant timestamp(byte[] content) {
    long seconds;
    long nanoseconds = 0;
    if (content.length == 4) seconds = Bytes.number(content, 0, 4);
    else if (content.length == 8) {
      nanoseconds = Bytes.number(content, 0, 4) >>> 2;
      seconds = Bytes.number(content, 3, 5) & 0x3_ffff_ffffL;
    } else if (content.length == 12) {
      nanoseconds = Bytes.number(content, 0, 4);
      seconds = new BigInteger(Bytes.slice(content, 4, 12)).longValue();
    } else throw fail("a timestamp of the wrong length");
    if (nanoseconds >= 1_000_000_000 || Math.abs(seconds / 1000) > 8_640_000_000L) throw fail("a timestamp out of range");
    long ms = seconds * 1000 + nanoseconds / 1_000_000;
    if (!Values.isDate(ms)) throw fail("a timestamp out of range");
    return Instant.ofEpochMilli(ms);
  }

  private Object unsignedWord() {
    long word = word();
    return word >= 0 ? Values.whole(word) : new BigInteger(Long.toUnsignedString(word));
  }

  private String text(long length) {
    int start = skip(length);
    return Values.utf8(bytes, start, position - start);
  }

  private byte[] take(long length) {
    int start = skip(length);
    return Bytes.slice(bytes, start, position);
  }

  private int octet() {
    return bytes[skip(1)] & 0xff;
  }

  private long unsigned(int size) {
    int start = skip(size);
    return Bytes.number(bytes, start, size);
  }

  private long word() {
    int start = skip(8);
    return Bytes.number(bytes, start, 8);
  }

  /** Moves on by {@code length} bytes, which have to be there, and answers with where they begin. */
  private int skip(long length) {
    int start = position;
    position += plausible(length, 1);
    return start;
  }

  private int plausible(long count, int bytesEach) {
    if (count * bytesEach > end - position) throw fail("cut off");
    return (int) count;
  }

  private static MalformedPayloadException fail(String problem) {
    return new MalformedPayloadException(problem);
  }
}
