package dev.sojourn;

import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.Arrays;
import javax.crypto.AEADBadTagException;
import javax.crypto.Cipher;
import javax.crypto.Mac;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;

/** The primitives of protocol/README.md, from the platform. */
final class Crypto {
  static final int GCM_TAG_BYTES = 16;
  private static final SecureRandom RANDOM = new SecureRandom();
  /** HMAC pads keys with zeros: one zero byte is the empty key, which the platform does not take. */
  private static final byte[] EMPTY_KEY = new byte[1];

  private Crypto() {}

  static byte[] randomBytes(int length) {
    byte[] bytes = new byte[length];
    RANDOM.nextBytes(bytes);
    return bytes;
  }

  static byte[] sha256(byte[] data) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(data);
    } catch (GeneralSecurityException error) {
      throw new IllegalStateException(error);
    }
  }

  static byte[] hmac(byte[] key, byte[]... parts) {
    try {
      Mac mac = Mac.getInstance("HmacSHA256");
      mac.init(new SecretKeySpec(key.length == 0 ? EMPTY_KEY : key, "HmacSHA256"));
      for (byte[] part : parts) mac.update(part);
      return mac.doFinal();
    } catch (GeneralSecurityException error) {
      throw new IllegalStateException(error);
    }
  }

  /** HKDF-SHA-256 (RFC 5869) with an empty salt: 32 bytes, which one round of it makes. */
  static byte[] deriveKey(byte[] secret, String info) {
    byte[] extracted = hmac(new byte[32], secret);
    return hmac(extracted, Bytes.utf8(info), new byte[] {1});
  }

  /** Takes the same time wherever the difference is. Lengths are public. */
  static boolean equal(byte[] a, byte[] b) {
    return MessageDigest.isEqual(a, b);
  }

  /** AES-256-GCM: ciphertext followed by the tag of 16 bytes. */
  static byte[] seal(byte[] key, byte[] nonce, byte[] additional, byte[] plain) {
    try {
      return gcm(Cipher.ENCRYPT_MODE, key, nonce, additional).doFinal(plain);
    } catch (GeneralSecurityException error) {
      throw new IllegalStateException(error);
    }
  }

  /** The plaintext, or null when anything was changed. */
  static byte @Nullable [] open(byte[] key, byte[] nonce, byte[] additional, byte[] sealed) {
    if (sealed.length < GCM_TAG_BYTES) return null;
    try {
      return gcm(Cipher.DECRYPT_MODE, key, nonce, additional).doFinal(sealed);
    } catch (AEADBadTagException error) {
      return null;
    } catch (GeneralSecurityException error) {
      throw new IllegalStateException(error);
    }
  }

  private static Cipher gcm(int mode, byte[] key, byte[] nonce, byte[] additional) throws GeneralSecurityException {
    Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding");
    cipher.init(mode, new SecretKeySpec(key, "AES"), new GCMParameterSpec(8 * GCM_TAG_BYTES, nonce));
    cipher.updateAAD(additional);
    return cipher;
  }

  static byte[] head(byte[] bytes, int length) {
    return Arrays.copyOf(bytes, length);
  }
}
