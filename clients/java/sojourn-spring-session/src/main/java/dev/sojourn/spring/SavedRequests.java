package dev.sojourn.spring;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.springframework.security.web.savedrequest.DefaultSavedRequest;

/** The request that is to be gone on with after a login. What proves who somebody is is not stored with it. */
final class SavedRequests {
  private static final Set<String> SECRET_HEADERS = Set.of("authorization", "cookie", "proxy-authorization");

  private SavedRequests() {}

  static Map<String, @Nullable Object> write(DefaultSavedRequest request) {
    Map<String, @Nullable Object> form = new LinkedHashMap<>();
    form.put("method", request.getMethod());
    form.put("scheme", request.getScheme());
    form.put("serverName", request.getServerName());
    form.put("serverPort", request.getServerPort());
    form.put("contextPath", request.getContextPath());
    form.put("servletPath", request.getServletPath());
    form.put("pathInfo", request.getPathInfo());
    form.put("requestURI", request.getRequestURI());
    form.put("requestURL", request.getRequestURL());
    form.put("queryString", request.getQueryString());
    form.put("matching", matching(request));
    form.put("locales", request.getLocales().stream().map(Locale::toLanguageTag).toList());
    Map<String, Object> headers = new LinkedHashMap<>();
    for (String name : request.getHeaderNames()) {
      if (!SECRET_HEADERS.contains(name.toLowerCase(Locale.ROOT))) headers.put(name, request.getHeaderValues(name));
    }
    form.put("headers", headers);
    Map<String, Object> parameters = new LinkedHashMap<>();
    request.getParameterMap().forEach((name, values) -> parameters.put(name, List.of(values)));
    form.put("parameters", parameters);
    return form;
  }

  /** The parameter by which the request is known again, which only the URL tells: {@code ?continue}. */
  private static @Nullable String matching(DefaultSavedRequest request) {
    String url = request.getRedirectUrl();
    int start = url.indexOf('?');
    String query = start < 0 ? "" : url.substring(start + 1);
    if (query.isEmpty() || query.equals(request.getQueryString())) return null;
    return query.substring(query.lastIndexOf('&') + 1);
  }

  static DefaultSavedRequest read(Map<?, ?> form) {
    List<Locale> locales = AttributeValues.texts(form.get("locales")).stream().map(Locale::forLanguageTag).toList();
    Map<String, List<String>> headers = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
    map(form, "headers").forEach((name, values) -> headers.put((String) name, AttributeValues.texts(values)));
    Map<String, String[]> parameters = new TreeMap<>();
    map(form, "parameters").forEach((name, values) -> parameters.put((String) name, AttributeValues.texts(values).toArray(new String[0])));
    Object port = form.get("serverPort");
    return new DefaultSavedRequest.Builder()
        .setMethod((String) form.get("method"))
        .setScheme((String) form.get("scheme"))
        .setServerName((String) form.get("serverName"))
        .setServerPort(port instanceof Number number ? number.intValue() : -1)
        .setContextPath((String) form.get("contextPath"))
        .setServletPath((String) form.get("servletPath"))
        .setPathInfo((String) form.get("pathInfo"))
        .setRequestURI((String) form.get("requestURI"))
        .setRequestURL((String) form.get("requestURL"))
        .setQueryString((String) form.get("queryString"))
        .setMatchingRequestParameterName((String) form.get("matching"))
        .setLocales(locales)
        .setHeaders(headers)
        .setParameters(parameters)
        .setCookies(new ArrayList<>())
        .build();
  }

  private static Map<?, ?> map(Map<?, ?> form, String name) {
    return form.get(name) instanceof Map<?, ?> map ? map : Map.of();
  }
}
