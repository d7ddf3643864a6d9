package dev.sojourn.spring;

import dev.sojourn.spring.AttributeValues.Form;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.util.LinkedMultiValueMap;
import org.springframework.util.MultiValueMap;
import org.springframework.web.servlet.FlashMap;

/** What Spring MVC keeps for the request after a redirect. */
final class FlashMapForms implements AttributeValues.Forms {
  private static final String ATTRIBUTES = "attributes";
  private static final String PATH = "path";
  private static final String PARAMETERS = "parameters";
  private static final String EXPIRES = "expires";

  private @Nullable AttributeValues values;

  /** @param values for what is inside */
  void use(AttributeValues values) {
    this.values = values;
  }

  private AttributeValues values() {
    AttributeValues known = values;
    if (known == null) throw new IllegalStateException("use(values) comes first");
    return known;
  }

  @Override
  public @Nullable Form write(Object value) {
    if (!(value instanceof FlashMap flash)) return null;
    Map<String, @Nullable Object> form = new LinkedHashMap<>();
    form.put(ATTRIBUTES, values().write((Object) new LinkedHashMap<>(flash)));
    form.put(PATH, flash.getTargetRequestPath());
    form.put(PARAMETERS, new LinkedHashMap<>(flash.getTargetRequestParams()));
    form.put(EXPIRES, flash.getExpirationTime());
    return new Form(FlashMap.class.getName(), form);
  }

  @Override
  public @Nullable Object read(String type, @Nullable Object stored) {
    if (!type.equals(FlashMap.class.getName()) || !(stored instanceof Map<?, ?> form)) return null;
    FlashMap flash = new FlashMap();
    if (values().read(form.get(ATTRIBUTES)) instanceof Map<?, ?> attributes) {
      attributes.forEach((name, value) -> flash.put((String) name, value));
    }
    flash.setTargetRequestPath((String) form.get(PATH));
    MultiValueMap<String, String> parameters = new LinkedMultiValueMap<>();
    if (form.get(PARAMETERS) instanceof Map<?, ?> given) {
      given.forEach((name, all) -> parameters.put((String) name, AttributeValues.texts(all)));
    }
    flash.addTargetRequestParams(parameters);
    if (form.get(EXPIRES) instanceof Long at) flash.setExpirationTime(at);
    return flash;
  }
}
