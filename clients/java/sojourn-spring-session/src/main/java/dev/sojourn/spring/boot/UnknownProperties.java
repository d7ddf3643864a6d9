package dev.sojourn.spring.boot;

import java.lang.reflect.RecordComponent;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.config.BeanFactoryPostProcessor;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.boot.context.properties.bind.DataObjectPropertyName;
import org.springframework.boot.context.properties.source.ConfigurationPropertyName;
import org.springframework.boot.context.properties.source.ConfigurationPropertyName.Form;
import org.springframework.boot.context.properties.source.ConfigurationPropertySource;
import org.springframework.boot.context.properties.source.ConfigurationPropertySources;
import org.springframework.boot.context.properties.source.IterableConfigurationPropertySource;
import org.springframework.core.env.Environment;
import org.springframework.core.env.PropertySource;

/**
 * Refuses properties below {@code sojourn} that there are not: Boot ignores them, and a misspelt timeout would not hold. Names of
 * environment variables and of the JVM's properties may be somebody else's, such as those that Kubernetes makes for a service of
 * that name: of these only one is refused that nearly names a property which nothing sets.
 */
final class UnknownProperties implements BeanFactoryPostProcessor {
  private static final ConfigurationPropertyName ROOT = ConfigurationPropertyName.of("sojourn");
  private static final List<String> SHARED = List.of("systemEnvironment", "systemProperties");
  private static final int NEAR = 2;

  private enum Kind {
    VALUE,
    LIST,
    MAP,
    GROUP
  }

  private final Environment environment;
  /** By the name without {@link #ROOT}. */
  private final Map<ConfigurationPropertyName, Kind> known = new LinkedHashMap<>();

  UnknownProperties(Environment environment) {
    this.environment = environment;
    learn(SojournProperties.class, ConfigurationPropertyName.EMPTY);
  }

  private void learn(Class<?> type, ConfigurationPropertyName prefix) {
    for (RecordComponent component : type.getRecordComponents()) {
      ConfigurationPropertyName name = prefix.append(DataObjectPropertyName.toDashedForm(component.getName()));
      Class<?> of = component.getType();
      Kind kind = Map.class == of ? Kind.MAP : List.class == of ? Kind.LIST : of.isRecord() ? Kind.GROUP : Kind.VALUE;
      known.put(name, kind);
      if (kind == Kind.GROUP) learn(of, name);
    }
  }

  /** @throws UnknownPropertyException */
  @Override
  public void postProcessBeanFactory(ConfigurableListableBeanFactory beans) {
    for (ConfigurationPropertySource source : ConfigurationPropertySources.get(environment)) {
      if (!(source instanceof IterableConfigurationPropertySource iterable)) continue;
      boolean isShared = source.getUnderlyingSource() instanceof PropertySource<?> given && SHARED.contains(given.getName());
      iterable.filter(ROOT::isAncestorOf).forEach(name -> check(source, name, isShared));
    }
  }

  private void check(ConfigurationPropertySource source, ConfigurationPropertyName name, boolean isShared) {
    ConfigurationPropertyName own = name.subName(ROOT.getNumberOfElements());
    if (isShared ? isKnownVariable(own) : isKnown(own)) return;
    ConfigurationPropertyName meant = nearest(own, isShared ? NEAR : Math.max(NEAR, squashed(own).length() / 3));
    if (isShared && (meant == null || isSet(meant))) return;
    var property = source.getConfigurationProperty(name);
    String text = ROOT.append(own).toString();
    String origin = property == null || property.getOrigin() == null ? null : property.getOrigin().toString();
    throw new UnknownPropertyException(text, meant == null ? null : ROOT.append(meant).toString(), origin);
  }

  private boolean isKnown(ConfigurationPropertyName name) {
    Kind kind = known.get(name);
    // A group without anything below it is what YAML makes of a bare "cookie:".
    if (kind != null) return true;
    if (name.isLastElementIndexed() && known.get(name.getParent()) == Kind.LIST) return true;
    return known.entrySet().stream().anyMatch(each -> each.getValue() == Kind.MAP && each.getKey().isAncestorOf(name));
  }

  /** {@code SOJOURN_IDLE_TIMEOUT} and {@code SOJOURN_IDLETIMEOUT} are both taken by Boot: words are not told apart. */
  private boolean isKnownVariable(ConfigurationPropertyName name) {
    String given = squashed(name);
    return known.entrySet().stream()
        .anyMatch(
            each -> {
              String own = squashed(each.getKey());
              return switch (each.getValue()) {
                case VALUE, GROUP -> given.equals(own);
                case LIST -> given.matches(own + "\\d*");
                case MAP -> given.startsWith(own);
              };
            });
  }

  private boolean isSet(ConfigurationPropertyName meant) {
    ConfigurationPropertyName name = ROOT.append(meant);
    for (ConfigurationPropertySource source : ConfigurationPropertySources.get(environment)) {
      if (source.getConfigurationProperty(name) != null) return true;
      if (source.getConfigurationProperty(name.append("[0]")) != null) return true;
    }
    return false;
  }

  /** Of the same last word in another group, such as same-site for cookie.same-site; or the least letters away. */
  private @Nullable ConfigurationPropertyName nearest(ConfigurationPropertyName name, int most) {
    String last = name.getLastElement(Form.UNIFORM);
    String given = squashed(name);
    List<ConfigurationPropertyName> names = known.keySet().stream().filter(each -> known.get(each) != Kind.GROUP).toList();
    return names.stream()
        .filter(each -> distance(given, squashed(each)) <= most)
        .min(Comparator.comparingInt(each -> distance(given, squashed(each))))
        .or(() -> names.stream().filter(each -> each.getLastElement(Form.UNIFORM).equals(last)).findFirst())
        .orElse(null);
  }

  private static String squashed(ConfigurationPropertyName name) {
    StringBuilder all = new StringBuilder();
    for (int i = 0; i < name.getNumberOfElements(); i++) all.append(name.getElement(i, Form.UNIFORM));
    return all.toString().toLowerCase(Locale.ROOT);
  }

  /** Letters to be put in, taken out or changed. */
  private static int distance(String one, String other) {
    int[] before = new int[other.length() + 1];
    for (int j = 0; j <= other.length(); j++) before[j] = j;
    for (int i = 1; i <= one.length(); i++) {
      int[] row = new int[other.length() + 1];
      row[0] = i;
      for (int j = 1; j <= other.length(); j++) {
        int changed = before[j - 1] + (one.charAt(i - 1) == other.charAt(j - 1) ? 0 : 1);
        row[j] = Math.min(changed, Math.min(before[j], row[j - 1]) + 1);
      }
      before = row;
    }
    return before[other.length()];
  }
}
