package dev.sojourn.spring;

import dev.sojourn.RedisServer;
import dev.sojourn.Session;
import dev.sojourn.Sessions;
import dev.sojourn.SessionsBuilder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.springframework.session.events.AbstractSessionEvent;

/** Tests with a Redis of their own: a repository of Spring, and another application's sessions beside it. */
abstract class OnRedis {
  static final String SECRET = "a secret for tests: 0123456789abcdef";

  static RedisServer server;
  final List<AbstractSessionEvent> events = new CopyOnWriteArrayList<>();
  private final List<Sessions> opened = new ArrayList<>();
  /** Of an application without Spring. */
  Sessions elsewhere;
  SojournSessionRepository repository;

  @BeforeAll
  static void start() {
    server = new RedisServer();
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  @BeforeEach
  void open() {
    server.tell("FLUSHALL");
    elsewhere = sessions(builder());
    repository = repository().build();
  }

  @AfterEach
  void close() {
    opened.forEach(Sessions::close);
  }

  static SessionsBuilder builder() {
    return Sessions.builder().redis(server.uri()).secrets(SECRET).commandTimeout(Duration.ofSeconds(5));
  }

  Sessions sessions(SessionsBuilder builder) {
    Sessions sessions = builder.build();
    opened.add(sessions);
    return sessions;
  }

  SojournSessionRepository.Builder repository() {
    return repository(builder());
  }

  SojournSessionRepository.Builder repository(SessionsBuilder builder) {
    return SojournSessionRepository.builder(sessions(builder.namespace("spring")))
        .events(event -> events.add((AbstractSessionEvent) event));
  }

  static String token(SojournSession session) {
    return token(session.session());
  }

  static String token(Session session) {
    return Objects.requireNonNull(session.token()).value();
  }

  /** A stored session with these attributes. */
  SojournSession stored(Object... attributes) {
    SojournSession session = repository.createSession();
    for (int i = 0; i < attributes.length; i += 2) session.setAttribute((String) attributes[i], attributes[i + 1]);
    repository.save(session);
    return session;
  }

  /** As the next request with this session's token has it. */
  SojournSession again(SojournSession session) {
    return Objects.requireNonNull(repository.findById(token(session)));
  }
}
