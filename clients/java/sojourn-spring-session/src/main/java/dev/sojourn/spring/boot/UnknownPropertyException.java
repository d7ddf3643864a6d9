package dev.sojourn.spring.boot;

import dev.sojourn.OptionException;
import org.jspecify.annotations.Nullable;

/** A property below {@code sojourn} that there is not. */
@SuppressWarnings("serial")
public final class UnknownPropertyException extends OptionException {
  private final String property;
  private final @Nullable String meant;
  private final @Nullable String origin;

  UnknownPropertyException(String property, @Nullable String meant, @Nullable String origin) {
    super(property, "is not known" + (meant == null ? "" : "; did you mean `" + meant + "`?") + (origin == null ? "" : " (" + origin + ")"));
    this.property = property;
    this.meant = meant;
    this.origin = origin;
  }

  /** Its name, such as {@code sojourn.idle-timout}. */
  public String property() {
    return property;
  }

  /** The name that comes nearest; null where none is near. */
  public @Nullable String meant() {
    return meant;
  }

  /** Where it is set, such as a file and line; null where that is not known. */
  public @Nullable String origin() {
    return origin;
  }
}
