package dev.sojourn;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The 1,024 partitions and their hash tags. The tag of a partition in region r is the (r + 1)-th string of three
 * characters, in the order 0-9 A-Z a-z, whose Redis Cluster slot (CRC-16/XMODEM modulo 16,384) is 16 times the partition.
 */
final class Partitions {
  static final int COUNT = 1024;
  static final int REGIONS = 8;
  static final int TAG_LENGTH = 3;

  private static final String ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  private static final String[][] TAGS = findTags();
  private static final Map<String, Integer> PLACES = places();

  private Partitions() {}

  /**
   * @param partition 0 to 1,023
   * @param region 0 to 7
   */
  static String tag(int partition, int region) {
    return TAGS[region][partition];
  }

  /** The partition of a tag, in whichever region, or null when it is none of ours. */
  static @Nullable Integer partitionOf(String tag) {
    Integer place = PLACES.get(tag);
    return place == null ? null : place % COUNT;
  }

  private static String[][] findTags() {
    String[][] tags = new String[REGIONS][COUNT];
    int[] found = new int[COUNT];
    for (char a : ALPHABET.toCharArray()) {
      for (char b : ALPHABET.toCharArray()) {
        for (char c : ALPHABET.toCharArray()) {
          int slot = crc(crc(crc(0, a), b), c) % 16384;
          if (slot % 16 != 0 || found[slot / 16] == REGIONS) continue;
          tags[found[slot / 16]++][slot / 16] = "" + a + b + c;
        }
      }
    }
    return tags;
  }

  private static int crc(int crc, int octet) {
    crc ^= octet << 8;
    for (int bit = 0; bit < 8; bit++) crc = (crc & 0x8000) == 0 ? crc << 1 : (crc << 1) ^ 0x1021;
    return crc & 0xffff;
  }

  private static Map<String, Integer> places() {
    Map<String, Integer> places = new HashMap<>();
    for (int region = 0; region < REGIONS; region++) {
      for (int partition = 0; partition < COUNT; partition++) places.put(TAGS[region][partition], region * COUNT + partition);
    }
    return places;
  }
}
