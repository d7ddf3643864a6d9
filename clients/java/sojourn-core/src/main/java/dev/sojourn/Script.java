package dev.sojourn;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.HexFormat;

/** One of protocol/scripts, as the build has packed it: the call sheets there give keys, arguments and answers. */
enum Script {
  CREATE("create"),
  COMMIT("commit"),
  TOUCH("touch"),
  ROTATE("rotate"),
  SETTLE("settle"),
  DESTROY("destroy"),
  LIST("list"),
  REVOKE_ALL("revoke-all"),
  EVICT("evict"),
  CLAIM("claim"),
  ACK("ack");

  final String operation;
  final byte[] text;
  /** By which the server knows it once it has seen it. */
  final String sha1;

  Script(String operation) {
    this.operation = operation;
    try (InputStream file = Script.class.getResourceAsStream("scripts/" + operation + ".lua")) {
      if (file == null) throw new IllegalStateException("the script " + operation + ".lua is not in the archive");
      text = file.readAllBytes();
      sha1 = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-1").digest(text));
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    } catch (GeneralSecurityException error) {
      throw new IllegalStateException(error);
    }
  }
}
