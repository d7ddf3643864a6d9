/** Sessions of Sojourn by properties, for Spring Boot 3 and 4. */
@NullMarked
package dev.sojourn.spring.boot;

import org.jspecify.annotations.NullMarked;
