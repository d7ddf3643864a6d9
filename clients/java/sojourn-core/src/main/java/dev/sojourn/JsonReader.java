package dev.sojourn;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * RFC 8259, and nothing beside it: no comments, no NaN, nothing after the value. Of a key that comes twice the last value
 * counts, as for the JavaScript that shares the records. Numbers come out as {@link Values} has them.
 */
final class JsonReader {
  /** A map that is written as three containers, 64 times inside itself, and what is around it. */
  private static final int MAX_DEPTH = 3 * Values.MAX_DEPTH + 8;

  private final String text;
  private int position;
  private int depth;

  JsonReader(String text) {
    this.text = text;
  }

  /** @throws MalformedPayloadException and nothing else */
  @Nullable Object document() {
    Object value = value();
    space();
    if (position != text.length()) throw fail();
    return value;
  }

  private @Nullable Object value() {
    space();
    switch (peek()) {
      case '{':
        return object();
      case '[':
        return list();
      case '"':
        return string();
      case 't':
        return word("true", true);
      case 'f':
        return word("false", false);
      case 'n':
        return word("null", null);
      default:
        return number();
    }
  }

  private Map<String, @Nullable Object> object() {
    enter();
    Map<String, @Nullable Object> object = new LinkedHashMap<>();
    if (!closes('}')) {
      do {
        space();
        String key = string();
        space();
        expect(':');
        object.put(key, value());
      } while (continues('}'));
    }
    depth--;
    return object;
  }

  private List<@Nullable Object> list() {
    enter();
    List<@Nullable Object> list = new ArrayList<>();
    if (!closes(']')) {
      do {
        list.add(value());
      } while (continues(']'));
    }
    depth--;
    return list;
  }

  private void enter() {
    position++;
    if (depth++ == MAX_DEPTH) throw new MalformedPayloadException("nested too deeply");
  }

  private boolean closes(char end) {
    space();
    if (peek() != end) return false;
    position++;
    return true;
  }

  private boolean continues(char end) {
    space();
    char next = peek();
    position++;
    if (next == ',') return true;
    if (next == end) return false;
    throw fail();
  }

  private String string() {
    expect('"');
    StringBuilder value = new StringBuilder();
    for (; ; ) {
      char c = next();
      if (c == '"') break;
      if (c < 0x20) throw fail();
      value.append(c == '\\' ? escaped() : c);
    }
    String string = value.toString();
    if (!Values.isWellFormed(string)) throw new MalformedPayloadException("a lone surrogate");
    return string;
  }

  private char escaped() {
    char c = next();
    return switch (c) {
      case '"', '\\', '/' -> c;
      case 'b' -> '\b';
      case 'f' -> '\f';
      case 'n' -> '\n';
      case 'r' -> '\r';
      case 't' -> '\t';
      case 'u' -> {
        int unit = 0;
        for (int i = 0; i < 4; i++) {
          int digit = hexDigit(next());
          unit = unit << 4 | digit;
        }
        yield (char) unit;
      }
      default -> throw fail();
    };
  }

  private static int hexDigit(char c) {
    int digit = c < 0x80 ? Character.digit(c, 16) : -1;
    if (digit < 0) throw fail();
    return digit;
  }

  private Object number() {
    int start = position;
    if (peekOrEnd() == '-') position++;
    if (peekOrEnd() == '0') position++;
    else digits();
    boolean isWhole = true;
    if (peekOrEnd() == '.') {
      position++;
      digits();
      isWhole = false;
    }
    if (peekOrEnd() == 'e' || peekOrEnd() == 'E') {
      position++;
      if (peekOrEnd() == '+' || peekOrEnd() == '-') position++;
      digits();
      isWhole = false;
    }
    String digits = text.substring(start, position);
    if (isWhole && digits.length() <= 15 && !digits.equals("-0")) return Long.parseLong(digits);
    double number = Double.parseDouble(digits);
    if (Double.isInfinite(number)) throw new MalformedPayloadException("number too large");
    return Values.number(number);
  }

  private void digits() {
    int start = position;
    while (peekOrEnd() >= '0' && peekOrEnd() <= '9') position++;
    if (position == start) throw fail();
  }

  private @Nullable Object word(String word, @Nullable Object value) {
    if (!text.startsWith(word, position)) throw fail();
    position += word.length();
    return value;
  }

  private void space() {
    while (position < text.length() && " \t\n\r".indexOf(text.charAt(position)) >= 0) position++;
  }

  private void expect(char c) {
    if (next() != c) throw fail();
  }

  private char next() {
    char c = peek();
    position++;
    return c;
  }

  private char peek() {
    if (position >= text.length()) throw fail();
    return text.charAt(position);
  }

  private char peekOrEnd() {
    return position < text.length() ? text.charAt(position) : '\0';
  }

  /** Says nothing of the text: it is somebody's payload. */
  private static MalformedPayloadException fail() {
    return new MalformedPayloadException("not JSON in UTF-8");
  }
}
