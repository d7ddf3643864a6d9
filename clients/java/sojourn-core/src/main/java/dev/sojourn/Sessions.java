package dev.sojourn;

import java.util.Map;
import java.util.function.Consumer;
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
  private final Settings settings;
  private final Repository repository;
  private final ById byId;
  private final @Nullable Expiry expiry;

  Sessions(Settings settings, boolean tellsExpired) {
    this.settings = settings;
    repository = new Repository(settings);
    byId = new ById(settings, repository.reader);
    expiry = tellsExpired ? new Expiry(settings) : null;
  }

  /** Their options; {@link SessionsBuilder#build()} makes them. */
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
      if (token != null) settings.listener().rejected(null, Token.refusalOf(token));
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
    return byId.read(id);
  }

  /**
   * Changes what a session holds, by its public id or one of before a rotation: for administration, and for what has no token. It
   * does not count as activity.
   *
   * @param change gets the attributes, to be changed in place; runs again when another writer was first
   * @return false where there is no such session, and where only its token opens it
   * @throws AttributeException
   * @throws SessionTooLargeException
   * @throws SessionConflictException
   * @throws StoreUnavailableException
   * @throws StoreRefusedException
   */
  public boolean update(String id, Consumer<Map<String, @Nullable Object>> change) {
    return byId.update(id, change);
  }

  /**
   * Renews a session's idle timeout by its public id, where that is due: for activity that comes without the token, such as
   * messages of a socket.
   *
   * @return false where there is no such session, and where only its token opens it
   * @throws StoreUnavailableException
   * @throws StoreRefusedException
   */
  public boolean touch(String id) {
    return byId.touch(id);
  }

  /**
   * The public id that a token names, without asking Redis whether there is such a session.
   *
   * @param token the cookie's value
   * @return null for what is no token that these secrets have made
   */
  public @Nullable String idOf(@Nullable String token) {
    Token parsed = Token.parse(settings.keyring(), token);
    return parsed == null ? null : parsed.id();
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
    if (expiry != null) expiry.close();
    repository.leftovers.close();
    settings.engine().close();
  }

  RedisEngine engine() {
    return settings.engine();
  }
}
