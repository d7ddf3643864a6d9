package dev.sojourn;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.zip.DataFormatException;
import java.util.zip.Deflater;
import java.util.zip.Inflater;
import org.jspecify.annotations.Nullable;

/**
 * Records to bytes and back (protocol/README.md, 6).
 *
 * @param compressFrom payloads of at least so many bytes are compressed, if that makes them smaller
 * @param maxBytes of a payload, before compression
 */
record RecordFormat(Codec codec, SealMode seal, int compressFrom, int maxBytes) {
  static final int VERSION = 1;
  static final int TRAIL_FLAG = 0x80;
  static final int STAMP_OFFSET = 2;
  static final int STAMP_END = 10;
  static final int NONCE_OFFSET = 2;
  static final int NONCE_END = 14;
  private static final int UNKNOWN_FLAG = 0x40;
  private static final int OWNED = 0x20;
  private static final int SEAL_SHIFT = 3;
  private static final int COMPRESSED = 0x04;
  private static final int FIXED_BYTES = 36;
  private static final int OWNER_BYTES = 16;
  private static final int RANDOM_BYTES = 8;
  /** A small record must not become a large allocation. */
  private static final int MOST_INFLATED_BYTES = 16 * 1024 * 1024;

  /** Why a record was not opened; for operators only. */
  enum Rejection {
    /** Not a record of a version that is known here. */
    FORMAT,
    /** Made with a secret that is not in the keyring. */
    KEY,
    /** Sealed with the token, which was not at hand. */
    TOKEN_NEEDED,
    /** Changed, cut off, or copied from another session. */
    DAMAGED,
    /** Authentic, but the payload is not what a codec makes. */
    PAYLOAD
  }

  /**
   * What became of a record: either {@code header}, {@code payload} and {@code key}, or a rejection.
   *
   * @param key that has opened it
   */
  record Opened(
      @Nullable RecordHeader header,
      Codec.@Nullable Payload payload,
      Keyring.@Nullable Key key,
      @Nullable Rejection rejection) {
    private static Opened rejected(Rejection rejection) {
      return new Opened(null, null, null, rejection);
    }
  }

  /**
   * Whose record it is.
   *
   * @param token needed for token-sealed ones
   */
  record Context(Keyring keyring, String id, @Nullable Token token) {
    Context(Keyring keyring, Token token) {
      this(keyring, token.id(), token);
    }
  }

  /**
   * @param key of the record before, so that by a record is seen which secret its client's token is signed with; the first of
   *     the keyring for a token that is new
   * @throws SessionTooLargeException when the payload has more than {@code maxBytes}, before compression
   */
  byte[] encode(RecordHeader header, Codec.Payload payload, Keyring.Key key, Context context) {
    return encode(header, payload, key, context, Crypto.randomBytes(RANDOM_BYTES));
  }

  /** @param random new for each record */
  byte[] encode(RecordHeader header, Codec.Payload content, Keyring.Key key, Context context, byte[] random) {
    byte[] payload = codec.encode(content.attributes(), content.meta());
    if (payload.length > maxBytes) throw tooLarge(payload.length, content);
    int flags = codec.id | seal.ordinal() << SEAL_SHIFT;
    byte[] smaller = payload.length >= compressFrom ? compressed(payload) : null;
    if (smaller != null) flags |= COMPRESSED;
    byte[] head = head(header, flags, key.id, random);
    byte[] sessionKey = sessionKey(key, seal.ordinal(), context);
    if (sessionKey == null) throw new IllegalStateException("a token-sealed record needs its token");
    byte[] additional = Bytes.concat(head, Bytes.ascii(context.id));
    byte[] stored = smaller == null ? payload : smaller;
    if (seal == SealMode.AUTHENTICATED) return Bytes.concat(head, stored, authentication(sessionKey, additional, stored));
    return Bytes.concat(head, Crypto.seal(sessionKey, Bytes.slice(head, NONCE_OFFSET, NONCE_END), additional, stored));
  }

  private static byte[] head(RecordHeader header, int flags, int keyId, byte[] random) {
    byte[] head = new byte[FIXED_BYTES + (header.ownerTag() == null ? 0 : OWNER_BYTES)];
    if (header.ownerTag() != null) {
      flags |= OWNED;
      Bytes.put(head, FIXED_BYTES, Bytes.fromBase64url(header.ownerTag()));
    }
    head[0] = VERSION;
    head[1] = (byte) flags;
    Bytes.putNumber(head, 2, 4, header.revision());
    Bytes.put(head, 6, random);
    Bytes.putNumber(head, 14, 2, keyId);
    Bytes.putNumber(head, 16, 6, header.createdAt());
    Bytes.putNumber(head, 22, 6, header.deadline());
    Bytes.putNumber(head, 28, 6, header.idleTimeout());
    Bytes.putNumber(head, 34, 2, header.schema());
    return head;
  }

