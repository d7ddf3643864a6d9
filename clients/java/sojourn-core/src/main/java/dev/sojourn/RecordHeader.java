package dev.sojourn;

import org.jspecify.annotations.Nullable;

/**
 * The clear part of a record. Times are milliseconds since the epoch, {@code idleTimeout} is milliseconds.
 *
 * @param deadline absolute
 * @param schema version of the application's data, 0 to 65,535
 * @param ownerTag one-way name of the principal, 22 characters; null before login
 */
record RecordHeader(
    long revision, long createdAt, long deadline, long idleTimeout, int schema, @Nullable String ownerTag) {
  private static final long HIGHEST_REVISION = 0xffff_fffeL;

  /** After the highest it starts anew, with the random half keeping stamps apart. */
  long nextRevision() {
    return revision >= HIGHEST_REVISION ? 1 : revision + 1;
  }
}
