package dev.sojourn;

import io.lettuce.core.AbstractRedisClient;
import io.lettuce.core.ClientOptions;
import io.lettuce.core.RedisChannelHandler;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisConnectionStateListener;
import io.lettuce.core.RedisNoScriptException;
import io.lettuce.core.RedisURI;
import io.lettuce.core.ScriptOutputType;
import io.lettuce.core.SocketOptions;
import io.lettuce.core.TimeoutOptions;
import io.lettuce.core.api.StatefulConnection;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.cluster.ClusterClientOptions;
import io.lettuce.core.cluster.RedisClusterClient;
import io.lettuce.core.cluster.api.StatefulRedisClusterConnection;
import io.lettuce.core.cluster.api.async.RedisClusterAsyncCommands;
import io.lettuce.core.codec.ByteArrayCodec;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * The one connection to a server, to the primary behind Sentinels, or to a Cluster. Made at its first use. Every command
 * has a deadline. Within it the client connects again by itself and sends again what was not answered, so a script may be
 * carried out twice: all of them are so made that the second time changes nothing, and {@link Repository} knows its own
 * record again. After the deadline a command is not sent any more.
 */
final class RedisLink implements AutoCloseable {
  private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(5);
  /** The client's would be a timer for each command beside that of who waits. */
  private static final TimeoutOptions OWN_DEADLINES = TimeoutOptions.builder().timeoutCommands(false).build();

  private final ServerClock clock = new ServerClock();
  private final List<RedisURI> addresses;
  private final boolean isCluster;
  private final long commandTimeout;
  private @Nullable AbstractRedisClient client;
  private @Nullable CompletableFuture<StatefulConnection<byte[], byte[]>> opening;
  private volatile @Nullable StatefulConnection<byte[], byte[]> connection;
  private volatile boolean wasConnected;
  private volatile boolean isClosed;

  /** @param commandTimeout milliseconds */
  RedisLink(List<RedisURI> addresses, boolean isCluster, long commandTimeout) {
    this.addresses = addresses;
    this.isCluster = isCluster;
    this.commandTimeout = commandTimeout;
  }

  boolean isCluster() {
    return isCluster;
  }

  ServerClock clock() {
    return clock;
  }

  /** @throws StoreUnavailableException when there is no connection to be had */
  RedisClusterAsyncCommands<byte[], byte[]> commands(String operation) {
    StatefulConnection<byte[], byte[]> open = connection;
    return commands(open == null ? connect(operation) : open);
  }

  private static RedisClusterAsyncCommands<byte[], byte[]> commands(StatefulConnection<byte[], byte[]> connection) {
    if (connection instanceof StatefulRedisClusterConnection<byte[], byte[]> cluster) return cluster.async();
    return ((StatefulRedisConnection<byte[], byte[]>) connection).async();
  }

  /**
   * Waits for the answer.
   *
   * @throws StoreUnavailableException
   * @throws StoreRefusedException
   */
  <T> T await(String operation, Future<T> future) {
    try {
      return future.get(commandTimeout, TimeUnit.MILLISECONDS);
    } catch (TimeoutException late) {
      future.cancel(true);
      throw StoreErrors.late(operation, commandTimeout);
    } catch (InterruptedException interrupted) {
      future.cancel(true);
      Thread.currentThread().interrupt();
      throw new StoreUnavailableException(operation + ": the thread was interrupted while it waited for Redis", true, interrupted);
    } catch (ExecutionException failed) {
      throw failed(operation, failed.getCause() == null ? failed : failed.getCause());
    } catch (CancellationException cancelled) {
      throw StoreErrors.of(operation, cancelled);
    }
  }

  private RuntimeException failed(String operation, Throwable error) {
    SojournException exception = StoreErrors.of(operation, error);
    // Demoted: the next command asks the Sentinels who is primary now.
    if (exception instanceof StoreRefusedException refused && refused.reason().equals("READONLY")) drop();
    return exception;
  }

  /** Runs a script by its SHA-1; by its text if the server does not know it (yet, or any more). */
  <T> T run(Script script, ScriptOutputType type, byte[][] keys, byte[][] arguments) {
    RedisClusterAsyncCommands<byte[], byte[]> commands = commands(script.operation);
    Future<T> future = commands.evalsha(script.sha1, type, keys, arguments);
    try {
      return future.get(commandTimeout, TimeUnit.MILLISECONDS);
    } catch (ExecutionException failed) {
      // After a restart or SCRIPT FLUSH; nothing was carried out. EVAL makes it known again.
      if (!(failed.getCause() instanceof RedisNoScriptException)) return await(script.operation, future);
      return await(script.operation, commands.eval(script.text, type, keys, arguments));
    } catch (InterruptedException | TimeoutException | CancellationException notAnswered) {
      if (notAnswered instanceof InterruptedException) Thread.currentThread().interrupt();
      future.cancel(true);
      throw notAnswered instanceof TimeoutException
          ? StoreErrors.late(script.operation, commandTimeout)
          : StoreErrors.of(script.operation, notAnswered);
    }
  }

