package dev.sojourn;

/**
 * How a principal is named in Redis: one-way, so that keys hold no user ids (protocol/README.md, 4).
 *
 * @param tag 22 characters
 * @param partition all of the principal's sessions are there
 */
record PrincipalName(String principal, String tag, int partition) {
  private static final int LONGEST = 1024;

  /** @throws AttributeException when it is not well-formed text of 1 to 1,024 bytes */
  static PrincipalName of(String principal, byte[] pepper) {
    if (!Values.isWellFormed(principal)) {
      throw new AttributeException("principal", "text with a lone surrogate cannot be stored");
    }
    byte[] bytes = Bytes.utf8(principal);
    if (bytes.length == 0 || bytes.length > LONGEST) {
      throw new AttributeException("principal", "takes a text of 1 to " + LONGEST + " bytes");
    }
    byte[] name = Crypto.hmac(pepper, bytes);
    int partition = (int) (Bytes.number(name, 0, 2) % Partitions.COUNT);
    return new PrincipalName(principal, Bytes.base64url(Crypto.head(name, 16)), partition);
  }

  String partitionTag() {
    return Partitions.tag(partition, 0);
  }
}
