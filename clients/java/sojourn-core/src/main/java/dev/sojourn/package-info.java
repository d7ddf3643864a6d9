/**
 * Sessions for web applications that run on many nodes, kept in Redis or Valkey: the Sojourn protocol, version 1, as
 * applications on Node use it too. Begin with {@link dev.sojourn.Sessions}.
 */
@NullMarked
package dev.sojourn;

import org.jspecify.annotations.NullMarked;
