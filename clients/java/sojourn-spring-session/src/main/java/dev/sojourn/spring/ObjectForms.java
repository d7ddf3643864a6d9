package dev.sojourn.spring;

import com.fasterxml.jackson.annotation.JsonAutoDetect.Visibility;
import com.fasterxml.jackson.annotation.PropertyAccessor;
import com.fasterxml.jackson.databind.AnnotationIntrospector;
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
  private static final String ADVICE =
      "declare the field as the class that it holds or as a sealed type, or have it say which by @JsonTypeInfo (a class of its own for Page<Item>)";

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
    mapper.setAnnotationIntrospector(AnnotationIntrospector.pair(mapper.getSerializationConfig().getAnnotationIntrospector(), new SealedTypes()));
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
    Object stored;
    try {
      stored = mapper.convertValue(value, Object.class);
    } catch (IllegalArgumentException error) {
      throw new AttributeValues.Refusal("a " + type.getName() + " does not become JSON, see the cause", error);
    }
    check(value, type, stored);
    return new AttributeValues.Form(type.getName(), stored);
  }

  /** Better refused now than when the next request comes. */
  private void check(Object value, Class<?> type, Object stored) {
    String lost;
    try {
      lost = LostTypes.find(value, mapper.convertValue(stored, type));
    } catch (IllegalArgumentException error) {
      throw new AttributeValues.Refusal("a " + type.getName() + " would be stored and could not be made again, see the cause; " + ADVICE, error);
    }
    if (lost != null) throw new AttributeValues.Refusal("in a " + type.getName() + " at " + lost + "; " + ADVICE);
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
