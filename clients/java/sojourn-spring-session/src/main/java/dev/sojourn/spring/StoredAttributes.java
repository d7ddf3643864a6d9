package dev.sojourn.spring;

import dev.sojourn.AttributeException;
import org.jspecify.annotations.Nullable;

/**
 * Under which name an attribute is stored, and how. Marked objects are read only where no other application can write: an
 * attribute that holds one is stored under {@link AttributeNames#ofObject}, anything else under its plain name, for all.
 */
final class StoredAttributes {
  private final Held held;
  private final AttributeValues values;
  private final UnreadableAttributes unreadable;

  StoredAttributes(Held held, AttributeValues values, UnreadableAttributes unreadable) {
    this.held = held;
    this.values = values;
    this.unreadable = unreadable;
  }

  /** Null also for what cannot be read. */
  @Nullable Object get(String name) {
    if (AttributeNames.isReserved(name)) return null;
    String stored = AttributeNames.stored(name);
    if (AttributeNames.isSprings(name)) return noted(stored, readPrivate(name, stored));
    String object = AttributeNames.ofObject(name);
    if (!held.has(name)) return readPrivate(name, object);
    // Another application has set it since. The object must not come back when that one is removed there.
    if (held.has(object)) held.remove(object);
    return noted(name, values.readShared(held.get(name)));
  }

  private @Nullable Object readPrivate(String name, String stored) {
    Object value = held.get(stored);
    if (value == null) return null;
    try {
      return values.readPrivate(name, value);
    } catch (AttributeException problem) {
      unreadable.tell(held.id(), problem);
      return null;
    }
  }

  /** Whether what is stored under this name is there for the application, by the name that it has for it. */
  boolean isReadable(String stored, String name) {
    return !AttributeNames.isReserved(stored) || get(name) != null;
  }

  private @Nullable Object noted(String stored, @Nullable Object value) {
    return value == null ? null : TypeNotes.read(held, stored, value);
  }

  /** @throws dev.sojourn.AttributeException */
  void set(String name, Object value) {
    if (AttributeNames.isReserved(name)) {
      throw new AttributeValues.Refusal("names that begin with \"spring:\" are this library's own: take another one").of(name);
    }
    if (AttributeNames.isSprings(name)) {
      put(AttributeNames.stored(name), values.writePrivate(name, value), value);
      return;
    }
    AttributeValues.Written written = values.write(name, TypeNotes.shared(value));
    String object = AttributeNames.ofObject(name);
    if (written.isShared()) {
      put(name, written.value(), value);
      drop(object);
    } else {
      held.set(object, written.value());
      dropNoted(name);
    }
  }

  private void put(String stored, @Nullable Object written, Object value) {
    // The note first: its name is the longer one, which may be refused.
    TypeNotes.write(held, stored, value);
    held.set(stored, written);
  }

  void remove(String name) {
    if (AttributeNames.isReserved(name)) return;
    dropNoted(AttributeNames.stored(name));
    if (!AttributeNames.isSprings(name)) drop(AttributeNames.ofObject(name));
  }

  private void dropNoted(String stored) {
    drop(stored);
    TypeNotes.write(held, stored, null);
  }

  private void drop(String stored) {
    if (held.has(stored)) held.remove(stored);
  }
}
