package dev.sojourn;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** MessagePack, with the protocol's extensions. */
final class MessagePackCodec extends Codec {
  static final int EXT_TIMESTAMP = -1;
  static final int EXT_MAP = 1;
  static final int EXT_SET = 2;
  static final int EXT_BIG_INTEGER = 3;
  static final int EXT_MINUS_ZERO = 4;

  MessagePackCodec() {
    super(0);
  }

  @Override
  int encodedSize(@Nullable Object value) {
    MessagePackWriter writer = new MessagePackWriter();
    writer.value(value);
    return writer.toBytes().length;
  }

  @Override
  byte[] write(List<Map<String, @Nullable Object>> maps) {
    MessagePackWriter writer = new MessagePackWriter();
    writer.value(maps);
    return writer.toBytes();
  }

  @Override
  List<Map<String, @Nullable Object>> read(byte[] bytes) {
    return new MessagePackReader(bytes).payload();
  }
}
