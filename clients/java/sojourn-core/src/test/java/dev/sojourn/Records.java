package dev.sojourn;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * Random records for other languages, and a judge of theirs: a line of JSON each, with the token, the record, and what is in it in both codecs.
 * As a program: {@code Records make <count> <seed>}, {@code Records check} of lines on standard input.
 */
final class Records {
  private final Keyring keyring = Keyring.of(List.of(Bytes.utf8("interop secret, of Java and Node: 0123456789")));
  private final RandomValues values;
  private final Random random;

  Records(long seed) {
    values = new RandomValues(seed);
    random = new Random(seed);
  }

  public static void main(String[] arguments) throws IOException {
    PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    if (arguments[0].equals("make")) {
      Records records = new Records(Long.parseLong(arguments[2]));
      for (int left = Integer.parseInt(arguments[1]); left > 0; left--) out.println(records.line());
    } else {
      BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
      Records records = new Records(0);
      int right = 0;
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        records.check(line);
        right++;
      }
      out.println(right + " right");
    }
    out.flush();
  }

  /** @return what is in the record */
  Codec.Payload check(String line) {
    Map<String, Object> made = Vectors.map(new JsonReader(line).document());
    Token token = Objects.requireNonNull(Token.parse(keyring, Vectors.text(made, "token")));
    RecordFormat.Context context = new RecordFormat.Context(keyring, token);
    RecordFormat.Opened opened = RecordFormat.open(Vectors.bytes(made, "record"), context);
    RecordHeader header = Objects.requireNonNull(opened.header(), () -> opened.rejection() + ": " + line);
    require(Vectors.number(made, "revision") == header.revision(), line);
    require(Vectors.number(made, "deadline") == header.deadline(), line);
    require(Vectors.number(made, "schema") == header.schema(), line);
    require(Objects.equals(made.get("owner"), header.ownerTag()), line);
    Codec.Payload payload = Objects.requireNonNull(opened.payload());
    for (Codec.Payload other : List.of(Codec.MESSAGE_PACK.decode(Vectors.bytes(made, "payload")), Codec.JSON.decode(Vectors.bytes(made, "content")))) {
      require(Values.equal(payload.attributes(), other.attributes()), line);
      require(Values.equal(payload.meta(), other.meta()), line);
    }
    return payload;
  }

  private static void require(boolean isSo, String line) {
    if (!isSo) throw new AssertionError(line);
  }

  String line() {
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
    Codec.Payload payload = new Codec.Payload(attributes, meta);
    byte[] record = format.encode(header, payload, keyring.primary(), new RecordFormat.Context(keyring, token));
    Map<String, @Nullable Object> line = new LinkedHashMap<>();
    line.put("token", token.value());
    line.put("record", Vectors.hex(record));
    line.put("revision", header.revision());
    line.put("deadline", header.deadline());
    line.put("schema", (long) header.schema());
    line.put("owner", owner);
    line.put("payload", Vectors.hex(Codec.MESSAGE_PACK.encode(attributes, meta)));
    line.put("content", Vectors.hex(Codec.JSON.encode(attributes, meta)));
    JsonWriter json = new JsonWriter();
    json.value(line);
    return new String(json.toBytes(), StandardCharsets.UTF_8);
  }
}
