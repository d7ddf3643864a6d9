package dev.sojourn;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The files of protocol/vectors, which every implementation is held against. */
final class Vectors {
  static final Path ROOT = Path.of(System.getProperty("sojourn.root", "../../..")).toAbsolutePath().normalize();

  private Vectors() {}

  static Map<String, Object> file(String name) {
    try {
      return map(new JsonReader(Files.readString(ROOT.resolve("protocol/vectors/" + name + ".json"))).document());
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  static List<Map<String, Object>> cases(Map<String, Object> file, String name) {
    return list(file.get(name)).stream().map(Vectors::map).toList();
  }

  @SuppressWarnings("unchecked")
  static Map<String, Object> map(@Nullable Object value) {
    return (Map<String, Object>) Objects.requireNonNull(value);
  }

  @SuppressWarnings("unchecked")
  static List<Object> list(@Nullable Object value) {
    return (List<Object>) Objects.requireNonNull(value);
  }

  static String text(Map<String, Object> map, String name) {
    return (String) Objects.requireNonNull(map.get(name), name);
  }

  static long number(Map<String, Object> map, String name) {
    return ((Number) Objects.requireNonNull(map.get(name), name)).longValue();
  }

  static byte[] bytes(Map<String, Object> map, String name) {
    return HexFormat.of().parseHex(text(map, name));
  }

  static String hex(byte[] bytes) {
    return HexFormat.of().formatHex(bytes);
  }

  /** In the notation of the JSON codec. */
  static Map<String, @Nullable Object> values(@Nullable Object written) {
    Map<String, @Nullable Object> values = new LinkedHashMap<>();
    map(written).forEach((name, value) -> values.put(name, JsonCodec.revived(value)));
    return values;
  }

  /** The two secrets of keys.json, the current one first. */
  static Keyring keyring() {
    return Keyring.of(secrets());
  }

  static Keyring formerKeyring() {
    return Keyring.of(secrets().subList(1, 2));
  }

  static List<byte[]> secrets() {
    return cases(file("keys"), "secrets").stream().map(secret -> Bytes.utf8(text(secret, "secret"))).toList();
  }
}
