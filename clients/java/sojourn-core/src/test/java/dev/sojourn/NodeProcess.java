package dev.sojourn;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** One of the scripts in src/test/node, which run Sojourn as it is built for Node in `dist/` of the repository. */
public final class NodeProcess implements AutoCloseable {
  private final Process process;
  private final BufferedWriter in;
  private final BufferedReader out;

  /** Skips the test, and says so, where there is no Node or no build. */
  public NodeProcess(String script, String... arguments) {
    Path dist = Vectors.ROOT.resolve("dist");
    assumeTrue(Files.exists(dist.resolve("index.js")), "skipped: there is no dist/, `npm run build` makes it");
    Path file = Vectors.ROOT.resolve("clients/java/sojourn-core/src/test/node/" + script);
    List<String> command = new ArrayList<>(List.of("node", file.toString(), dist.toString()));
    command.addAll(List.of(arguments));
    Process started = null;
    try {
      started = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    } catch (IOException error) {
      assumeTrue(false, "skipped: there is no node");
    }
    process = java.util.Objects.requireNonNull(started);
    in = process.outputWriter(StandardCharsets.UTF_8);
    out = process.inputReader(StandardCharsets.UTF_8);
  }

  void write(String line) {
    try {
      in.write(line);
      in.newLine();
      in.flush();
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  List<String> rest() {
    try {
      in.close();
      return out.lines().toList();
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  /** @param arguments name, value, name, value, … */
  public Map<String, Object> ask(String command, Object... arguments) {
    Map<String, Object> question = new LinkedHashMap<>();
    question.put("command", command);
    for (int i = 0; i < arguments.length; i += 2) question.put((String) arguments[i], arguments[i + 1]);
    JsonWriter json = new JsonWriter();
    json.value(Values.normalise("question", question));
    write(new String(json.toBytes(), StandardCharsets.UTF_8));
    try {
      String line = out.readLine();
      if (line == null) throw new AssertionError("node has ended");
      Map<String, Object> answer = Vectors.map(new JsonReader(line).document());
      if (answer.containsKey("error")) throw new AssertionError("node: " + answer.get("error"));
      return answer;
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  @Override
  public void close() {
    try {
      in.close();
      if (!process.waitFor(5, TimeUnit.SECONDS)) process.destroyForcibly();
    } catch (IOException error) {
      process.destroyForcibly();
    } catch (InterruptedException error) {
      Thread.currentThread().interrupt();
    }
  }
}
