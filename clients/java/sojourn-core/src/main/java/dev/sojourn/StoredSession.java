package dev.sojourn;

import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a session holds, read by its public id.
 *
 * @param id where it stands now: a rotation may have moved it
 * @param attributes copies, in the types that {@link Session#get(String)} gives
 */
public record StoredSession(
    String id,
    @Nullable String principal,
    Map<String, @Nullable Object> attributes,
    Instant createdAt,
    Instant expiresAt,
    Instant deadline,
    Duration idleTimeout) {}
