package dev.sojourn;

import org.jspecify.annotations.Nullable;

/**
 * What is left at an id that was given up (protocol/README.md, 7).
 *
 * @param token of a forward: where it leads its holder
 * @param until of a forward: milliseconds since the epoch; whoever comes later with the former token is not led on
 * @param isUsed of a forward: whether somebody has come with the successor itself
 */
record Trail(Kind kind, @Nullable Token token, long until, boolean isUsed) {
  enum Kind {
    FORWARD,
    SUPERSEDED,
    /** A forward that does not open, or a kind that this version does not know. */
    UNREADABLE
  }

  /**
   * How long an id remembers that a login has superseded it, milliseconds: longer than a request that carries the former
   * token can still be on its way.
   */
  static final long SUPERSEDED_FOR = 5 * 60_000;

  private static final int FORWARD_FLAGS = 0x80;
  private static final int SUPERSEDED_FLAGS = 0x81;
  private static final int KEY_ID_OFFSET = 14;
  private static final int ID_OFFSET = 16;
  private static final int SUCCESSOR_END = 41;
  private static final int UNTIL_OFFSET = SUCCESSOR_END;
  private static final int USED_OFFSET = 47;
  private static final int SEALED_OFFSET = 48;
  /** Keeps these keys apart from those of records, whose first byte is the sealing. */
  private static final byte[] PURPOSE = {3};
  private static final Trail UNREADABLE = new Trail(Kind.UNREADABLE, null, 0, false);

  /** @param successor public id under which the same session goes on; null: it does not */
  static byte[] superseded(@Nullable String successor) {
    byte[] trail = start(SUPERSEDED_FLAGS, successor == null ? KEY_ID_OFFSET : SUCCESSOR_END, Crypto.randomBytes(8));
    if (successor != null) Bytes.put(trail, ID_OFFSET, Bytes.ascii(successor));
    return trail;
  }

  /**
   * A forward at {@code from} that leads its holder to {@code to}.
   *
   * @param until milliseconds since the epoch
   */
  static byte[] forward(Keyring keyring, Token from, Token to, long until) {
    return forward(keyring, from, to, until, Crypto.randomBytes(8));
  }

  static byte[] forward(Keyring keyring, Token from, Token to, long until, byte[] random) {
    byte[] start = start(FORWARD_FLAGS, SEALED_OFFSET, random);
    Bytes.putNumber(start, KEY_ID_OFFSET, 2, keyring.primary().id);
    Bytes.put(start, ID_OFFSET, Bytes.ascii(to.id()));
    Bytes.putNumber(start, UNTIL_OFFSET, 6, until);
    byte[] key = key(keyring.primary(), from);
    return Bytes.concat(start, Crypto.seal(key, nonce(start), additional(start, from), to.bytes()));
  }

  /** Reads the trail found at the id of {@code from}. */
  static Trail read(Keyring keyring, Token from, byte[] trail) {
    if (isSuperseded(trail)) return new Trail(Kind.SUPERSEDED, null, 0, false);
    if (!isForward(trail)) return UNREADABLE;
    byte[] sealed = Bytes.slice(trail, SEALED_OFFSET, trail.length);
    for (Keyring.Key key : keyring.named((int) Bytes.number(trail, KEY_ID_OFFSET, 2))) {
      byte[] plain = Crypto.open(key(key, from), nonce(trail), additional(trail, from), sealed);
      Token token = plain == null ? null : Token.verify(keyring, plain);
      if (token == null) continue;
      return new Trail(Kind.FORWARD, token, Bytes.number(trail, UNTIL_OFFSET, 6), trail[USED_OFFSET] == 1);
    }
    return UNREADABLE;
  }

  /** The public id under which the session goes on; readable without the token, and not authenticated then. */
  static @Nullable String successor(byte[] trail) {
    boolean isMarker = isSuperseded(trail) && trail.length == SUCCESSOR_END;
    if (!isForward(trail) && !isMarker) return null;
    String id = Bytes.ascii(Bytes.slice(trail, ID_OFFSET, SUCCESSOR_END));
    return Token.isSessionId(id) ? id : null;
  }

  static boolean isSuperseded(byte[] trail) {
    boolean isLength = trail.length == KEY_ID_OFFSET || trail.length == SUCCESSOR_END;
    return isLength && trail[0] == RecordFormat.VERSION && (trail[1] & 0xff) == SUPERSEDED_FLAGS;
  }

  private static boolean isForward(byte[] trail) {
    return trail.length > SEALED_OFFSET && trail[0] == RecordFormat.VERSION && (trail[1] & 0xff) == FORWARD_FLAGS;
  }

  private static byte[] start(int flags, int length, byte[] random) {
    byte[] start = new byte[length];
    start[0] = RecordFormat.VERSION;
    start[1] = (byte) flags;
    Bytes.putNumber(start, 2, 4, 0xffff_ffffL);
    Bytes.put(start, 6, random);
    return start;
  }

  private static byte[] nonce(byte[] trail) {
    return Bytes.slice(trail, RecordFormat.NONCE_OFFSET, RecordFormat.NONCE_END);
  }

  private static byte[] key(Keyring.Key key, Token from) {
    return Crypto.hmac(key.seal, PURPOSE, Bytes.ascii(from.id()), from.secret());
  }

  private static byte[] additional(byte[] trail, Token from) {
    return Bytes.concat(Bytes.slice(trail, 0, SUCCESSOR_END), Bytes.ascii(from.id()));
  }
}
