package dev.sojourn;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A session as it stands in the store, opened.
 *
 * @param stamp what compare-and-set goes by
 * @param key that its record is sealed with
 * @param attributes not to be changed
 * @param expiresAt when it ends if nobody comes, milliseconds since the epoch by the server's clock
 */
record Live(
    Token token,
    byte[] stamp,
    RecordHeader header,
    Keyring.Key key,
    Map<String, @Nullable Object> meta,
    Map<String, @Nullable Object> attributes,
    long expiresAt) {
  Live until(long later) {
    return new Live(token, stamp, header, key, meta, attributes, later);
  }
}
