package dev.sojourn;

import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * All sessions of one principal, on every node. Every method throws {@link StoreUnavailableException} and {@link
 * StoreRefusedException}.
 */
public final class PrincipalSessions {
  private final Settings settings;
  private final PrincipalName name;
  private final @Nullable String current;

  PrincipalSessions(Settings settings, PrincipalName name, @Nullable String current) {
    this.settings = settings;
    this.name = name;
    this.current = current;
  }

  /** Oldest first. */
  public List<SessionInfo> list() {
    long now = settings.engine().now();
    return settings.engine().list(name.partitionTag(), name.tag()).stream().map(listed -> info(listed, now)).toList();
  }

  private SessionInfo info(RedisEngine.Listed listed, long now) {
    long expiresAt = Math.min(now + listed.ttl(), now + Options.LONGEST_LIFETIME);
    Descriptor known = Descriptor.open(settings.keyring(), name.tag(), listed.id(), listed.descriptor());
    boolean isCurrent = listed.id().equals(current);
    Instant end = Instant.ofEpochMilli(expiresAt);
    if (known == null) return new SessionInfo(listed.id(), null, null, end, null, isCurrent, null, null, null);
    // Near the absolute deadline the remaining time says less; activity was then at the earliest so.
    long lastActiveAt = Math.max(known.createdAt(), expiresAt - known.idleTimeout());
    return new SessionInfo(
        listed.id(),
        Instant.ofEpochMilli(known.createdAt()),
        Instant.ofEpochMilli(lastActiveAt),
        end,
        Instant.ofEpochMilli(known.deadline()),
        isCurrent,
        known.kind(),
        known.device(),
        known.address());
  }

  /** How many are live. */
  public int count() {
    return settings.engine().list(name.partitionTag(), name.tag()).size();
  }

  /**
   * Ends one of them, also by its id of before a rotation.
   *
   * @return false when there is no such session
   */
  public boolean revoke(String id) {
    return Revocation.revoke(settings.engine(), id, name.tag()) != null;
  }

  /**
   * Ends all of them: whoever signed in before the call has no session after it.
   *
   * @return how many were live
   */
  public int revokeAll() {
    return revokeAll(null);
  }

  /**
   * As {@link #revokeAll()}.
   *
   * @param keep id of one that is spared, also of before a rotation
   */
  public int revokeAll(@Nullable String keep) {
    return settings.engine().revokeAll(name.partitionTag(), name.tag(), keep).size();
  }

  /**
   * Ends all but the session that was given to {@link Sessions#of(Session)}: "sign out everywhere else".
   *
   * @throws SessionEndedException where none was given
   */
  public int revokeOthers() {
    if (current == null) throw new SessionEndedException("revokeOthers");
    return revokeAll(current);
  }
}
