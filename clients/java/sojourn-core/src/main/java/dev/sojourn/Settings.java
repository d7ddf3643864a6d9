package dev.sojourn;

import java.util.Map;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * The options, checked and with defaults. Times are milliseconds.
 *
 * @param rotateEvery null: never
 * @param reuseWindow 0: reuse is not recognised
 * @param migrations by the version that they start from
 */
record Settings(
    RedisEngine engine,
    Keyring keyring,
    byte[] pepper,
    RecordFormat format,
    long idleTimeout,
    long absoluteTimeout,
    double touchAfter,
    @Nullable Long rotateEvery,
    long rotationGrace,
    long rotationPatience,
    long reuseWindow,
    boolean endsReused,
    Map<String, Merge> merges,
    @Nullable SessionLimit maxSessions,
    int version,
    Map<Integer, UnaryOperator<Map<String, @Nullable Object>>> migrations,
    Namespace namespace,
    SessionListener listener) {}
