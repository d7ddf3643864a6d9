package dev.sojourn;

import io.lettuce.core.RedisURI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The options of {@link Sessions}: the names and defaults of those on Node. Each is checked at once, as is what they make
 * together by {@link #build()}; all methods throw {@link OptionException}.
 */
public final class SessionsBuilder {
  /** How records' payloads are written. All are read. */
  public enum PayloadCodec {
    /** The smaller one, and bytes as they are. */
    MESSAGE_PACK,
    /** Can be read by people, where it is not sealed. */
    JSON
  }

  private static final Pattern PREFIX = Pattern.compile("[A-Za-z0-9:_.-]{1,64}");
  private static final int MOST_BYTES = 8 * 1024 * 1024;
  private static final long PATIENCE = Duration.ofMinutes(5).toMillis();

  private List<RedisURI> addresses = List.of();
  private boolean isCluster;
  private List<byte[]> secrets = List.of();
  private byte[] pepper = new byte[0];
  private String prefix = "sj";
  private long commandTimeout = 500;
  private long idleTimeout = Duration.ofMinutes(30).toMillis();
  private long absoluteTimeout = Duration.ofHours(12).toMillis();
  private double touchAfter = 0.1;
  private SealMode seal = SealMode.SEALED;
  private Codec codec = Codec.MESSAGE_PACK;
  private int compressFrom = 256;
  private int maxBytes = 65_536;
  private @Nullable Long rotateEvery;
  private long rotationGrace = Duration.ofSeconds(10).toMillis();
  private @Nullable Long rotationPatience;
  private long reuseWindow = Duration.ofHours(1).toMillis();
  private boolean endsReused;
  private @Nullable SessionLimit maxSessions;
  private int version = 1;
  private final Map<String, Merge> merges = new LinkedHashMap<>();
  private final Map<Integer, UnaryOperator<Map<String, @Nullable Object>>> migrations = new LinkedHashMap<>();
  private Namespace namespace = Namespace.NONE;
  private boolean tellsExpired;
  private SessionListener listener = new SessionListener() {};

  SessionsBuilder() {}

  /** {@code redis://}, {@code rediss://}, {@code redis-socket://}, {@code redis-sentinel://…#master}. */
  public SessionsBuilder redis(String uri) {
    return redis(parsed(uri));
  }

  /** One server, or the Sentinels of one. */
  public SessionsBuilder redis(RedisURI uri) {
    addresses = List.of(uri);
    isCluster = false;
    return this;
  }

  /** Some nodes of a Redis Cluster. */
  public SessionsBuilder cluster(String... uris) {
    if (uris.length == 0) throw new OptionException("cluster", "takes the address of at least one node");
    addresses = Arrays.stream(uris).map(SessionsBuilder::parsed).toList();
    isCluster = true;
    return this;
  }

  private static RedisURI parsed(String uri) {
    try {
      return RedisURI.create(uri);
    } catch (RuntimeException notParsed) {
      // Without the cause: its message quotes the address, which may hold a password.
      throw new OptionException("redis", "takes a URI such as redis://host:6379 or redis-sentinel://host:26379#master");
    }
  }

  /**
   * At least 32 bytes each: the first signs and seals, the others still verify and open. A request whose token another has
   * signed gets a new one with its commit once that is 10 minutes old.
   */
  public SessionsBuilder secrets(@Nullable String... secrets) {
    List<byte[]> given = new ArrayList<>();
    for (int i = 0; i < secrets.length; i++) {
      String secret = secrets[i];
      if (secret == null) throw new OptionException("secrets[" + i + "]", "is null; is the environment variable set?");
      given.add(Bytes.utf8(secret));
    }
    return secrets(given);
  }

  /** As {@link #secrets(String...)}, where they are bytes. */
  public SessionsBuilder secrets(List<byte[]> secrets) {
    Keyring.of(secrets);
    this.secrets = secrets.stream().map(byte[]::clone).toList();
    return this;
  }

  /**
   * Keyed into the principals' names in Redis, so that they cannot be guessed from known user ids. Must stay the same for as
   * long as sessions live, and be the same on all nodes.
   */
  public SessionsBuilder pepper(byte[] pepper) {
    this.pepper = pepper.clone();
    return this;
  }

  /** Begins every key, 1 to 64 characters of A-Z a-z 0-9 : _ . - Default {@code sj}. */
  public SessionsBuilder prefix(String prefix) {
    if (!PREFIX.matcher(prefix).matches()) {
      throw new OptionException("prefix", "takes 1 to 64 characters of A-Z a-z 0-9 : _ . -");
    }
    this.prefix = prefix;
    return this;
  }

  /** Deadline of each command, at most 10 minutes. Default 500 ms. */
  public SessionsBuilder commandTimeout(Duration timeout) {
    commandTimeout = Options.duration("commandTimeout", timeout, 600_000);
    return this;
  }

  /** Since the last activity. Default 30 minutes. */
  public SessionsBuilder idleTimeout(Duration timeout) {
    idleTimeout = Options.duration("idleTimeout", timeout);
    return this;
  }

  /** Since the creation, never extended. Default 12 hours, at most 400 days. */
  public SessionsBuilder absoluteTimeout(Duration timeout) {
    absoluteTimeout = Options.duration("absoluteTimeout", timeout);
    return this;
  }

  /** The part of the idle timeout after which activity renews it, 0 to 0.9. Default 0.1. */
  public SessionsBuilder touchAfter(double part) {
    if (!(part >= 0 && part <= 0.9)) {
      throw new OptionException("touchAfter", "takes a number from 0 to 0.9, a part of the idle timeout");
    }
    touchAfter = part;
    return this;
  }

  /** Default {@link SealMode#SEALED}. */
  public SessionsBuilder seal(SealMode seal) {
    this.seal = seal;
    return this;
  }

  /** Default {@link PayloadCodec#MESSAGE_PACK}. */
  public SessionsBuilder codec(PayloadCodec codec) {
    this.codec = codec == PayloadCodec.JSON ? Codec.JSON : Codec.MESSAGE_PACK;
    return this;
  }

  /** Payloads of at least so many bytes are compressed if that helps; {@code Integer.MAX_VALUE}: never. Default 256. */
  public SessionsBuilder compress(int bytes) {
    if (bytes < 0) throw new OptionException("compress", "takes a number of bytes");
    compressFrom = bytes;
    return this;
  }

  /** The most bytes a session may have, encoded, before compression: 64 to 8 MiB. Default 65,536. */
  public SessionsBuilder maxBytes(int bytes) {
    if (bytes < 64 || bytes > MOST_BYTES) throw new OptionException("maxBytes", "takes a number from 64 to " + MOST_BYTES);
    maxBytes = bytes;
    return this;
  }

  /** A request whose token is older gets a new one with its commit. Default: only login, stepUp and rotate make them. */
  public SessionsBuilder rotateEvery(Duration age) {
    rotateEvery = Options.duration("rotateEvery", age);
    return this;
  }

  /** How long a former token still leads to the session once the new one has been used. Default 10 seconds. */
  public SessionsBuilder rotationGrace(Duration grace) {
    rotationGrace = Options.duration("rotationGrace", grace);
    return this;
  }

  /** How long it does while nobody has used the new one, whose response may be lost. Default 5 minutes. */
  public SessionsBuilder rotationPatience(Duration patience) {
    rotationPatience = Options.duration("rotationPatience", patience);
    return this;
  }

  /** How long the use of a former token is recognised as reuse; zero: not at all. Default 1 hour. */
  public SessionsBuilder reuseWindow(Duration window) {
    reuseWindow = window.isZero() ? 0 : Options.duration("reuseWindow", window);
    return this;
  }

  /** Such a use ends the session, as a revocation does. Default: it is told to the listener only. */
  public SessionsBuilder endReused() {
    endsReused = true;
    return this;
  }

  /** How many sessions a principal may have. Default: no limit. */
  public SessionsBuilder maxSessions(SessionLimit limit) {
    maxSessions = limit;
    return this;
  }

  /** How an attribute is merged that two requests changed at once. Default: the later one wins. */
  public SessionsBuilder merge(String attribute, Merge merge) {
    Values.checkName(attribute);
    merges.put(attribute, merge);
    return this;
  }

  /** Version of the application's data, 1 to 65,535. Default 1. */
  public SessionsBuilder version(int version) {
    if (version < 1 || version > 65_535) throw new OptionException("version", "takes a whole number from 1 to 65535");
    this.version = version;
    return this;
  }

  /** Makes version {@code from} + 1 of the attributes when a session is read that is of an earlier one. */
  public SessionsBuilder migrate(int from, UnaryOperator<Map<String, @Nullable Object>> step) {
    if (from < 1) throw new OptionException("migrate", "takes versions from 1 on");
    migrations.put(from, step);
    return this;
  }

  /**
   * For a framework's adapter, {@code django} or {@code spring}: attributes with this name and a colon in front are its own, got
   * and set as others are. Those of the other frameworks are kept as they are: {@link Session#names} does not name them, and they
   * cannot be set or removed. Default: all of these are others'.
   */
  public SessionsBuilder namespace(String framework) {
    if (!Namespace.RESERVED.contains(framework)) {
      throw new OptionException("namespace", "takes one of " + new TreeSet<>(Namespace.RESERVED));
    }
    namespace = new Namespace(framework);
    return this;
  }

  /**
   * Has sessions that expire told of, to {@link SessionListener#expired}: those that are made here from now on, and by other nodes
   * that want it told (on Node {@code expiry: 'reliable'}). A thread asks Redis every two seconds, from {@link #build()} on. Indexes live a day
   * longer. Default: nobody tells.
   */
  public SessionsBuilder tellExpired() {
    tellsExpired = true;
    return this;
  }

  /** Hears of what happens to sessions in this process. */
  public SessionsBuilder listener(SessionListener listener) {
    this.listener = new GuardedListener(listener);
    return this;
  }

  /** Asks nothing of Redis, but for {@link #tellExpired}: the first use connects, or {@link Sessions#ready()}. */
  public Sessions build() {
    if (addresses.isEmpty()) throw new OptionException("redis", "is missing: redis(uri) or cluster(uris)");
    Keyring keyring = Keyring.of(secrets);
    if (idleTimeout > absoluteTimeout) throw new OptionException("idleTimeout", "is longer than absoluteTimeout: raise that");
    long patience = rotationPatience == null ? Math.max(rotationGrace, PATIENCE) : rotationPatience;
    if (patience < rotationGrace) throw new OptionException("rotationPatience", "is shorter than rotationGrace");
    if (endsReused && reuseWindow == 0) throw new OptionException("endReused", "needs a reuseWindow");
    for (int from : migrations.keySet()) {
      if (from >= version) throw new OptionException("migrate", "has a step from version " + from + ", version is " + version);
    }
    RedisEngine engine = new RedisEngine(new RedisLink(addresses, isCluster, commandTimeout), prefix, tellsExpired);
    return new Sessions(
        new Settings(
            engine,
            keyring,
            pepper,
            new RecordFormat(codec, seal, compressFrom, maxBytes),
            idleTimeout,
            absoluteTimeout,
            touchAfter,
            rotateEvery,
            rotationGrace,
            patience,
            reuseWindow,
            endsReused,
            Map.copyOf(merges),
            maxSessions,
            version,
            Map.copyOf(migrations),
            namespace,
            listener),
        tellsExpired);
  }
}
