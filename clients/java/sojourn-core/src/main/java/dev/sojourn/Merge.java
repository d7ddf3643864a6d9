package dev.sojourn;

import org.jspecify.annotations.Nullable;

/**
 * A three-way merge of one attribute that was changed on both sides. The arguments are copies; they are null where the
 * attribute was absent, or holds null.
 */
@FunctionalInterface
public interface Merge {
  /**
   * @param base what both started from
   * @param theirs what is stored already
   * @param mine what is to be committed
   * @return what is stored instead
   */
  @Nullable Object merge(@Nullable Object base, @Nullable Object theirs, @Nullable Object mine);
}