  /** Opens a record of any codec and sealing. */
  static Opened open(byte[] record, Context context) {
    RecordHeader header = header(record);
    if (header == null) return Opened.rejected(Rejection.FORMAT);
    int flags = record[1];
    Codec codec = Codec.of(flags & 3);
    int sealing = flags >> SEAL_SHIFT & 3;
    if (codec == null || sealing > 2) return Opened.rejected(Rejection.FORMAT);
    int bodyOffset = headBytes(flags);
    byte[] head = Crypto.head(record, bodyOffset);
    byte[] body = Bytes.slice(record, bodyOffset, record.length);
    byte[] additional = Bytes.concat(head, Bytes.ascii(context.id));
    Rejection rejection = Rejection.KEY;
    for (Keyring.Key key : context.keyring.named((int) Bytes.number(record, 14, 2))) {
      byte[] sessionKey = sessionKey(key, sealing, context);
      if (sessionKey == null) return Opened.rejected(Rejection.TOKEN_NEEDED);
      byte[] plain =
          sealing == 0
              ? verified(sessionKey, additional, body)
              : Crypto.open(sessionKey, Bytes.slice(head, NONCE_OFFSET, NONCE_END), additional, body);
      if (plain == null) {
        rejection = Rejection.DAMAGED;
        continue;
      }
      try {
        return new Opened(header, codec.decode((flags & COMPRESSED) == 0 ? plain : inflated(plain)), key, null);
      } catch (MalformedPayloadException malformed) {
        return Opened.rejected(Rejection.PAYLOAD);
      }
    }
    return Opened.rejected(rejection);
  }

  /** The clear header, without opening the record: it is not authenticated then. Null for what is no record. */
  static @Nullable RecordHeader header(byte[] record) {
    if (record.length < 2 || record[0] != VERSION || (record[1] & (TRAIL_FLAG | UNKNOWN_FLAG)) != 0) return null;
    int flags = record[1];
    if (record.length < headBytes(flags) + Crypto.GCM_TAG_BYTES) return null;
    boolean isOwned = (flags & OWNED) != 0;
    return new RecordHeader(
        Bytes.number(record, 2, 4),
        Bytes.number(record, 16, 6),
        Bytes.number(record, 22, 6),
        Bytes.number(record, 28, 6),
        (int) Bytes.number(record, 34, 2),
        isOwned ? Bytes.base64url(Bytes.slice(record, FIXED_BYTES, FIXED_BYTES + OWNER_BYTES)) : null);
  }

  /** Whether the bytes are what is left at an id that was given up, instead of a record. */
  static boolean isTrail(byte[] record) {
    return record.length > 1 && record[0] == VERSION && record[1] < 0;
  }

  /** Revision and half of the random bytes: compare-and-set runs on it. */
  static byte[] stamp(byte[] record) {
    return Bytes.slice(record, STAMP_OFFSET, STAMP_END);
  }

  private static int headBytes(int flags) {
    return FIXED_BYTES + ((flags & OWNED) == 0 ? 0 : OWNER_BYTES);
  }

  /** One key a session, by one HMAC: random nonces then have to be unique within one session only. */
  private static byte @Nullable [] sessionKey(Keyring.Key key, int sealing, Context context) {
    byte[] purpose = {(byte) sealing};
    byte[] id = Bytes.ascii(context.id);
    if (sealing != SealMode.TOKEN_SEALED.ordinal()) return Crypto.hmac(key.seal, purpose, id);
    return context.token == null ? null : Crypto.hmac(key.seal, purpose, id, context.token.secret());
  }

  private static byte[] authentication(byte[] key, byte[] additional, byte[] payload) {
    return Crypto.head(Crypto.hmac(key, additional, payload), Crypto.GCM_TAG_BYTES);
  }

  private static byte @Nullable [] verified(byte[] key, byte[] additional, byte[] body) {
    int end = body.length - Crypto.GCM_TAG_BYTES;
    byte[] payload = Crypto.head(body, end);
    return Crypto.equal(Bytes.slice(body, end, body.length), authentication(key, additional, payload)) ? payload : null;
  }

  /** Raw DEFLATE; null when it is not smaller. */
  private static byte @Nullable [] compressed(byte[] payload) {
    Deflater deflater = new Deflater(Deflater.DEFAULT_COMPRESSION, true);
    try {
      deflater.setInput(payload);
      deflater.finish();
      byte[] out = new byte[payload.length];
      int length = deflater.deflate(out);
      return deflater.finished() && length < payload.length ? Crypto.head(out, length) : null;
    } finally {
      deflater.end();
    }
  }

  private static byte[] inflated(byte[] compressed) {
    Inflater inflater = new Inflater(true);
    try {
      inflater.setInput(compressed);
      byte[] out = new byte[Math.min(Math.max(256, 4 * compressed.length), MOST_INFLATED_BYTES + 1)];
      int length = 0;
      while (!inflater.finished()) {
        // One more than may come, which tells whether more would.
        if (length == out.length) out = Arrays.copyOf(out, Math.min(2 * length, MOST_INFLATED_BYTES + 1));
        int more = inflater.inflate(out, length, out.length - length);
        if (more == 0 && !inflater.finished()) throw new MalformedPayloadException("compressed data that is cut off");
        length += more;
        if (length > MOST_INFLATED_BYTES) throw new MalformedPayloadException("too large when inflated");
      }
      return Crypto.head(out, length);
    } catch (DataFormatException error) {
      throw new MalformedPayloadException("compressed data that does not inflate");
    } finally {
      inflater.end();
    }
  }

  private SessionTooLargeException tooLarge(int bytes, Codec.Payload content) {
    List<SessionTooLargeException.Size> sizes = new ArrayList<>();
    for (Map.Entry<String, @Nullable Object> attribute : content.attributes().entrySet()) {
      sizes.add(new SessionTooLargeException.Size(attribute.getKey(), codec.encodedSize(attribute.getValue())));
    }
    sizes.sort(Comparator.comparingInt(SessionTooLargeException.Size::bytes).reversed());
    return new SessionTooLargeException(bytes, maxBytes, sizes.subList(0, Math.min(5, sizes.size())));
  }
}
