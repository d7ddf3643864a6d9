package dev.sojourn.spring;

import com.fasterxml.jackson.annotation.JsonTypeInfo;
import com.fasterxml.jackson.databind.JavaType;
import com.fasterxml.jackson.databind.cfg.MapperConfig;
import com.fasterxml.jackson.databind.introspect.Annotated;
import com.fasterxml.jackson.databind.introspect.AnnotatedClass;
import com.fasterxml.jackson.databind.introspect.NopAnnotationIntrospector;
import com.fasterxml.jackson.databind.jsontype.NamedType;
import com.fasterxml.jackson.databind.jsontype.TypeResolverBuilder;
import com.fasterxml.jackson.databind.jsontype.impl.StdTypeResolverBuilder;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A field of a sealed type holds one of the classes that the type permits: which one is stored with it, and no other is made of it.
 * Where a class says it by annotations of its own, those count.
 */
final class SealedTypes extends NopAnnotationIntrospector {
  private static final long serialVersionUID = 1;
  private static final String PROPERTY = "@type";

  @Override
  public @Nullable TypeResolverBuilder<?> findTypeResolver(MapperConfig<?> config, AnnotatedClass type, JavaType base) {
    if (!isOpen(type.getRawType())) return null;
    JsonTypeInfo.Value info =
        JsonTypeInfo.Value.construct(JsonTypeInfo.Id.NAME, JsonTypeInfo.As.PROPERTY, PROPERTY, null, false, null);
    return new StdTypeResolverBuilder().init(info, null);
  }

  @Override
  public @Nullable List<NamedType> findSubtypes(Annotated type) {
    if (!(type instanceof AnnotatedClass) || !isOpen(type.getRawType())) return null;
    List<NamedType> found = new ArrayList<>();
    add(type.getRawType(), found);
    return found;
  }

  /** An enum with constants of classes of their own is sealed too, and written by its name. */
  private static boolean isOpen(Class<?> type) {
    return type.isSealed() && !type.isEnum();
  }

  private static void add(Class<?> type, List<NamedType> found) {
    if (!isOpen(type)) {
      found.add(new NamedType(type, type.getName()));
      return;
    }
    for (Class<?> permitted : type.getPermittedSubclasses()) add(permitted, found);
    boolean isMade = !type.isInterface() && !java.lang.reflect.Modifier.isAbstract(type.getModifiers());
    if (isMade) found.add(new NamedType(type, type.getName()));
  }
}