  /** All who wait for a connection wait for the same one. */
  private StatefulConnection<byte[], byte[]> connect(String operation) {
    CompletableFuture<StatefulConnection<byte[], byte[]>> attempt = opening(operation);
    // The first takes longer than a command: names are resolved, and classes loaded.
    long patience = wasConnected ? commandTimeout : Math.max(commandTimeout, CONNECT_TIMEOUT.toMillis());
    try {
      return attempt.get(patience, TimeUnit.MILLISECONDS);
    } catch (ExecutionException failed) {
      throw StoreErrors.unreachable(operation, failed.getCause() == null ? failed : failed.getCause());
    } catch (TimeoutException | CancellationException late) {
      throw StoreErrors.unreachable(operation, late);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw StoreErrors.unreachable(operation, interrupted);
    }
  }

  private synchronized CompletableFuture<StatefulConnection<byte[], byte[]>> opening(String operation) {
    if (isClosed) throw new StoreUnavailableException(operation + ": these sessions are closed", false, null);
    CompletableFuture<StatefulConnection<byte[], byte[]>> attempt = opening;
    if (attempt != null) return attempt;
    long[] askedAt = new long[1];
    attempt =
        (isCluster ? connectCluster() : connectOne())
            .thenCompose(
                made -> {
                  askedAt[0] = System.nanoTime();
                  return commands(made).time().thenApply(time -> opened(made, askedAt[0], time));
                })
            .toCompletableFuture();
    opening = attempt;
    attempt.whenComplete((made, error) -> attempted(made));
    return attempt;
  }

  private StatefulConnection<byte[], byte[]> opened(
      StatefulConnection<byte[], byte[]> made, long askedAt, List<byte[]> time) {
    learn(askedAt, time);
    return made;
  }

  /** @param made null: it has failed, and the next command tries again */
  private synchronized void attempted(@Nullable StatefulConnection<byte[], byte[]> made) {
    opening = null;
    if (isClosed) return;
    connection = made;
    wasConnected |= made != null;
  }

  private CompletionStage<StatefulConnection<byte[], byte[]>> connectOne() {
    RedisClient one = (RedisClient) client;
    if (one == null) {
      one = RedisClient.create();
      one.setOptions(ClientOptions.builder().socketOptions(socketOptions()).timeoutOptions(OWN_DEADLINES).build());
      watch(one);
    }
    return one.connectAsync(ByteArrayCodec.INSTANCE, addresses.get(0)).thenApply(made -> made);
  }

  private CompletionStage<StatefulConnection<byte[], byte[]>> connectCluster() {
    RedisClusterClient cluster = (RedisClusterClient) client;
    if (cluster == null) {
      cluster = RedisClusterClient.create(addresses);
      cluster.setOptions(ClusterClientOptions.builder().socketOptions(socketOptions()).timeoutOptions(OWN_DEADLINES).build());
      watch(cluster);
    }
    RedisClusterClient known = cluster;
    return known.refreshPartitionsAsync().thenCompose(done -> known.connectAsync(ByteArrayCodec.INSTANCE)).thenApply(made -> made);
  }

  private static SocketOptions socketOptions() {
    return SocketOptions.builder().connectTimeout(CONNECT_TIMEOUT).keepAlive(true).build();
  }

  private void watch(AbstractRedisClient made) {
    client = made;
    made.addListener(
        new RedisConnectionStateListener() {
          @Override
          public void onRedisConnected(RedisChannelHandler<?, ?> handler, SocketAddress address) {
            StatefulConnection<byte[], byte[]> open = connection;
            // The first time is learned by who connects. Not waited for here: this is the thread that reads answers.
            if (open == null) return;
            long askedAt = System.nanoTime();
            commands(open).time().thenAccept(time -> learn(askedAt, time));
          }
        });
  }

  private void learn(long askedAt, List<byte[]> time) {
    long seconds = Long.parseLong(Bytes.ascii(time.get(0)));
    long micros = Long.parseLong(Bytes.ascii(time.get(1)));
    clock.learn(askedAt, seconds * 1000 + micros / 1000);
  }

  private synchronized void drop() {
    StatefulConnection<byte[], byte[]> open = connection;
    connection = null;
    if (open != null) open.closeAsync();
  }

  /** Idempotent. */
  @Override
  public void close() {
    AbstractRedisClient made = closed();
    // With all its connections.
    if (made != null) made.shutdown(Duration.ZERO, Duration.ofSeconds(2));
  }

  private synchronized @Nullable AbstractRedisClient closed() {
    AbstractRedisClient made = client;
    isClosed = true;
    connection = null;
    client = null;
    return made;
  }
}
