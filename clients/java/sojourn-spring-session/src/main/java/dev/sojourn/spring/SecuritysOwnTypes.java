package dev.sojourn.spring;

import com.fasterxml.jackson.databind.JavaType;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.cfg.MapperConfig;
import com.fasterxml.jackson.databind.jsontype.PolymorphicTypeValidator;
import java.util.Set;

/** Classes that Spring Security's Jackson modules name a mix-in for, and plain values and collections of the JDK. */
final class SecuritysOwnTypes extends PolymorphicTypeValidator.Base {
  private static final long serialVersionUID = 1;
  private static final Set<String> JDK =
      Set.of(
          "java.lang.Boolean",
          "java.lang.Double",
          "java.lang.Float",
          "java.lang.Integer",
          "java.lang.Long",
          "java.lang.Object",
          "java.lang.String",
          "java.net.URL",
          "java.time.Instant",
          "java.util.ArrayList",
          "java.util.Arrays$ArrayList",
          "java.util.Collections$EmptyList",
          "java.util.Collections$EmptyMap",
          "java.util.Collections$EmptySet",
          "java.util.Collections$SingletonList",
          "java.util.Collections$SingletonMap",
          "java.util.Collections$SingletonSet",
          "java.util.Collections$UnmodifiableRandomAccessList",
          "java.util.Date",
          "java.util.HashMap",
          "java.util.HashSet",
          "java.util.LinkedHashMap",
          "java.util.LinkedHashSet",
          "java.util.TreeMap",
          "java.util.TreeSet");

  private final transient ObjectMapper mapper;

  SecuritysOwnTypes(ObjectMapper mapper) {
    this.mapper = mapper;
  }

  /** Before a class is looked for. What is not refused here is asked for again, with the types of its elements. */
  @Override
  public Validity validateSubClassName(MapperConfig<?> config, JavaType base, String name) {
    boolean isPossible = name.startsWith("org.springframework.security.") || name.startsWith("java.");
    return isPossible ? Validity.INDETERMINATE : Validity.DENIED;
  }

  @Override
  public Validity validateSubType(MapperConfig<?> config, JavaType base, JavaType type) {
    return isKnown(type) ? Validity.ALLOWED : Validity.DENIED;
  }

  private boolean isKnown(JavaType type) {
    Class<?> raw = type.getRawClass();
    if (!JDK.contains(raw.getName()) && mapper.findMixInClassFor(raw) == null) return false;
    for (int i = 0; i < type.containedTypeCount(); i++) {
      JavaType element = type.containedType(i);
      // What implements an interface says its own name.
      if (!element.isInterface() && !isKnown(element)) return false;
    }
    return true;
  }
}
