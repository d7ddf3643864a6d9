package dev.sojourn;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** Two web nodes that share their sessions. */
public final class Nodes implements AutoCloseable {
  static final String SECRET = "a secret for tests: 0123456789abcdef";

  final Sessions one;
  final Sessions two;
  final Events events = new Events();

  Nodes(RedisServer server) {
    this(server, builder -> builder);
  }

  Nodes(RedisServer server, UnaryOperator<SessionsBuilder> options) {
    one = options.apply(builder(server)).build();
    two = options.apply(builder(server)).build();
  }

  private SessionsBuilder builder(RedisServer server) {
    return Sessions.builder()
        .redis(server.uri())
        .secrets(SECRET)
        .commandTimeout(Duration.ofSeconds(5))
        .listener(events);
  }

  /** What has been told, in its order. */
  static final class Events implements SessionListener {
    final List<String> told = new CopyOnWriteArrayList<>();

    @Override
    public void rejected(@Nullable String id, Rejection reason) {
      told.add("rejected " + reason);
    }

    @Override
    public void tokenReuse(String id, String formerId, @Nullable String principal) {
      told.add("reuse " + principal);
    }

    @Override
    public void evicted(String id, String principal, String by) {
      told.add("evicted " + principal);
    }

    @Override
    public void expired(String id, @Nullable String principal) {
      told.add("expired " + id + " " + principal);
    }

    @Override
    public void dropped(@Nullable String id, Set<String> attributes) {
      told.add("dropped " + attributes);
    }

    @Override
    public void error(String operation, Throwable error) {
      told.add("error " + operation);
    }
  }

  /** A session with these attributes, stored. */
  static Session stored(Sessions sessions, Object... attributes) {
    Session session = sessions.create();
    for (int i = 0; i < attributes.length; i += 2) session.set((String) attributes[i], attributes[i + 1]);
    session.keepEvenIfEmpty();
    session.commit();
    return session;
  }

  static Session signedIn(Sessions sessions, String principal) {
    Session session = sessions.create();
    session.login(principal);
    return session;
  }

  static String token(Session session) {
    return Objects.requireNonNull(session.token()).value();
  }

  static String id(Session session) {
    return Objects.requireNonNull(session.id());
  }

  /** For all nodes time goes on, but for the server. */
  void pass(Duration time) {
    later(one, time);
    later(two, time);
  }

  /** For this node it is later than it is, or earlier. */
  public static void later(Sessions node, Duration time) {
    node.engine().clock().skew.addAndGet(time.toMillis());
  }

  public static void eventually(java.util.function.BooleanSupplier isSo) {
    long end = System.nanoTime() + Duration.ofSeconds(30).toNanos();
    while (!isSo.getAsBoolean()) {
      if (System.nanoTime() > end) throw new AssertionError("not within 30 seconds");
      try {
        Thread.sleep(5);
      } catch (InterruptedException error) {
        throw new IllegalStateException(error);
      }
    }
  }

  /** All at once, each on a thread of its own; the first failure is the caller's. */
  static void atOnce(List<? extends Runnable> work) {
    List<Throwable> failures = new CopyOnWriteArrayList<>();
    List<Thread> threads = new ArrayList<>();
    for (Runnable each : work) {
      Thread thread =
          new Thread(
              () -> {
                try {
                  each.run();
                } catch (Throwable failure) {
                  failures.add(failure);
                }
              });
      threads.add(thread);
      thread.start();
    }
    try {
      for (Thread thread : threads) thread.join();
    } catch (InterruptedException error) {
      throw new IllegalStateException(error);
    }
    if (!failures.isEmpty()) throw new AssertionError(failures.size() + " failed", failures.get(0));
  }

  @Override
  public void close() {
    one.close();
    two.close();
  }
}
