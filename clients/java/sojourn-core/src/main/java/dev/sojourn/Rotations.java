package dev.sojourn;

import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What a new token leaves at the former id, and what its first use does to that. */
final class Rotations {
  /** What becomes of those who come with the former token. */
  enum Kind {
    /** They are led to the successor, for some time. */
    FORWARD,
    /** They are refused at once, as after a login. */
    SUPERSEDE
  }

  private static final int MOST_SETTLED = 10_000;
  /** After one that failed: a store that is down is not asked with each request. */
  private static final long PAUSE_MS = 1_000;
  /**
   * A token of a former secret is replaced at this age. Not at once: nodes that have the secrets in another order, while a new
   * one comes to one after the other, would replace each other's with each request.
   */
  private static final long SECRET_PATIENCE_MS = 10 * 60_000;

  private final Settings settings;
  /** Former ids whose forwards this process has settled. */
  private final Set<String> settled = Recent.set(MOST_SETTLED);

  private volatile long pausedUntil;

  Rotations(Settings settings) {
    this.settings = settings;
  }

  RedisEngine.Left left(Kind kind, RecordHeader header, Token from, Token to) {
    if (kind == Kind.SUPERSEDE) return new RedisEngine.Left(Trail.superseded(to.id()), Trail.SUPERSEDED_FOR);
    long now = settings.engine().now();
    byte[] forward = Trail.forward(settings.keyring(), from, to, now + settings.rotationPatience());
    // Of what has ended there is no reuse.
    long longest = Math.max(1, header.deadline() - now);
    return new RedisEngine.Left(forward, Math.min(Math.max(settings.rotationPatience(), settings.reuseWindow()), longest));
  }

  /** The meta that goes along with the new token. */
  Map<String, @Nullable Object> meta(Kind kind, Map<String, @Nullable Object> meta, Token from) {
    String former = kind == Kind.FORWARD ? from.id().substring(Partitions.TAG_LENGTH) : null;
    return Meta.withToken(meta, settings.engine().now(), former);
  }

  /** Somebody has come with the token of a successor. Once in a process, again after a failure; nobody waits for it. */
  void settle(Live live) {
    String hash = Meta.former(live.meta());
    if (hash == null) return;
    String former = RedisEngine.tagOf(live.token().id()) + hash;
    long now = settings.engine().now();
    if (now < pausedUntil || !Token.isSessionId(former) || !settled.add(former)) return;
    try {
      settings
          .engine()
          .settle(former, now + settings.rotationGrace())
          .whenComplete(
              (done, error) -> {
                if (error != null) failed(former, StoreErrors.of("settle", error));
              });
    } catch (SojournException error) {
      // The connection has just been lost: no reason to refuse the request.
      failed(former, error);
    }
  }

  /** The next request with this token tries again, on whichever node. */
  private void failed(String former, SojournException error) {
    settled.remove(former);
    pausedUntil = settings.engine().now() + PAUSE_MS;
    settings.listener().error("settle", error);
  }

  /** Whether the session's token is to be replaced by another: for its age, or for the secret that it is signed with. */
  boolean isDue(Live live) {
    // That is the one of its record, or of before.
    boolean isOfFirst = live.key() == settings.keyring().primary() && Meta.tokenKey(live.meta()) == null;
    Long every = settings.rotateEvery();
    long most = every == null ? Long.MAX_VALUE : every;
    if (!isOfFirst) most = Math.min(most, SECRET_PATIENCE_MS);
    Long madeAt = Meta.tokenMadeAt(live.meta());
    long age = settings.engine().now() - (madeAt == null ? live.header().createdAt() : madeAt);
    return age >= most;
  }
}
