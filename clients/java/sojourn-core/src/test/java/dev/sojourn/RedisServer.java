package dev.sojourn;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** A real server of our own, on a free port of 127.0.0.1, gone with the test. */
public final class RedisServer implements AutoCloseable {
  private final Path directory;
  private final List<String> arguments;
  public final int port;
  private Process process;

  public RedisServer(String... arguments) {
    this(freePort(), arguments);
  }

  public RedisServer(int port, String... arguments) {
    this.port = port;
    this.arguments = List.of(arguments);
    try {
      directory = Files.createTempDirectory("sojourn-java-");
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
    process = start();
  }

  /** As a Sentinel, which writes into its file of configuration. */
  public static RedisServer sentinel(int primary) {
    try {
      Path configuration = Files.createTempFile("sojourn-java-", ".conf");
      configuration.toFile().deleteOnExit();
      String text =
          """
          sentinel monitor main 127.0.0.1 %d 1
          sentinel down-after-milliseconds main 500
          sentinel failover-timeout main 2000
          """;
      Files.writeString(configuration, text.formatted(primary));
      return new RedisServer(configuration.toString(), "--sentinel");
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  static int freePort() {
    // A node of a Cluster takes the port 10,000 above as well.
    for (; ; ) {
      try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
        if (socket.getLocalPort() < 55_000) return socket.getLocalPort();
      } catch (IOException error) {
        throw new UncheckedIOException(error);
      }
    }
  }

  private Process start() {
    List<String> command = new ArrayList<>(List.of("redis-server"));
    boolean isSentinel = arguments.contains("--sentinel");
    if (isSentinel) command.add(arguments.get(0));
    command.addAll(List.of("--port", String.valueOf(port), "--bind", "127.0.0.1", "--dir", directory.toString()));
    if (!isSentinel) command.addAll(List.of("--save", "", "--appendonly", "no"));
    command.addAll(isSentinel ? List.of("--sentinel") : arguments);
    try {
      Process started =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(directory.resolve("log").toFile())
              .start();
      long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
      while (!answers()) {
        if (!started.isAlive() || System.nanoTime() > end) {
          throw new IllegalStateException("redis-server does not start: " + Files.readString(directory.resolve("log")));
        }
        Thread.sleep(20);
      }
      return started;
    } catch (IOException error) {
      throw new UncheckedIOException("redis-server is needed for these tests", error);
    } catch (InterruptedException error) {
      throw new IllegalStateException(error);
    }
  }

  private boolean answers() {
    try {
      return command("PING").startsWith("+PONG");
    } catch (IOException error) {
      return false;
    }
  }

  /** The first of what the server answers; for short answers. */
  String command(String command) throws IOException {
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
      socket.setSoTimeout(2000);
      socket.getOutputStream().write((command + "\r\n").getBytes(StandardCharsets.UTF_8));
      byte[] answer = new byte[65_536];
      int length = socket.getInputStream().read(answer);
      return length < 0 ? "" : new String(answer, 0, length, StandardCharsets.UTF_8);
    }
  }

  public String tell(String command) {
    try {
      return command(command);
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  public String uri() {
    return "redis://127.0.0.1:" + port;
  }

  public void stop() {
    process.destroyForcibly();
    try {
      process.waitFor(5, TimeUnit.SECONDS);
    } catch (InterruptedException error) {
      Thread.currentThread().interrupt();
    }
  }

  /** Empty. */
  public void restart() {
    stop();
    process = start();
  }

  /** It takes connections and commands, and answers nothing until {@link #resume}. */
  public void pause() {
    signal("STOP");
  }

  public void resume() {
    signal("CONT");
  }

  private void signal(String name) {
    try {
      new ProcessBuilder("kill", "-" + name, String.valueOf(process.pid())).start().waitFor();
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    } catch (InterruptedException error) {
      throw new IllegalStateException(error);
    }
  }

  @Override
  public void close() {
    stop();
    try (Stream<Path> files = Files.walk(directory)) {
      files.sorted(Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }
}
