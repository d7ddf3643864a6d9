/** Spring Session on Sojourn: sessions that applications with Spring share with those on Node, in Python and on the JVM. */
@NullMarked
package dev.sojourn.spring;

import org.jspecify.annotations.NullMarked;
