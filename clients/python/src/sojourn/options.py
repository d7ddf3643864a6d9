"""Options of `Sessions` and `AsyncSessions`. All are checked at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from .clock import ServerClock
from .codec import Codec
from .codecs import codec_of
from .cookie import CookiePolicy
from .duration import Duration, parse_duration
from .errors import OptionError
from .expiry import check_expiry
from .keyring import Keyring
from .keys import check_prefix
from .limit import LimitOf, MaxSessions, limit_of
from .private import check_namespace, check_public, namespace_of
from .rebase import Merge
from .record import AUTHENTICATED, SEALED, TOKEN_SEALED, RecordSettings
from .store import Store
from .unknown_options import unknown_option
from .values import check_name

#: Makes the data of version n + 1 from that of version n. May change and return its argument.
Migration = Callable[[dict[str, Any]], dict[str, Any]]

Secrets = str | bytes | Sequence[str | bytes]


class CookieOptions(TypedDict, total=False):
    """Defaults: `__Host-session` (the prefix goes where the others do not allow it), secure, lax, `/`, this host only."""

    name: str
    secure: bool
    #: `lax`, `strict` or `none`.
    same_site: str
    path: str
    domain: str | None
    #: A separate cookie for each top-level site (CHIPS).
    partitioned: bool
    #: Whether the cookie outlives the browser, of all sessions.
    persistent: bool


class _RequiredOptions(TypedDict):
    #: Each at least 32 bytes; the first signs and seals, all verify and open. A request whose token another has signed gets
    #: a new one once that is 10 minutes old.
    secrets: Secrets


class SessionsOptions(_RequiredOptions, total=False):
    """What `Sessions` and `AsyncSessions` take. Durations are texts with a unit (`30m`) or timedeltas."""

    #: First part of every key in Redis. Default `sj`.
    prefix: str
    #: Since the last activity. Default 30 minutes.
    idle_timeout: Duration
    #: Since the creation, never extended. Default 12 hours, at most 400 days.
    absolute_timeout: Duration
    #: The part of the idle timeout after which a commit renews it, 0 to 0.9. Default 0.1.
    touch_after: float
    #: A request whose token is older gets a new one with its commit. Default None: never.
    rotate_every: Duration | None
    #: How long a former token still leads to the session once the new one has been used. Default 10 seconds.
    rotation_grace: Duration
    #: How long it does while nobody has used the new one, whose answer may be lost. Default 5 minutes.
    rotation_patience: Duration | None
    #: How long the use of a former token is recognised as `token-reuse`; None: not at all. Default 1 hour.
    reuse_window: Duration | None
    #: `end`: such a use ends the session. Default `report`: it is an event only.
    token_reuse: str
    #: True (default): encrypted. `token`: opening needs the token too. False: only authenticated.
    seal: bool | str
    #: `messagepack` (default) or `json`.
    codec: str
    #: Payloads of at least so many bytes are compressed if that helps; None: never. Default 256.
    compress: int | None
    #: The most bytes that a session may have, encoded, before compression. Default 65,536.
    max_bytes: int
    #: What becomes of an attribute that two requests change at once: `counter`, `union`, `fields` or a function.
    merge: Mapping[str, Merge] | None
    #: Version of the data, 1 to 65,535. Default 1.
    version: int
    #: Step n makes version n + 1 from version n when a session is read.
    migrate: Mapping[int, Migration] | None
    cookie: CookieOptions | None
    #: Keyed into the principals' names in Redis. Must stay the same for as long as sessions live.
    pepper: str | bytes
    #: How many sessions a principal may have at once.
    max_sessions: MaxSessions | None
    #: At the limit: `evict-oldest` (default), `evict-idle` or `reject`.
    on_limit: str | None
    #: For adapters of frameworks: whose private attributes are `session.private`, `django` or `spring`. Default: nobody's.
    namespace: str | None
    #: `reliable`: sessions that expire are told of, by `tell_expired` or another application that listens. The same in all.
    #: Default `off`.
    expiry: str


def option_names() -> frozenset[str]:
    return SessionsOptions.__required_keys__ | SessionsOptions.__optional_keys__


_MOST_BYTES = 8 * 1024 * 1024
_HIGHEST_VERSION = 0xFFFF
_PATIENCE = 5 * 60_000


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """The options, checked and with defaults. Times in milliseconds."""

    store: Store
    clock: ServerClock
    keyring: Keyring
    idle_timeout: int
    absolute_timeout: int
    #: The part of the idle timeout after which activity renews it.
    touch_after: float
    #: Infinite: never.
    rotate_every: float
    rotation_grace: int
    rotation_patience: int
    #: 0: reuse is not recognised.
    reuse_window: int
    token_reuse: str
    record: RecordSettings
    merges: Mapping[str, Merge]
    version: int
    migrate: Mapping[int, Migration]
    cookie: CookiePolicy
    pepper: bytes
    limit_of: LimitOf
    #: Whose private attributes are one's own.
    namespace: str | None
    #: Whether sessions that are made here are told of when they expire.
    tells_expired: bool

    def migrated(self, attributes: dict[str, Any], stored: int) -> dict[str, Any] | None:
        """The attributes in the present version, or None when no step leads there.

        Data of a newer version is taken as it is: during a roll-out old nodes must not sign people out. What is private to
        a framework is not the application's, and no step sees it. Raises what a step raises.
        """
        if stored >= self.version:
            return attributes
        data = {name: value for name, value in attributes.items() if namespace_of(name) is None}
        private = {name: value for name, value in attributes.items() if name not in data}
        for version in range(stored, self.version):
            step = self.migrate.get(version)
            if step is None:
                return None
            data = step(data)
            if not isinstance(data, dict):
                raise TypeError(f"migrate[{version}] must return the new data")
            for name in data:
                check_name(name)
                check_public(name)
        return {**data, **private}


def check_options(
    *,
    secrets: Secrets,
    prefix: str = "sj",
    idle_timeout: Any = "30m",
    absolute_timeout: Any = "12h",
    touch_after: float = 0.1,
    rotate_every: Any = None,
    rotation_grace: Any = "10s",
    rotation_patience: Any = None,
    reuse_window: Any = "1h",
    token_reuse: str = "report",
    seal: bool | str = True,
    codec: str = "messagepack",
    compress: int | bool | None = 256,
    max_bytes: int = 65_536,
    merge: Mapping[str, Merge] | None = None,
    version: int = 1,
    migrate: Mapping[int, Migration] | None = None,
    cookie: Mapping[str, Any] | None = None,
    pepper: str | bytes = b"",
    max_sessions: Any = None,
    on_limit: str | None = None,
    namespace: str | None = None,
    expiry: str = "off",
    **unknown: object,
) -> Settings:
    """Raises OptionError naming the first option that is wrong."""
    for name in unknown:
        raise OptionError(name, unknown_option(name, option_names()))
    if isinstance(touch_after, bool) or not isinstance(touch_after, (int, float)) or not 0 <= touch_after <= 0.9:
        raise OptionError("touch_after", "takes a number from 0 to 0.9, a part of the idle timeout")
    if not _is_whole(max_bytes, 64, _MOST_BYTES):
        raise OptionError("max_bytes", f"takes a whole number from 64 to {_MOST_BYTES}")
    idle = parse_duration("idle_timeout", idle_timeout)
    absolute = parse_duration("absolute_timeout", absolute_timeout)
    if idle > absolute:
        raise OptionError("idle_timeout", "is longer than absolute_timeout: raise that")
    grace = parse_duration("rotation_grace", rotation_grace)
    patience = max(grace, _PATIENCE)
    if rotation_patience is not None:
        patience = parse_duration("rotation_patience", rotation_patience)
    if patience < grace:
        raise OptionError("rotation_patience", "is shorter than rotation_grace")
    if token_reuse not in ("report", "end"):
        raise OptionError("token_reuse", "takes 'report' or 'end'")
    if token_reuse == "end" and reuse_window is None:
        raise OptionError("token_reuse", "'end' needs a reuse_window")
    if not isinstance(pepper, (str, bytes)):
        raise OptionError("pepper", "takes text or bytes")
    steps = _steps(version, migrate)
    tells_expired = check_expiry(expiry)
    return Settings(
        store=Store(check_prefix(prefix), tells_expired),
        tells_expired=tells_expired,
        clock=ServerClock(),
        keyring=Keyring(_secrets(secrets)),
        idle_timeout=idle,
        absolute_timeout=absolute,
        touch_after=touch_after,
        rotate_every=float("inf") if rotate_every is None else parse_duration("rotate_every", rotate_every),
        rotation_grace=grace,
        rotation_patience=patience,
        reuse_window=0 if reuse_window is None else parse_duration("reuse_window", reuse_window),
        token_reuse=token_reuse,
        record=RecordSettings(_codec(codec), _seal(seal), _compress(compress), max_bytes),
        merges=_merges(merge),
        version=version,
        migrate=steps,
        cookie=CookiePolicy({} if cookie is None else cookie),
        pepper=pepper.encode() if isinstance(pepper, str) else pepper,
        limit_of=limit_of(max_sessions, on_limit),
        namespace=check_namespace(namespace),
    )


def _secrets(secrets: Any) -> Sequence[str | bytes]:
    if isinstance(secrets, (str, bytes)):
        return [secrets]
    if isinstance(secrets, (list, tuple)):
        return secrets
    raise OptionError("secrets", "takes at least one secret of 32 bytes: [current, *former]")


def _codec(name: Any) -> Codec:
    found = codec_of(name) if isinstance(name, str) else None
    if found is None:
        raise OptionError("codec", "takes 'messagepack' or 'json'")
    return found


def _seal(seal: Any) -> int:
    if seal is True:
        return SEALED
    if seal is False:
        return AUTHENTICATED
    if seal == "token":
        return TOKEN_SEALED
    raise OptionError("seal", "takes True, False or 'token'")


def _compress(compress: Any) -> int | None:
    if compress is None or compress is False:
        return None
    if _is_whole(compress, 0, _MOST_BYTES):
        return int(compress)
    raise OptionError("compress", "takes a number of bytes, or None for never")


def _merges(merge: Any) -> Mapping[str, Merge]:
    if merge is None:
        return {}
    if not isinstance(merge, Mapping):
        raise OptionError("merge", "takes a mapping from an attribute's name to a function")
    for name, fn in merge.items():
        if not callable(fn):
            raise OptionError(f"merge[{name!r}]", "takes a function of base, theirs and mine")
    return dict(merge)


def _steps(version: Any, migrate: Any) -> Mapping[int, Migration]:
    """A step that is missing is told of at once, and not first noticed by a user's old session."""
    if not _is_whole(version, 1, _HIGHEST_VERSION):
        raise OptionError("version", f"takes a whole number from 1 to {_HIGHEST_VERSION}")
    if migrate is None:
        if version > 1:
            raise OptionError("migrate", f"takes the steps to version {version}; {{}} drops sessions of older versions")
        return {}
    if not isinstance(migrate, Mapping):
        raise OptionError("migrate", "takes a mapping from a version to the step that leads on from it")
    for start, step in migrate.items():
        if not _is_whole(start, 1, version - 1):
            raise OptionError(f"migrate[{start!r}]", f"starts from no version between 1 and {version - 1}")
        if not callable(step):
            raise OptionError(f"migrate[{start}]", "takes a function")
    for start in range(min(migrate, default=version), version):
        if start not in migrate:
            raise OptionError(f"migrate[{start}]", "is missing")
    return dict(migrate)


def _is_whole(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
