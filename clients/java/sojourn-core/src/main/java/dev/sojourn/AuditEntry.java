package dev.sojourn;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Reads what nodes on Node write into the audit (protocol/README.md, 10). */
final class AuditEntry {
  private static final int VERSION = 1;
  private static final int NONCE_OFFSET = 3;
  private static final int SEALED_OFFSET = 15;
  private static final byte PURPOSE = 5;
  private static final long LATEST = (1L << 48) - 1;

  private AuditEntry() {}

  /**
   * The details of an entry, or null when it does not open.
   *
   * @param at milliseconds since the epoch, the field `t`
   */
  static @Nullable Map<String, @Nullable Object> open(Keyring keyring, String event, long at, byte[] details) {
    if (details.length <= SEALED_OFFSET || details[0] != VERSION || at < 0 || at > LATEST) return null;
    byte[] start = Crypto.head(details, SEALED_OFFSET);
    byte[] nonce = Bytes.slice(start, NONCE_OFFSET, SEALED_OFFSET);
    byte[] purpose = new byte[7];
    purpose[0] = PURPOSE;
    Bytes.putNumber(purpose, 1, 6, at);
    for (Keyring.Key key : keyring.named((int) Bytes.number(details, 1, 2))) {
      byte[] additional = Bytes.concat(start, Bytes.utf8(event));
      byte[] sealed = Bytes.slice(details, SEALED_OFFSET, details.length);
      byte[] plain = Crypto.open(Crypto.hmac(key.seal, purpose), nonce, additional, sealed);
      if (plain == null) continue;
      try {
        return Codec.MESSAGE_PACK.decode(plain).attributes();
      } catch (MalformedPayloadException malformed) {
        return null;
      }
    }
    return null;
  }
}
