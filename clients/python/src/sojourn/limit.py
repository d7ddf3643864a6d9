"""How many sessions a principal may have at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .errors import OptionError
from .principal import descriptor_head

if TYPE_CHECKING:
    from .store import Listed

#: As `create` numbers them.
POLICIES = {"reject": 0, "evict-oldest": 1, "evict-idle": 2}
#: A list may be asked whether it holds what cannot be a key.
_NAMES = list(POLICIES)
#: All of a principal's sessions are looked through in one step, which must not hold up the server.
_HIGHEST = 1_000


@dataclass(frozen=True, slots=True)
class Limit:
    """Of one login. `replaces`: id of the same principal's session that ends with it, and does not count."""

    max: int
    policy: str
    max_of_kind: int | None = None
    replaces: str | None = None

    @property
    def policy_number(self) -> int:
        return POLICIES[self.policy]


@dataclass(frozen=True)
class SessionLimit:
    """`max`: of all kinds together, 1 to 1,000. `kinds`: further limits for kinds of clients, `{"mobile": 2}`.

    `on_limit`: `evict-oldest` ends the session of the earliest login, `evict-idle` the one that has been unused for the
    longest, `reject` refuses the login with SessionLimitError.
    """

    max: int
    on_limit: str = "evict-oldest"
    kinds: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LimitedLogin:
    """Whose login it is, for a limit that depends on it."""

    principal: str
    kind: str | None


MaxSessions = int | SessionLimit | Callable[[LimitedLogin], "int | SessionLimit | None"]
LimitOf = Callable[[LimitedLogin], Limit | None]


def limit_of(max_sessions: Any, on_limit: Any = None) -> LimitOf:
    """Raises OptionError naming what is wrong; of a function not before it has answered.

    `on_limit`: the policy where `max_sessions` does not say one.
    """
    if on_limit is not None and on_limit not in _NAMES:
        raise OptionError("on_limit", "takes 'evict-oldest', 'evict-idle' or 'reject'")
    if max_sessions is None:
        if on_limit is not None:
            raise OptionError("on_limit", "needs max_sessions")
        return lambda _: None
    if callable(max_sessions):

        def asked(login: LimitedLogin) -> Limit | None:
            given = max_sessions(login)
            return None if given is None else _check(given, on_limit)(login)

        return asked
    return _check(max_sessions, on_limit)


def _check(given: Any, on_limit: str | None) -> LimitOf:
    limit = SessionLimit(given, on_limit or "evict-oldest") if isinstance(given, int) else given
    if not isinstance(limit, SessionLimit):
        raise OptionError("max_sessions", "takes a number, a SessionLimit or a function")
    most = _number("max_sessions", limit.max)
    if limit.on_limit not in _NAMES:
        raise OptionError("max_sessions.on_limit", "takes 'evict-oldest', 'evict-idle' or 'reject'")
    if not isinstance(limit.kinds, Mapping):
        raise OptionError("max_sessions.kinds", "takes a mapping: {'mobile': 2}")
    kinds = dict(limit.kinds)
    for kind, count in kinds.items():
        option = f"max_sessions.kinds[{kind!r}]"
        if _number(option, count) > most:
            raise OptionError(option, f"is more than those of all kinds together, {most}")
    return lambda login: Limit(most, limit.on_limit, None if login.kind is None else kinds.get(login.kind))


def _number(option: str, value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _HIGHEST:
        return value
    raise OptionError(option, f"takes a whole number from 1 to {_HIGHEST}")


def excess(sessions: Sequence[Listed], limit: Limit, kind: bytes, added: int) -> tuple[list[str], str | None]:
    """Those that have to make room, by the limit's policy, and the limit that is passed: `kind`, `all` or None.

    `sessions`: without the one that is replaced. `kind`: of the new session. `added`: how many of that are to be added.
    """
    heads = [(session, descriptor_head(session.descriptor)) for session in sessions]
    # Since its last use a session has lost what its lifetime lacks to the idle timeout.
    is_idle = limit.policy == "evict-idle"
    heads.sort(key=lambda each: each[0].ttl - each[1].idle_timeout if is_idle else each[1].created_at)
    of_kind = [session.id for session, head in heads if head.kind == kind]
    too_many_of_kind = 0 if limit.max_of_kind is None else max(0, len(of_kind) + added - limit.max_of_kind)
    surplus = dict.fromkeys(of_kind[:too_many_of_kind])
    needed = len(heads) + added - limit.max
    for session, _ in heads:
        if len(surplus) >= needed:
            break
        surplus[session.id] = None
    return list(surplus), "kind" if too_many_of_kind > 0 else "all" if needed > 0 else None
