package dev.sojourn;

import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The secret in the cookie (protocol/README.md, 2). Whoever has it has the session: never log it. {@link #toString()}
 * shows the session's public id only.
 */
public final class Token {
  /** Characters of {@link #value()}. */
  public static final int LENGTH = 48;

  private static final int VERSION = 1;
  private static final int SECRET_OFFSET = 3;
  private static final int MAC_OFFSET = 27;
  private static final int BYTES = 36;
  private static final Pattern SHAPE = Pattern.compile("[A-Za-z0-9_-]{48}");
  private static final Pattern ID_SHAPE = Pattern.compile("[A-Za-z0-9]{3}[A-Za-z0-9_-]{22}");

  private final byte[] bytes;
  private final String value;
  private final String id;

  private Token(byte[] bytes) {
    this.bytes = bytes;
    value = Bytes.base64url(bytes);
    id = Partitions.tag(partition(), region()) + Bytes.base64url(Crypto.head(Crypto.sha256(secret()), 16));
  }

  /** @param partition 0 to 1,023; null: drawn at random, as for sessions of nobody */
  static Token create(Keyring keyring, @Nullable Integer partition, int region) {
    byte[] bytes = new byte[BYTES];
    byte[] random = Crypto.randomBytes(MAC_OFFSET - SECRET_OFFSET + 2);
    bytes[0] = (byte) (VERSION << 5 | region);
    Bytes.putNumber(bytes, 1, 2, partition != null ? partition : Bytes.number(random, 0, 2) % Partitions.COUNT);
    System.arraycopy(random, 2, bytes, SECRET_OFFSET, MAC_OFFSET - SECRET_OFFSET);
    Bytes.put(bytes, MAC_OFFSET, mac(keyring.primary(), bytes));
    return new Token(bytes);
  }

  /** The token, or null for everything that this keyring did not make. Costs no I/O. */
  static @Nullable Token parse(Keyring keyring, @Nullable String text) {
    if (text == null || text.length() != LENGTH) return null;
    try {
      return verify(keyring, Bytes.fromBase64url(text));
    } catch (IllegalArgumentException notBase64url) {
      return null;
    }
  }

  /** Of a text that is no token: whether only its signature tells so. */
  static SessionListener.Rejection refusalOf(String text) {
    return SHAPE.matcher(text).matches() ? SessionListener.Rejection.FORGED : SessionListener.Rejection.MALFORMED;
  }

  /** As {@link #parse}, from the 36 bytes themselves. */
  static @Nullable Token verify(Keyring keyring, byte[] bytes) {
    if (bytes.length != BYTES) return null;
    byte[] given = Bytes.slice(bytes, MAC_OFFSET, BYTES);
    // Every key is tried, so that the time does not tell which one fitted.
    boolean valid = false;
    for (Keyring.Key key : keyring.keys()) valid |= Crypto.equal(mac(key, bytes), given);
    int first = bytes[0] & 0xff;
    if (!valid || first >> 5 != VERSION || (first & 31) >= Partitions.REGIONS) return null;
    return Bytes.number(bytes, 1, 2) < Partitions.COUNT ? new Token(bytes.clone()) : null;
  }

  private static byte[] mac(Keyring.Key key, byte[] bytes) {
    return Crypto.head(Crypto.hmac(key.token, Bytes.slice(bytes, 0, MAC_OFFSET)), BYTES - MAC_OFFSET);
  }

  /** Whether a text from outside can be a session id, and so part of a key. */
  static boolean isSessionId(String text) {
    return ID_SHAPE.matcher(text).matches() && Partitions.partitionOf(text.substring(0, Partitions.TAG_LENGTH)) != null;
  }

  /** The cookie's value, 48 characters of base64url: the secret itself. */
  public String value() {
    return value;
  }

  /** The public name of the session, 25 characters: safe to log and to show, of no use as a cookie. */
  public String id() {
    return id;
  }

  int region() {
    return bytes[0] & 31;
  }

  int partition() {
    return (int) Bytes.number(bytes, 1, 2);
  }

  /** The random part: keys of token-sealed records are derived from it. */
  byte[] secret() {
    return Bytes.slice(bytes, SECRET_OFFSET, MAC_OFFSET);
  }

  byte[] bytes() {
    return bytes.clone();
  }

  @Override
  public String toString() {
    return "Token[id=" + id + "]";
  }
}
