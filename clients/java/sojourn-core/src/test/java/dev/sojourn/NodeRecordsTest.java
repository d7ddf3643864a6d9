package dev.sojourn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;

/** Random records of Node opened here, and ours there. */
class NodeRecordsTest {
  private static final int COUNT = 1_000;
  private static final long SEED = 20_261_130;

  @Test
  void recordsOfNodeOpenHere() {
    List<String> lines;
    try (NodeProcess node = new NodeProcess("records.mjs", "make", "" + COUNT, "" + SEED)) {
      lines = node.rest();
    }
    assertEquals(COUNT, lines.size());
    Records records = new Records(SEED);
    for (String line : lines) {
      Codec.Payload payload = records.check(line);
      byte[] packed = Vectors.bytes(Vectors.map(new JsonReader(line).document()), "payload");
      // Each value has one form, the shortest.
      assertArrayEquals(packed, Codec.MESSAGE_PACK.encode(payload.attributes(), payload.meta()), line);
    }
  }

  @Test
  void ourRecordsOpenThere() {
    Records records = new Records(SEED);
    List<String> answers;
    try (NodeProcess node = new NodeProcess("records.mjs", "check")) {
      for (int i = 0; i < COUNT; i++) node.write(records.line());
      answers = node.rest();
    }
    assertEquals(List.of(COUNT + " right"), answers);
  }
}
