package dev.sojourn.spring;

import org.jspecify.annotations.Nullable;

/** An attribute that says who is signed in, and not only holds a value. */
interface SpecialAttribute {
  @Nullable Object get(SojournSession session);

  void set(SojournSession session, Object value);

  void remove(SojournSession session);
}
