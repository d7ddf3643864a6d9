"""What failures of redis-py's clients mean to whoever has asked."""

from __future__ import annotations

from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    ClusterDownError,
    ClusterError,
    ConnectionError,  # noqa: A004 (the client's word)
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    TimeoutError,  # noqa: A004
    TryAgainError,
)

from .errors import SojournError, StoreRefusedError, StoreUnavailableError

#: What clients raise. That of a Cluster has no base in common with the others.
FAILURES = (RedisError, RedisClusterException, OSError)
_REASONS: tuple[tuple[type[RedisError], str], ...] = (
    (OutOfMemoryError, "OOM"),
    (ReadOnlyError, "READONLY"),
    (NoPermissionError, "NOPERM"),
    (AuthenticationError, "NOAUTH"),
    (NoScriptError, "NOSCRIPT"),
)
_ADVICE = {
    "OOM": "its memory is full: raise maxmemory, or set maxmemory-policy to volatile-ttl",
    "READONLY": "it is a replica: connect to the primary, or to the Sentinels",
    "NOPERM": "the user lacks a permission: ACL LOG on the server says which command or key; see docs/redis.md",
    "NOAUTH": "it asks for a password, or the one that it was given is wrong",
    "WRONGPASS": "user name or password is wrong, or the user is disabled",
    "MISCONF": "it cannot save to disk and takes no writes: see its log, free disk space",
    "NOREPLICAS": "it has fewer replicas than min-replicas-to-write asks for: restore them",
    "WRONGTYPE": "another application uses the same keys: choose another prefix or database",
    "DENIED": "protected mode is on: set a password for the server, or connect by loopback",
    "NOSCRIPT": "it does not keep scripts: is there a proxy in between that does not know EVAL?",
}
_PASSING = frozenset({"LOADING", "MASTERDOWN", "CLUSTERDOWN", "BUSY", "TRYAGAIN", "UNBLOCKED"})


def store_error(error: Exception, operation: str) -> SojournError:
    """What a failure of the client means to the caller.

    The server's words are not kept: answers to a lack of permission, and to unknown commands, quote keys and arguments.
    """
    if isinstance(error, (ConnectionError, TimeoutError, OSError)) and not isinstance(
        error, (AuthenticationError, BusyLoadingError)
    ):
        text = str(error)
        # Nothing was sent where there was no connection to send it on.
        unsent = any(words in text for words in ("connecting to", "No master found", "Too many connections"))
        if unsent:
            return StoreUnavailableError(f"{operation}: Redis cannot be reached: check address, network and server", False)
        return StoreUnavailableError(
            f"{operation}: the connection to Redis was lost, or it was silent for too long; "
            "whether it was carried out is unknown",
            True,
        )
    if isinstance(error, (BusyLoadingError, ClusterDownError, TryAgainError)):
        return StoreUnavailableError(f"{operation}: Redis cannot serve at the moment ({type(error).__name__})", False)
    if isinstance(error, (ClusterError, RedisClusterException)):
        return StoreUnavailableError(f"{operation}: the Cluster does not serve this slot, or cannot be reached", True)
    reason = next((word for cls, word in _REASONS if isinstance(error, cls)), None) or _first_word(str(error))
    if reason in _PASSING:
        return StoreUnavailableError(f"{operation}: Redis cannot serve ({reason})", False)
    advice = _ADVICE.get(reason, "its log, and MONITOR on a test server, show the answer's text")
    return StoreRefusedError(reason, f"{operation}: Redis refused ({reason}): {advice}")


def _first_word(text: str) -> str:
    word = text.lstrip("-").split(" ", 1)[0]
    return word if word.isalpha() and word.isupper() and len(word) <= 32 else "ERR"
