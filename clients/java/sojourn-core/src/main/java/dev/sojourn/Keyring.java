package dev.sojourn;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The ordered secrets: the first signs and seals, the others still verify and open. */
final class Keyring {
  private static final int SHORTEST_SECRET = 32;

  /** What one secret is used for; each use has a subkey of its own (HKDF, protocol/README.md, 1). */
  static final class Key {
    /** Names the key in records without saying anything about the secret; unsigned 16 bit. */
    final int id;
    /** Signs tokens. */
    final byte[] token;
    /** Root of the keys of sessions. */
    final byte[] seal;

    private Key(byte[] secret) {
      id = (int) Bytes.number(Crypto.deriveKey(secret, "sojourn/1/key-id"), 0, 2);
      token = Crypto.deriveKey(secret, "sojourn/1/token");
      seal = Crypto.deriveKey(secret, "sojourn/1/seal");
    }
  }

  private final List<Key> keys;

  private Keyring(List<Key> keys) {
    this.keys = List.copyOf(keys);
  }

  /**
   * @param secrets each at least 32 bytes, the current one first
   * @throws OptionException when there is none, one is short or given twice, or two have the same key id
   */
  static Keyring of(List<byte[]> secrets) {
    if (secrets.isEmpty()) throw new OptionException("secrets", "takes at least one secret: current, then former ones");
    List<Key> keys = new ArrayList<>();
    for (int i = 0; i < secrets.size(); i++) {
      byte[] secret = secrets.get(i);
      String option = "secrets[" + i + "]";
      if (secret.length < SHORTEST_SECRET) {
        throw new OptionException(
            option,
            "has %d bytes and needs at least %d; make one with `openssl rand -base64 32`"
                .formatted(secret.length, SHORTEST_SECRET));
      }
      Key key = new Key(secret);
      for (int place = 0; place < keys.size(); place++) {
        Key other = keys.get(place);
        if (Arrays.equals(other.token, key.token)) throw new OptionException(option, "is given twice");
        if (other.id == key.id) {
          throw new OptionException(
              option,
              "has the same key id as secrets[%d], by chance: make another (`npx sojourn keys --new`)".formatted(place));
        }
      }
      keys.add(key);
    }
    return new Keyring(keys);
  }

  Key primary() {
    return keys.get(0);
  }

  List<Key> keys() {
    return keys;
  }

  /** One or none: no two have the same key id. */
  List<Key> named(int id) {
    return keys.stream().filter(key -> key.id == id).toList();
  }
}
