package dev.sojourn.spring;

import com.fasterxml.jackson.annotation.JsonAutoDetect.Visibility;
import com.fasterxml.jackson.annotation.PropertyAccessor;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JavaType;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.cfg.MapperConfig;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.jsontype.PolymorphicTypeValidator;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import org.jspecify.annotations.Nullable;

/** Objects of allowed classes, by Jackson: their fields, to maps, lists and texts. */
final class ObjectForms implements AttributeValues.Forms {
  private final AllowedTypes allowed;
  private final ClassLoader loader;
  private final ObjectMapper mapper;

  ObjectForms(AllowedTypes allowed, ClassLoader loader, Iterable<SojournMapperCustomizer> customizers) {
    this.allowed = allowed;
    this.loader = loader;
    mapper =
        JsonMapper.builder()
            .addModule(new JavaTimeModule())
            .addModule(new BoundedDecimals())
            .disable(SerializationFeature.WRITE_DATES_AS_TIMESTAMPS)
            .enable(SerializationFeature.WRITE_DATES_WITH_ZONE_ID)
            .disable(SerializationFeature.WRITE_DURATIONS_AS_TIMESTAMPS)
            .disable(SerializationFeature.FAIL_ON_EMPTY_BEANS)
            .disable(DeserializationFeature.ADJUST_DATES_TO_CONTEXT_TIME_ZONE)
            // A node of an earlier release reads what a later one has written.
            .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            // The state, as it is, and not what is reckoned from it.
            .visibility(PropertyAccessor.ALL, Visibility.NONE)
            .visibility(PropertyAccessor.FIELD, Visibility.ANY)
            .visibility(PropertyAccessor.CREATOR, Visibility.ANY)
            // Where a class says by @JsonTypeInfo that a name of a class is in the text.
            .polymorphicTypeValidator(new Validator(allowed))
            .build();
    for (SojournMapperCustomizer customizer : customizers) customizer.customize(mapper);
  }

  private static final class Validator extends PolymorphicTypeValidator.Base {
    private static final long serialVersionUID = 1;
    private final transient AllowedTypes allowed;

    Validator(AllowedTypes allowed) {
      this.allowed = allowed;
    }

    /** What is not refused by its name is asked for again, with the types of its elements: {@code Box<Other>}. */
    @Override
    public Validity validateSubClassName(MapperConfig<?> config, JavaType base, String name) {
      return allowed.has(name) ? Validity.INDETERMINATE : Validity.DENIED;
    }

    @Override
    public Validity validateSubType(MapperConfig<?> config, JavaType base, JavaType type) {
      if (!allowed.has(type.getRawClass().getName())) return Validity.DENIED;
      for (int i = 0; i < type.containedTypeCount(); i++) {
        JavaType element = type.containedType(i);
        boolean isOpen = element.isJavaLangObject() || element.isInterface() || element.hasRawClass(String.class);
        if (!isOpen && validateSubType(config, base, element) == Validity.DENIED) return Validity.DENIED;
      }
      return Validity.ALLOWED;
    }
  }

  @Override
  public AttributeValues.@Nullable Form write(Object value) {
    // The constants of an enum may be of classes of their own.
    Class<?> type = value instanceof Enum<?> constant ? constant.getDeclaringClass() : value.getClass();
    if (!allowed.has(type.getName())) return null;
    try {
      return new AttributeValues.Form(type.getName(), mapper.convertValue(value, Object.class));
    } catch (IllegalArgumentException error) {
      throw new AttributeValues.Refusal("a " + value.getClass().getName() + " does not become JSON, see the cause", error);
    }
  }

  @Override
  public @Nullable Object read(String type, @Nullable Object stored) {
    if (!allowed.has(type)) return null;
    try {
      return mapper.convertValue(stored, Class.forName(type, false, loader));
    } catch (ClassNotFoundException gone) {
      throw new AttributeValues.Refusal("there is no class " + type + " here", gone);
    } catch (IllegalArgumentException error) {
      throw new AttributeValues.Refusal("a " + type + " cannot be made from what is stored, see the cause", error);
    }
  }
}
