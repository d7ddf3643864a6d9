package dev.sojourn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class VectorsTest {
  private final Keyring keyring = Vectors.keyring();
  private final RedisEngine engine = new RedisEngine(new RedisLink(List.of(), false, 1), "sj", false);

  @Test
  void subkeys() {
    List<Map<String, Object>> cases = Vectors.cases(Vectors.file("keys"), "secrets");
    for (int i = 0; i < cases.size(); i++) {
      Keyring.Key key = keyring.keys().get(i);
      assertEquals(Vectors.number(cases.get(i), "keyId"), key.id);
      assertEquals(Vectors.text(cases.get(i), "tokenKey"), Vectors.hex(key.token));
      assertEquals(Vectors.text(cases.get(i), "sealKey"), Vectors.hex(key.seal));
    }
    assertEquals(2, cases.size());
  }

  @Test
  void partitionTags() {
    Map<String, Object> keys = Vectors.file("keys");
    List<Object> tags = Vectors.list(keys.get("partitionTags"));
    assertEquals(Partitions.COUNT, tags.size());
    for (int partition = 0; partition < tags.size(); partition++) {
      assertEquals(tags.get(partition), Partitions.tag(partition, 0));
      assertEquals(partition, Partitions.partitionOf((String) tags.get(partition)));
    }
    for (Map<String, Object> given : Vectors.cases(keys, "regionTags")) {
      int partition = (int) Vectors.number(given, "partition");
      assertEquals(given.get("tag"), Partitions.tag(partition, (int) Vectors.number(given, "region")));
      assertEquals(partition, Partitions.partitionOf(Vectors.text(given, "tag")));
    }
  }

  @Test
  void principals() {
    for (Map<String, Object> given : Vectors.cases(Vectors.file("keys"), "principals")) {
      byte[] pepper = Bytes.utf8(Vectors.text(given, "pepper"));
      PrincipalName name = PrincipalName.of(Vectors.text(given, "principal"), pepper);
      assertEquals(given.get("tag"), name.tag());
      assertEquals(Vectors.number(given, "partition"), name.partition());
      assertEquals(given.get("indexKey"), Bytes.ascii(engine.indexKey(name.partitionTag(), name.tag())));
    }
  }

  @Test
  void tokens() {
    Map<String, Object> tokens = Vectors.file("tokens");
    for (Map<String, Object> given : Vectors.cases(tokens, "valid")) {
      Token token = Objects.requireNonNull(Token.parse(keyring, Vectors.text(given, "token")));
      assertEquals(given.get("token"), token.value());
      assertEquals(Vectors.number(given, "region"), token.region());
      assertEquals(Vectors.number(given, "partition"), token.partition());
      assertEquals(given.get("random"), Vectors.hex(token.secret()));
      assertEquals(given.get("sessionId"), token.id());
      assertEquals(given.get("recordKey"), Bytes.ascii(engine.recordKey(token.id())));
      assertTrue(!token.toString().contains(token.value()));
    }
    for (Map<String, Object> given : Vectors.cases(tokens, "invalid")) {
      assertNull(Token.parse(keyring, Vectors.text(given, "token")), Vectors.text(given, "why"));
    }
  }

  @Test
  void records() {
    for (Map<String, Object> given : Vectors.cases(Vectors.file("records"), "opens")) {
      String why = Vectors.text(given, "why");
      RecordFormat.Context context = context(keyring, given);
      byte[] record = Vectors.bytes(given, "record");
      RecordFormat.Opened opened = RecordFormat.open(record, context);
      assertEquals(header(given), opened.header(), why);
      Codec.Payload payload = Objects.requireNonNull(opened.payload(), why);
      List<Object> content = Vectors.list(given.get("content"));
      assertTrue(Values.equal(Vectors.values(content.get(0)), payload.attributes()), why);
      assertTrue(Values.equal(content.size() > 1 ? Vectors.values(content.get(1)) : Map.of(), payload.meta()), why);
      assertWritten(given, record, payload);
      for (int length = 0; length < record.length; length++) {
        assertNull(RecordFormat.open(Arrays.copyOf(record, length), context).header(), why + " cut to " + length);
      }
      for (int at = 0; at < record.length; at++) {
        byte[] changed = record.clone();
        changed[at] ^= (byte) (1 << at % 8);
        assertNull(RecordFormat.open(changed, context).header(), why + " changed at " + at);
      }
    }
  }

  /** Byte for byte, but for what compressors are free to do. */
  private void assertWritten(Map<String, Object> given, byte[] record, Codec.Payload payload) {
    boolean isFormer = Vectors.text(given, "why").contains("former secret");
    RecordFormat.Context context = context(isFormer ? Vectors.formerKeyring() : keyring, given);
    SealMode seal =
        switch (Vectors.text(given, "sealing")) {
          case "sealed" -> SealMode.SEALED;
          case "token-sealed" -> SealMode.TOKEN_SEALED;
          default -> SealMode.AUTHENTICATED;
        };
    Codec codec = given.get("codec").equals("json") ? Codec.JSON : Codec.MESSAGE_PACK;
    boolean isCompressed = Boolean.TRUE.equals(given.get("compressed"));
    RecordFormat format = new RecordFormat(codec, seal, isCompressed ? 0 : Integer.MAX_VALUE, 65_536);
    byte[] random = Bytes.slice(record, 6, 14);
    byte[] written = format.encode(header(given), payload, context.keyring().primary(), context, random);
    if (isCompressed) {
      assertArrayEquals(Arrays.copyOf(record, 36), Arrays.copyOf(written, 36));
      RecordFormat.Opened again = RecordFormat.open(written, context);
      assertTrue(Values.equal(payload.attributes(), Objects.requireNonNull(again.payload()).attributes()));
    } else assertArrayEquals(record, written, Vectors.text(given, "why"));
  }

  @Test
  void recordsThatAreRefused() {
    List<Map<String, Object>> cases = Vectors.cases(Vectors.file("records"), "refused");
    for (Map<String, Object> given : cases) {
      RecordFormat.Opened opened = RecordFormat.open(Vectors.bytes(given, "record"), context(keyring, given));
      assertNull(opened.header(), Vectors.text(given, "why"));
      assertNotNull(opened.rejection());
    }
    assertEquals(19, cases.size());
  }

  @Test
  void tokenSealedNeedsItsToken() {
    for (Map<String, Object> given : Vectors.cases(Vectors.file("records"), "opens")) {
      if (!given.get("sealing").equals("token-sealed")) continue;
      RecordFormat.Context context = new RecordFormat.Context(keyring, Vectors.text(given, "sessionId"), null);
      RecordFormat.Opened opened = RecordFormat.open(Vectors.bytes(given, "record"), context);
      assertEquals(RecordFormat.Rejection.TOKEN_NEEDED, opened.rejection());
    }
  }

  @Test
  void trails() {
    Map<String, Object> trails = Vectors.file("trails");
    for (Map<String, Object> given : Vectors.cases(trails, "forwards")) {
      Token from = token(given, "from");
      byte[] bytes = Vectors.bytes(given, "trail");
      Trail trail = Trail.read(keyring, from, bytes);
      assertEquals(Trail.Kind.FORWARD, trail.kind());
      Token to = Objects.requireNonNull(trail.token());
      assertEquals(given.get("to"), to.value());
      assertEquals(given.get("sessionId"), Trail.successor(bytes));
      assertEquals(Vectors.number(given, "until"), trail.until());
      assertEquals(given.get("used"), trail.isUsed());
      assertTrue(RecordFormat.isTrail(bytes));
      Keyring sealing = Vectors.text(given, "why").contains("former secret") ? Vectors.formerKeyring() : keyring;
      byte[] written = Trail.forward(sealing, from, to, trail.until(), Bytes.slice(bytes, 6, 14));
      if (trail.isUsed()) written[47] = 1;
      assertArrayEquals(bytes, written);
    }
    for (Map<String, Object> given : Vectors.cases(trails, "superseded")) {
      byte[] bytes = Vectors.bytes(given, "trail");
      assertEquals(Trail.Kind.SUPERSEDED, Trail.read(keyring, token(given, "from"), bytes).kind());
      assertEquals(given.get("sessionId"), Trail.successor(bytes));
      byte[] written = Trail.superseded((String) given.get("sessionId"));
      Bytes.put(written, 6, Bytes.slice(bytes, 6, 14));
      assertArrayEquals(bytes, written);
    }
    for (Map<String, Object> given : Vectors.cases(trails, "refused")) {
      Trail trail = Trail.read(keyring, token(given, "from"), Vectors.bytes(given, "trail"));
      assertEquals(Trail.Kind.UNREADABLE, trail.kind(), Vectors.text(given, "why"));
    }
  }

  @Test
  void descriptors() {
    Map<String, Object> file = Vectors.file("descriptors");
    String ownerTag = Vectors.text(file, "ownerTag");
    for (Map<String, Object> given : Vectors.cases(file, "opens")) {
      String id = Vectors.text(given, "sessionId");
      byte[] bytes = Vectors.bytes(given, "descriptor");
      Descriptor expected =
          new Descriptor(
              Vectors.number(given, "createdAt"),
              Vectors.number(given, "deadline"),
              Vectors.number(given, "idleTimeout"),
              Vectors.text(given, "principal"),
              (String) given.get("kind"),
              (String) given.get("device"),
              (String) given.get("address"));
      assertEquals(expected, Descriptor.open(keyring, ownerTag, id, bytes));
      assertEquals(Vectors.text(given, "kindTag"), Vectors.hex(Bytes.slice(bytes, 13, 17)));
      byte[] pepper = Bytes.utf8(Vectors.text(given, "pepper"));
      assertArrayEquals(bytes, expected.seal(keyring, pepper, ownerTag, id, Bytes.slice(bytes, 19, 31)));
      for (int at = 0; at < bytes.length; at++) {
        byte[] changed = bytes.clone();
        changed[at] ^= 1;
        assertNull(Descriptor.open(keyring, ownerTag, id, changed));
      }
    }
  }

  @Test
  void auditEntries() {
    Map<String, Object> file = Vectors.file("audit");
    for (Map<String, Object> given : Vectors.cases(file, "opens")) {
      assertTrue(Values.equal(Vectors.values(given.get("content")), audit(given)), Vectors.text(given, "why"));
    }
    for (Map<String, Object> given : Vectors.cases(file, "refused")) assertNull(audit(given), Vectors.text(given, "why"));
  }

  private @Nullable Map<String, @Nullable Object> audit(Map<String, Object> given) {
    byte[] details = Vectors.bytes(given, "details");
    return AuditEntry.open(keyring, Vectors.text(given, "event"), Vectors.number(given, "at"), details);
  }

  private Token token(Map<String, Object> given, String name) {
    return Objects.requireNonNull(Token.parse(keyring, Vectors.text(given, name)));
  }

  private RecordFormat.Context context(Keyring ring, Map<String, Object> given) {
    return new RecordFormat.Context(ring, Vectors.text(given, "sessionId"), token(given, "token"));
  }

  private static RecordHeader header(Map<String, Object> given) {
    Map<String, Object> header = Vectors.map(given.get("header"));
    return new RecordHeader(
        Vectors.number(header, "revision"),
        Vectors.number(header, "createdAt"),
        Vectors.number(header, "deadline"),
        Vectors.number(header, "idleTimeout"),
        (int) Vectors.number(header, "schema"),
        (String) header.get("ownerTag"));
  }
}
