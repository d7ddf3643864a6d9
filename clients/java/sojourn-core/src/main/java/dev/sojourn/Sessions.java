package dev.sojourn;

import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The sessions of an application, in Redis or Valkey. One for the application, for all threads; to be closed with it.
 *
 * <pre>{@code
 * Sessions sessions = Sessions.builder().redis("redis://localhost").secrets(System.getenv("SESSION_SECRET")).build();
 * Session session = sessions.open(cookie); // or open(null): nobody's yet
 * session.set("views", 1);
 * session.finish(); // before the response goes out; then session.cookie() says what becomes of the cookie
 * }</pre>
 */
public final class Sessions implements AutoCloseable {
  /** Forwards that lead on from one public id to the next. */
  private static final int MOST_FORWARDS = 64;

  private final Settings settings;
  private final Repository repository;

  Sessions(Settings settings) {
    this.settings = settings;
    repository = new Repository(settings);
  }

  public static SessionsBuilder builder() {
    return new SessionsBuilder();
  }

  /**
   * The session of a request.
   *
   * @param token the cookie's value. One that opens nothing, and null, give nobody's session; one that is not ours does so
   *     without asking Redis
   * @throws StoreUnavailableException
   * @throws StoreRefusedException
   * @throws SessionElsewhereException
   */
  public Session open(@Nullable String token) {
    Token parsed = Token.parse(settings.keyring(), token);
    if (parsed == null) {
      if (token != null) settings.listener().rejected(null, SessionListener.Rejection.FORGED);
      return new Session(repository, null, null);
    }
    SessionReader.Loaded loaded = repository.reader.load(parsed);
    Live live = loaded.live();
    // A request by a former token does not settle.
    if (live != null && live.token().id().equals(parsed.id())) repository.rotations.settle(live);
    return new Session(repository, parsed, loaded);
  }

  /** Nobody's session, to be stored when something is set. */
  public Session create() {
    return open(null);
  }

  /**
   * What a session holds, by its public id or one of before a rotation: for lists, and for what has no token.
   *
   * @return null where there is none, and where only its token opens it
   * @throws StoreUnavailableException
   * @throws StoreRefusedException
   */
  public @Nullable StoredSession read(String id) {
    if (!Token.isSessionId(id)) return null;
    String at = id;
    for (int hops = 0; hops <= MOST_FORWARDS; hops++) {
      RedisEngine.Stored stored = settings.engine().load(at);
      if (stored == null) return null;
      if (!RecordFormat.isTrail(stored.record())) return stored(at, stored);
      String successor = Trail.successor(stored.record());
      if (successor == null) return null;
      at = successor;
    }
    return null;
  }

  private @Nullable StoredSession stored(String id, RedisEngine.Stored stored) {
    RecordFormat.Opened opened = repository.reader.opened(id, stored.record());
    RecordHeader header = opened == null ? null : opened.header();
    Codec.Payload payload = opened == null ? null : opened.payload();
    if (header == null || payload == null) return null;
    Map<String, @Nullable Object> attributes = new LinkedHashMap<>();
    payload.attributes().forEach((name, value) -> attributes.put(name, Values.copy(value)));
    long expiresAt = Math.min(settings.engine().now() + stored.ttl(), header.deadline());
    return new StoredSession(
        id,
        Meta.principal(payload.meta()),
        attributes,
        Instant.ofEpochMilli(header.createdAt()),
        Instant.ofEpochMilli(expiresAt),
        Instant.ofEpochMilli(header.deadline()),
        Duration.ofMillis(header.idleTimeout()));
  }

  /**
   * The sessions of a principal.
   *
   * @throws AttributeException when it is not a text of 1 to 1,024 bytes
   */
  public PrincipalSessions of(String principal) {
    return new PrincipalSessions(settings, PrincipalName.of(principal, settings.pepper()), null);
  }

  /**
   * The sessions of the principal whose session this is.
   *
   * @throws NotSignedInException for nobody's
   */
  public PrincipalSessions of(Session session) {
    String principal = session.principal();
    if (principal == null) throw new NotSignedInException("sessions.of");
    return new PrincipalSessions(settings, PrincipalName.of(principal, settings.pepper()), session.id());
  }

  /**
   * Ends a session by its public id, on every node, also by its id of before a rotation.
   *
   * @return false when there is none
   * @throws StoreUnavailableException
   * @throws StoreRefusedException
   * @throws SessionConflictException
   */
  public boolean revoke(String id) {
    return Revocation.revoke(settings.engine(), id, null) != null;
  }

  /**
   * Connects, for applications that want to fail at start.
   *
   * @throws StoreUnavailableException
   * @throws StoreRefusedException
   */
  public void ready() {
    settings.engine().ready();
  }

  /** Closes the connection. Idempotent. */
  @Override
  public void close() {
    repository.leftovers.close();
    settings.engine().close();
  }

  RedisEngine engine() {
    return settings.engine();
  }
}
