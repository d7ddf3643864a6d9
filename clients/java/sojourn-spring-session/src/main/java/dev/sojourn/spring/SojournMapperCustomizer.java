package dev.sojourn.spring;

import com.fasterxml.jackson.databind.ObjectMapper;

/** Further modules or mix-ins for the objects of allowed classes. Jackson 2, with Spring Boot 4 too. */
@FunctionalInterface
public interface SojournMapperCustomizer {
  /** @param mapper of this library alone: to be changed in place, once at start */
  void customize(ObjectMapper mapper);
}
