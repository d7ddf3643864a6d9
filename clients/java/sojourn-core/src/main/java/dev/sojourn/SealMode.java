package dev.sojourn;

/** What a record's payload is protected by. In all cases it is authenticated, with its header and its session. */
public enum SealMode {
  /** Readable by whoever can read Redis. */
  AUTHENTICATED,
  /** Encrypted under a key from the secrets. */
  SEALED,
  /** Encrypted so that the token is needed too: Redis and the secrets together open no idle session. */
  TOKEN_SEALED
}
