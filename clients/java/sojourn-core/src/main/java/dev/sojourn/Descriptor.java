package dev.sojourn;

import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a principal's index says of a session, so that a list of devices opens no records (protocol/README.md, 8). Times are
 * milliseconds since the epoch, {@code idleTimeout} is milliseconds.
 *
 * @param kind of client, as the login has named it
 */
record Descriptor(
    long createdAt,
    long deadline,
    long idleTimeout,
    String principal,
    @Nullable String kind,
    @Nullable String device,
    @Nullable String address) {
  private static final int VERSION = 1;
  private static final int IDLE_OFFSET = 7;
  private static final int KIND_OFFSET = 13;
  private static final int KIND_BYTES = 4;
  private static final int KEY_ID_OFFSET = 17;
  private static final int NONCE_OFFSET = 19;
  private static final int SEALED_OFFSET = 31;
  /** Keeps these keys apart from those of records and forwards. */
  private static final byte[] PURPOSE = {4};

  /**
   * The clear part, which limits go by.
   *
   * @param kind the tag of the kind as a number, 0 for none
   */
  record Head(long createdAt, long idleTimeout, long kind) {
    static Head of(byte[] descriptor) {
      byte[] head = Crypto.head(descriptor, KEY_ID_OFFSET);
      return new Head(
          Bytes.number(head, 1, 6), Bytes.number(head, IDLE_OFFSET, 6), Bytes.number(head, KIND_OFFSET, KIND_BYTES));
    }
  }

  byte[] seal(Keyring keyring, byte[] pepper, String ownerTag, String id) {
    return seal(keyring, pepper, ownerTag, id, Crypto.randomBytes(12));
  }

  byte[] seal(Keyring keyring, byte[] pepper, String ownerTag, String id, byte[] nonce) {
    Map<String, @Nullable Object> content = new LinkedHashMap<>();
    content.put("x", deadline);
    content.put("p", principal);
    if (kind != null) content.put("c", kind);
    if (device != null) content.put("d", device);
    if (address != null) content.put("i", address);
    byte[] start = new byte[SEALED_OFFSET];
    start[0] = VERSION;
    Bytes.putNumber(start, 1, 6, createdAt);
    Bytes.putNumber(start, IDLE_OFFSET, 6, idleTimeout);
    if (kind != null) Bytes.put(start, KIND_OFFSET, kindTag(pepper, kind));
    Bytes.putNumber(start, KEY_ID_OFFSET, 2, keyring.primary().id);
    Bytes.put(start, NONCE_OFFSET, nonce);
    byte[] plain = Codec.MESSAGE_PACK.encode(content, Map.of());
    byte[] sealed = Crypto.seal(key(keyring.primary(), ownerTag), nonce, additional(start, id), plain);
    return Bytes.concat(start, sealed);
  }

  /** Null when it does not open: the session is then listed without its details. */
  static @Nullable Descriptor open(Keyring keyring, String ownerTag, String id, byte[] descriptor) {
    if (descriptor.length <= SEALED_OFFSET || descriptor[0] != VERSION) return null;
    byte[] start = Crypto.head(descriptor, SEALED_OFFSET);
    byte[] nonce = Bytes.slice(start, NONCE_OFFSET, SEALED_OFFSET);
    byte[] sealed = Bytes.slice(descriptor, SEALED_OFFSET, descriptor.length);
    for (Keyring.Key key : keyring.named((int) Bytes.number(start, KEY_ID_OFFSET, 2))) {
      byte[] plain = Crypto.open(key(key, ownerTag), nonce, additional(start, id), sealed);
      if (plain == null) continue;
      try {
        return of(Head.of(start), Codec.MESSAGE_PACK.decode(plain).attributes());
      } catch (MalformedPayloadException malformed) {
        return null;
      }
    }
    return null;
  }

  private static @Nullable Descriptor of(Head head, Map<String, @Nullable Object> content) {
    if (!(content.get("x") instanceof Long deadline) || !(content.get("p") instanceof String principal)) return null;
    return new Descriptor(
        head.createdAt,
        deadline,
        head.idleTimeout,
        principal,
        Meta.text(content, "c"),
        Meta.text(content, "d"),
        Meta.text(content, "i"));
  }

  /** Names a kind of client to scripts; one-way, as the principal's name is. */
  static byte[] kindTag(byte[] pepper, String kind) {
    return Crypto.head(Crypto.hmac(pepper, Bytes.utf8("kind\0" + kind)), KIND_BYTES);
  }

  private static byte[] key(Keyring.Key key, String ownerTag) {
    return Crypto.hmac(key.seal, PURPOSE, Bytes.ascii(ownerTag));
  }

  private static byte[] additional(byte[] start, String id) {
    return Bytes.concat(start, Bytes.ascii(id));
  }
}
