package dev.sojourn;

import org.jspecify.annotations.Nullable;

/** An attribute has a name or a value that cannot be stored. Nothing was written. */
@SuppressWarnings("serial")
public final class AttributeException extends SojournException {
  private final String attribute;

  AttributeException(String attribute, String problem) {
    this(attribute, problem, null);
  }

  /** For what stores values of further types on top of this. */
  public AttributeException(String attribute, String problem, @Nullable Throwable cause) {
    super("ERR_SOJOURN_ATTRIBUTE", "attribute " + quote(attribute) + ": " + problem, 500, cause);
    this.attribute = attribute;
  }

  /** Its name. */
  public String attribute() {
    return attribute;
  }
}
