package dev.sojourn;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;

/** Unsigned big endian numbers, and texts, in byte arrays. */
final class Bytes {
  private static final Base64.Encoder BASE64URL = Base64.getUrlEncoder().withoutPadding();

  private Bytes() {}

  static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  static String ascii(byte[] bytes) {
    return new String(bytes, StandardCharsets.ISO_8859_1);
  }

  static String base64url(byte[] bytes) {
    return BASE64URL.encodeToString(bytes);
  }

  /** @throws IllegalArgumentException for anything that is not base64url */
  static byte[] fromBase64url(String text) {
    return Base64.getUrlDecoder().decode(text);
  }

  static byte[] slice(byte[] bytes, int start, int end) {
    return Arrays.copyOfRange(bytes, start, end);
  }

  static byte[] concat(byte[]... parts) {
    int length = 0;
    for (byte[] part : parts) length += part.length;
    byte[] all = new byte[length];
    int at = 0;
    for (byte[] part : parts) {
      System.arraycopy(part, 0, all, at, part.length);
      at += part.length;
    }
    return all;
  }

  static void put(byte[] target, int at, byte[] bytes) {
    System.arraycopy(bytes, 0, target, at, bytes.length);
  }

  static void putNumber(byte[] target, int at, int size, long value) {
    for (int i = size - 1; i >= 0; i--) {
      target[at + i] = (byte) value;
      value >>>= 8;
    }
  }

  /** Up to 7 bytes, so that it is never negative. */
  static long number(byte[] bytes, int at, int size) {
    long value = 0;
    for (int i = 0; i < size; i++) value = value << 8 | (bytes[at + i] & 0xff);
    return value;
  }
}
