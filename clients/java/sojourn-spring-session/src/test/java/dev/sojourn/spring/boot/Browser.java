package dev.sojourn.spring.boot;

import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** With cookies, and without following redirects. */
final class Browser {
  private static final HttpClient CLIENT = HttpClient.newBuilder().followRedirects(HttpClient.Redirect.NEVER).build();

  final Map<String, String> cookies = new LinkedHashMap<>();
  final Map<String, String> headers = new LinkedHashMap<>(Map.of("User-Agent", "a browser"));
  private final int port;

  Browser(int port) {
    this.port = port;
  }

  record Answer(int status, String body, HttpResponse<String> response) {
    List<String> setCookies() {
      return response.headers().allValues("Set-Cookie");
    }

    String location() {
      return response.headers().firstValue("Location").orElse("").replaceFirst("^http://[^/]*", "");
    }

    String header(String name) {
      return response.headers().firstValue(name).orElse("");
    }
  }

  Answer get(String path) {
    return send(request(path).GET());
  }

  /** @param fields name, value, … of a form */
  Answer post(String path, String... fields) {
    List<String> form = new ArrayList<>();
    for (int i = 0; i < fields.length; i += 2) form.add(encoded(fields[i]) + "=" + encoded(fields[i + 1]));
    HttpRequest.Builder request = request(path).header("Content-Type", "application/x-www-form-urlencoded");
    return send(request.POST(HttpRequest.BodyPublishers.ofString(String.join("&", form))));
  }

  private static String encoded(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8);
  }

  /** By the form of Spring Security. */
  Answer signIn(String user, String password, String... more) {
    List<String> fields = new ArrayList<>(List.of("username", user, "password", password, "_csrf", csrf("/login")));
    fields.addAll(List.of(more));
    return post("/login", fields.toArray(new String[0]));
  }

  Answer signOut() {
    return post("/logout", "_csrf", csrf("/logout"));
  }

  String csrf(String page) {
    Matcher matcher = Pattern.compile("name=\"_csrf\"[^>]*value=\"([^\"]+)\"").matcher(get(page).body());
    if (!matcher.find()) throw new AssertionError("no form at " + page);
    return matcher.group(1);
  }

  Browser copy() {
    Browser copy = new Browser(port);
    copy.cookies.putAll(cookies);
    return copy;
  }

  private HttpRequest.Builder request(String path) {
    HttpRequest.Builder request = HttpRequest.newBuilder(URI.create("http://localhost:" + port + path));
    headers.forEach(request::header);
    List<String> pairs = cookies.entrySet().stream().map(cookie -> cookie.getKey() + "=" + cookie.getValue()).toList();
    if (!pairs.isEmpty()) request.header("Cookie", String.join("; ", pairs));
    return request;
  }

  private Answer send(HttpRequest.Builder request) {
    try {
      HttpResponse<String> response = CLIENT.send(request.build(), HttpResponse.BodyHandlers.ofString());
      for (String cookie : response.headers().allValues("Set-Cookie")) {
        String[] pair = cookie.substring(0, cookie.indexOf(';')).split("=", 2);
        if (cookie.contains("Max-Age=0")) cookies.remove(pair[0]);
        else cookies.put(pair[0], pair[1]);
      }
      return new Answer(response.statusCode(), response.body(), response);
    } catch (IOException error) {
      throw new AssertionError(error);
    } catch (InterruptedException error) {
      throw new IllegalStateException(error);
    }
  }
}
