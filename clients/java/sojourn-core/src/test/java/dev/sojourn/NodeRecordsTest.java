package dev.sojourn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Random records of Node opened here, and ours there. */
class NodeRecordsTest {
  private static final int COUNT = 1_000;
  private static final long SEED = 20_261_130;

  private final Keyring keyring = Keyring.of(List.of(Bytes.utf8("interop secret, of Java and Node: 0123456789")));

  @Test
  void recordsOfNodeOpenHere() {
    List<String> lines;
    try (NodeProcess node = new NodeProcess("records.mjs", "make", "" + COUNT, "" + SEED)) {
      lines = node.rest();
    }
    assertEquals(COUNT, lines.size());
    for (String line : lines) {
      Map<String, Object> made = Vectors.map(new JsonReader(line).document());
      Token token = Objects.requireNonNull(Token.parse(keyring, Vectors.text(made, "token")));
      RecordFormat.Context context = new RecordFormat.Context(keyring, token);
      RecordFormat.Opened opened = RecordFormat.open(Vectors.bytes(made, "record"), context);
      RecordHeader header = Objects.requireNonNull(opened.header(), () -> opened.rejection() + ": " + line);
      assertEquals(Vectors.number(made, "revision"), header.revision());
      assertEquals(Vectors.number(made, "deadline"), header.deadline());
      assertEquals(Vectors.number(made, "schema"), header.schema());
      assertEquals(made.get("owner"), header.ownerTag());
      Codec.Payload payload = Objects.requireNonNull(opened.payload());
      byte[] packed = Vectors.bytes(made, "payload");
      for (Codec.Payload other : List.of(Codec.MESSAGE_PACK.decode(packed), Codec.JSON.decode(Vectors.bytes(made, "content")))) {
        assertTrue(Values.equal(payload.attributes(), other.attributes()), line);
        assertTrue(Values.equal(payload.meta(), other.meta()), line);
      }
      // Each value has one form, the shortest.
      assertArrayEquals(packed, Codec.MESSAGE_PACK.encode(payload.attributes(), payload.meta()), line);
    }
  }

  @Test
  void ourRecordsOpenThere() {
    RandomValues values = new RandomValues(SEED);
    Random random = new Random(SEED);
    List<String> answers;
    try (NodeProcess node = new NodeProcess("records.mjs", "check")) {
      for (int i = 0; i < COUNT; i++) node.write(line(values, random));
      answers = node.rest();
    }
    assertEquals(List.of(COUNT + " right"), answers);
  }

  private String line(RandomValues values, Random random) {
    Map<String, @Nullable Object> attributes = new LinkedHashMap<>();
    values.attributes().forEach((name, value) -> attributes.put(name, Values.normalise(name, value)));
    Map<String, @Nullable Object> meta = new LinkedHashMap<>();
    if (random.nextBoolean()) {
      meta.put("p", "user-1");
      meta.put("z", Values.normalise("z", values.value(0)));
    }
    Token token = Token.create(keyring, random.nextInt(1024), 0);
    String owner = random.nextBoolean() ? "DbEUZf9dZJeQ2x8rThQnxA" : null;
    RecordHeader header = new RecordHeader(7, 1_732_440_000_000L, 1_732_483_200_000L, 1_800_000, 1, owner);
    Codec codec = random.nextBoolean() ? Codec.MESSAGE_PACK : Codec.JSON;
    SealMode seal = SealMode.values()[random.nextInt(3)];
    RecordFormat format = new RecordFormat(codec, seal, random.nextBoolean() ? 0 : 256, 1 << 23);
    byte[] record = format.encode(header, new Codec.Payload(attributes, meta), new RecordFormat.Context(keyring, token));
    Map<String, @Nullable Object> line = new LinkedHashMap<>();
    line.put("token", token.value());
    line.put("record", Vectors.hex(record));
    line.put("owner", owner);
    line.put("payload", Vectors.hex(Codec.MESSAGE_PACK.encode(attributes, meta)));
    line.put("content", Vectors.hex(Codec.JSON.encode(attributes, meta)));
    JsonWriter json = new JsonWriter();
    json.value(line);
    return new String(json.toBytes(), java.nio.charset.StandardCharsets.UTF_8);
  }
}
