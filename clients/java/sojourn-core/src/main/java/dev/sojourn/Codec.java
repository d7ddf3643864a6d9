package dev.sojourn;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Attributes to bytes and back (protocol/README.md, 6): a list of one or two maps, {@code [attributes]} or
 * {@code [attributes, meta]}, the second only when it is not empty. Values are in the kinds of {@link Values}.
 */
abstract class Codec {
  static final Codec MESSAGE_PACK = new MessagePackCodec();
  static final Codec JSON = new JsonCodec();

  /** What a record holds. */
  record Payload(Map<String, @Nullable Object> attributes, Map<String, @Nullable Object> meta) {}

  /** As it stands in a record's flags. */
  final int id;

  Codec(int id) {
    this.id = id;
  }

  static @Nullable Codec of(int id) {
    return id == 0 ? MESSAGE_PACK : id == 1 ? JSON : null;
  }

  final byte[] encode(Map<String, @Nullable Object> attributes, Map<String, @Nullable Object> meta) {
    return write(meta.isEmpty() ? List.of(attributes) : List.of(attributes, meta));
  }

  /** @throws MalformedPayloadException and nothing else */
  final Payload decode(byte[] bytes) {
    List<Map<String, @Nullable Object>> maps = read(bytes);
    if (maps.isEmpty() || maps.size() > 2) throw new MalformedPayloadException("the payload is not a list of one or two maps");
    for (Map<String, @Nullable Object> map : maps) {
      for (String name : map.keySet()) {
        String problem = Values.nameProblem(name);
        if (problem != null) throw new MalformedPayloadException("name of an attribute: " + problem);
      }
    }
    return new Payload(maps.get(0), maps.size() == 2 ? maps.get(1) : Map.of());
  }

  /** Bytes that one value takes, without its name. */
  abstract int encodedSize(@Nullable Object value);

  abstract byte[] write(List<Map<String, @Nullable Object>> maps);

  abstract List<Map<String, @Nullable Object>> read(byte[] bytes);
}
