package dev.sojourn;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;

/** Tests with a Redis of their own, emptied before each, and two web nodes on it. */
abstract class TwoNodes {
  static RedisServer server;
  Nodes nodes;
  Sessions one;
  Sessions two;

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
    use(new Nodes(server, this::options));
  }

  SessionsBuilder options(SessionsBuilder builder) {
    return builder;
  }

  /** Others than those of before. */
  final void use(Nodes made) {
    if (nodes != null) nodes.close();
    nodes = made;
    one = made.one;
    two = made.two;
  }

  @AfterEach
  void close() {
    nodes.close();
    nodes = null;
  }
}
