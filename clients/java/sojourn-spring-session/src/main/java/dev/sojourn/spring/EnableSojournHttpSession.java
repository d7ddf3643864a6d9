package dev.sojourn.spring;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.springframework.context.annotation.Import;
import org.springframework.session.SaveMode;

/**
 * Sessions of Sojourn, for applications without Spring Boot (with it, properties are enough). Takes a bean of {@link
 * dev.sojourn.Sessions}, made with {@code namespace("spring")}; the filter is the bean {@code springSessionRepositoryFilter}.
 */
@Documented
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@Import(SojournHttpSessionConfiguration.class)
public @interface EnableSojournHttpSession {
  /** See {@link SojournSessionRepository.Builder#saveMode}. */
  SaveMode saveMode() default SaveMode.ON_SET_ATTRIBUTE;

  /** See {@link SojournSessionRepository.Builder#allowedTypes}. */
  String[] allowedTypes() default {};
}
