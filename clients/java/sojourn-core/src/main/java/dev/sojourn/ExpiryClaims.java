package dev.sojourn;

import io.lettuce.core.SetArgs;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** Who looks for sessions that have expired, and which they are (protocol/README.md, 11). */
final class ExpiryClaims {
  private static final String OPERATION = "expiry";
  /** Milliseconds. */
  private static final long LISTENS = Duration.ofDays(1).toMillis();
  /** Milliseconds in which a session that one node has in hand is told by no other. */
  private static final long LEASE = 2_000;
  /** Below half a millisecond of the server's time where nothing is due. */
  private static final int PARTITIONS_AT_ONCE = 128;
  private static final int CLAIMED_AT_ONCE = 100;

  /** @param descriptor empty where none is known */
  record Claimed(byte[] key, byte[] member, String id, String ownerTag, byte[] descriptor) {}

  private final RedisLink link;
  private final RedisEngine engine;
  private final String prefix;

  ExpiryClaims(RedisLink link, RedisEngine engine, String prefix) {
    this.link = link;
    this.engine = engine;
    this.prefix = prefix;
  }

  private byte[] key(int partition, String rest) {
    return Bytes.ascii(prefix + ":{" + Partitions.tag(partition, 0) + "}:x" + rest);
  }

  /** For those who only keep an audit: they leave it to us. */
  void sayThatOneListens() {
    set(key(0, ":listens"), SetArgs.Builder.px(LISTENS));
  }

  /** Whether no other node has looked for so many milliseconds. */
  boolean takeTurn(long ms) {
    return set(key(0, ":turn"), SetArgs.Builder.nx().px(ms));
  }

  private boolean set(byte[] key, SetArgs how) {
    return link.await(OPERATION, link.commands(OPERATION).set(key, Bytes.ascii("1"), how)) != null;
  }

  /** All that have expired, some at a time: what {@code tell} returns from is done with. */
  void each(Consumer<Claimed> tell) {
    // On a Cluster the partitions are in different slots.
    int atOnce = link.isCluster() ? 1 : PARTITIONS_AT_ONCE;
    for (int from = 0; from < Partitions.COUNT; from += atOnce) {
      int first = from;
      int rest = 1;
      while (rest > 0) {
        List<byte[]> keys = new ArrayList<>();
        for (int partition = first; partition < from + atOnce; partition++) keys.add(key(partition, ""));
        List<Claimed> claimed = new ArrayList<>();
        rest = claim(keys, first, claimed);
        claimed.forEach(tell);
        acknowledge(claimed);
        first += rest - 1;
      }
    }
  }

  /** @return from which of the keys on there are more, 1 being the first; 0: none */
  private int claim(List<byte[]> keys, int first, List<Claimed> claimed) {
    List<byte[]> arguments = List.of(RedisEngine.number(CLAIMED_AT_ONCE), RedisEngine.number(LEASE), RedisEngine.number(0), RedisEngine.number(0));
    List<Object> answer = engine.run(Script.CLAIM, keys, arguments);
    List<Object> flat = RedisEngine.list(answer.get(1));
    for (int i = 0; i + 3 < flat.size(); i += 4) {
      int place = Math.toIntExact((long) flat.get(i)) - 1;
      byte[] member = (byte[]) flat.get(i + 1);
      String text = Bytes.ascii(member);
      String id = Partitions.tag(first + place, 0) + text.substring(0, RedisEngine.HASH_LENGTH);
      claimed.add(new Claimed(keys.get(place), member, id, text.substring(RedisEngine.HASH_LENGTH), (byte[]) flat.get(i + 2)));
    }
    return RedisEngine.code(answer);
  }

  private void acknowledge(List<Claimed> done) {
    int atOnce = link.isCluster() ? 1 : CLAIMED_AT_ONCE;
    for (int from = 0; from < done.size(); from += atOnce) {
      List<Claimed> some = done.subList(from, Math.min(from + atOnce, done.size()));
      engine.run(Script.ACK, some.stream().map(Claimed::key).toList(), some.stream().map(Claimed::member).toList());
    }
  }
}
