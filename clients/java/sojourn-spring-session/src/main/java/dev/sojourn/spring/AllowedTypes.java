package dev.sojourn.spring;

import dev.sojourn.OptionException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Which classes may be stored and made again from what Redis holds. */
final class AllowedTypes {
  /** Plain values of the JDK. */
  private static final Set<String> VALUES =
      Set.of(
          "java.math.BigDecimal",
          "java.net.URI",
          "java.time.Duration",
          "java.time.LocalDate",
          "java.time.LocalDateTime",
          "java.time.LocalTime",
          "java.time.MonthDay",
          "java.time.OffsetDateTime",
          "java.time.OffsetTime",
          "java.time.Period",
          "java.time.Year",
          "java.time.YearMonth",
          "java.time.ZonedDateTime",
          "java.util.Currency",
          "java.util.Date",
          "java.util.Locale",
          "java.util.UUID");

  private final Set<String> classes = new HashSet<>(VALUES);
  private final List<String> packages = new ArrayList<>();

  /** @param allowed names of classes, and of packages with {@code .*} behind, which have all below them */
  AllowedTypes(List<String> allowed) {
    for (String name : allowed) {
      if (name.endsWith(".*") && name.length() > 2) packages.add(name.substring(0, name.length() - 1));
      else if (name.isBlank() || name.contains("*")) {
        throw new OptionException("allowedTypes", "\"" + name + "\" is neither a class (com.acme.Cart) nor a package (com.acme.*)");
      } else classes.add(name);
    }
  }

  /** With the classes inside of it. */
  boolean has(String type) {
    if (classes.contains(type) || packages.stream().anyMatch(type::startsWith)) return true;
    int nested = type.lastIndexOf('$');
    return nested > 0 && has(type.substring(0, nested));
  }
}
