package dev.sojourn;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A session as its owner sees it.
 *
 * @param id names the session for {@link PrincipalSessions#revoke}; of no use as a cookie
 * @param createdAt null, as {@code lastActiveAt} and {@code deadline}, where the entry does not open
 * @param lastActiveAt to the part of the idle timeout after which activity is written down
 * @param current whether it is the session that was given to {@link Sessions#of(Session)}
 * @param kind of client, as the login has named it
 */
public record SessionInfo(
    String id,
    @Nullable Instant createdAt,
    @Nullable Instant lastActiveAt,
    Instant expiresAt,
    @Nullable Instant deadline,
    boolean current,
    @Nullable String kind,
    @Nullable String device,
    @Nullable String address) {}
