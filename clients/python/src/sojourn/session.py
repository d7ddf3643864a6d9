"""What an application holds: one request's view of a session.

Attributes are read at once and written together by `commit`. A `Session` is for one request; its `Sessions` may be shared
by all threads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from . import meta as m
from .cookie import SetCookie
from .duration import Duration, parse_duration
from .login import LoginPlan
from .mapping import AttributeMapping
from .plan import check_level, login_plan
from .private import check_public
from .state import SessionState
from .steps import Op
from .values import to_datetime

if TYPE_CHECKING:
    from .drivers import AsyncDriver, SyncDriver

T = TypeVar("T")
#: Tasks that go on changing a session must not hold its answer for ever.
_MOST_ROUNDS = 3


class BaseSession(AttributeMapping):
    """The attributes as a mapping, and what is known of the session. No I/O."""

    def __init__(self, state: SessionState) -> None:
        self._held = state

    @property
    def _state(self) -> SessionState:
        """By way of this the application looks at it, and adapters past it."""
        held = self._held
        held.used = True
        return held

    def __repr__(self) -> str:
        """Names, no values, and not the token."""
        return f"{type(self).__name__}(id={self.id!r}, principal={self.principal!r}, attributes={list(self)!r})"

    @property
    def id(self) -> str | None:
        """Public name: safe to log and to show, of no use as a cookie. None until the session is stored."""
        return None if self._state.live is None else self._state.live.token.id

    @property
    def token(self) -> str | None:
        """The secret itself, for transports without cookies: whoever has it has the session. Never log it.

        Changes with `login`, `step_up` and `rotate`. None until the session is stored, and for a request that has outlasted
        its own token.
        """
        live = self._state.live
        return None if live is None or self._state.concealed else live.token.text

    @property
    def is_new(self) -> bool:
        """Whether nothing is stored yet."""
        return self._state.live is None

    @property
    def dirty(self) -> bool:
        """Whether a commit would write attributes or lifetimes."""
        return self._held.dirty

    @property
    def ended(self) -> bool:
        """Whether someone else has ended or replaced the session: what this request changes is dropped."""
        return self._state.ended is not None

    @property
    def outage(self) -> bool:
        """Whether this is nobody's only because Redis could not be reached: the client may well have a session."""
        return self._state.is_unknown

    @property
    def principal(self) -> str | None:
        """Whose session it is; None before login."""
        return None if self._state.live is None else m.text(self._state.live.meta, m.PRINCIPAL)

    @property
    def level(self) -> int | None:
        """How well the principal is known, as `login` or `step_up` has said; None where neither has."""
        value = None if self._state.live is None else m.number(self._state.live.meta, m.LEVEL)
        return None if value is None else int(value)

    @property
    def persistent(self) -> bool:
        """Whether its cookie outlives the browser, or will after the next commit."""
        return self._state.persistent

    @property
    def authenticated_at(self) -> datetime | None:
        """When the principal last authenticated, by `login` or `step_up`, in UTC."""
        at = None if self._state.live is None else m.number(self._state.live.meta, m.AUTHENTICATED_AT)
        return None if at is None else to_datetime(at)

    def authenticated_within(self, duration: Duration) -> bool:
        """Whether the principal has authenticated so lately (OWASP ASVS 7.5.3); False for nobody's session.

        Raises OptionError.
        """
        within = parse_duration("duration", duration)
        at = None if self._state.live is None else m.number(self._state.live.meta, m.AUTHENTICATED_AT)
        return at is not None and self._state.repository.settings.clock.now() - at <= within

    @property
    def created_at(self) -> datetime | None:
        return None if self._state.live is None else to_datetime(self._state.live.header.created_at)

    @property
    def expires_at(self) -> datetime | None:
        """When it ends if nobody comes, in UTC."""
        return None if self._state.live is None else to_datetime(self._state.live.expires_at)

    @property
    def deadline(self) -> datetime | None:
        """When it ends whoever comes, in UTC."""
        return None if self._state.live is None else to_datetime(self._state.live.header.deadline)

    def cookie(self) -> SetCookie | None:
        """The cookie to send with the answer, after the last commit; None when the browser's is right as it is."""
        return self._held.cookie()

    @property
    def accessed(self) -> bool:
        """Whether anything of it has been looked at: then what is answered is this user's (`Vary: Cookie`)."""
        return self._held.used

    def send_headers(self) -> SetCookie | None:
        """For adapters, when the headers go out: the cookie to send. From now on what needs another one is refused."""
        self._held.headers_sent = True
        return self._held.cookie()

    def set_lifetime(
        self,
        *,
        idle_timeout: Duration | None = None,
        absolute_timeout: Duration | None = None,
        persistent: bool | None = None,
    ) -> None:
        """Other lifetimes for this session, stored with the next commit; `absolute_timeout` since its creation.

        That of a principal's session gets a new token with it. Raises OptionError.
        """
        idle = None if idle_timeout is None else parse_duration("idle_timeout", idle_timeout)
        absolute = None if absolute_timeout is None else parse_duration("absolute_timeout", absolute_timeout)
        self._state.set_lifetime(idle, absolute, persistent)

    def _plan(self, principal: str, options: dict[str, Any]) -> LoginPlan:
        return login_plan(self._state.repository.settings, principal, **options)


class Session(BaseSession):
    """Made by `Sessions.open`. Methods that ask Redis raise StoreUnavailableError and StoreRefusedError."""

    def __init__(self, state: SessionState, run: SyncDriver) -> None:
        super().__init__(state)
        self._run = run

    def commit(self) -> None:
        """Stores what has changed, and renews the idle timeout where that is due.

        A session that nobody has yet is created only if it holds anything. Raises SessionConflictError,
        SessionAttributeError, SessionTooLargeError.
        """
        if not self._held.blank:
            self._run(self._held.commit())

    def settle(self) -> None:
        """For adapters, before an answer: as `commit`, without the renewal, which `keep_alive` does after it."""
        if self._held.write_due:
            self._run(self._held.commit())

    def keep_alive(self) -> None:
        """For adapters, after an answer: renews the idle timeout where that is due."""
        if self._held.touch_due:
            self._run(self._held.touch())

    def modify(self, name: str, make: Callable[[Any], Any], default: Any = None) -> Any:
        """Changes an attribute atomically and stores it at once, with everything else that is pending.

        `make` gets a copy of the value that it may change (`default` where there is none), and returns the new value; it
        runs again when another writer was first. Answers the value that was stored. Raises as `commit`, and
        SessionEndedError.
        """
        check_public(name)
        return self._run(self._state.update(name, make, default))

    def login(
        self,
        principal: str,
        *,
        keep: Sequence[str] = (),
        device: str | None = None,
        address: str | None = None,
        kind: str | None = None,
        level: int | None = None,
        persistent: bool = False,
        idle_timeout: Duration | None = None,
        absolute_timeout: Duration | None = None,
        max_sessions: Any = None,
    ) -> None:
        """Signs a principal in: always a new token, the old one refused at once (OWASP ASVS 7.2.4).

        All attributes but those of `keep` are dropped. `device`, `address` and `kind` are for lists of devices, `kind` for
        limits too; `level`, 0 to 255, is how well the principal is known. Raises SessionAttributeError for a principal that
        is not text of 1 to 1,024 bytes, OptionError, SessionLimitError when the principal has too many sessions and the
        policy is `reject` (this session and its changes then stay as they are), and as `commit`.
        """
        options = {
            "keep": keep,
            "device": device,
            "address": address,
            "kind": kind,
            "level": level,
            "persistent": persistent,
            "idle_timeout": idle_timeout,
            "absolute_timeout": absolute_timeout,
            "max_sessions": max_sessions,
        }
        self._run(self._state.login(self._plan(principal, options)))

    def rotate(self) -> None:
        """A new token for the same session. Whoever comes with the former one gets the new one too, for a while.

        Pending changes are stored in the same step. Raises SessionEndedError, and as `commit`.
        """
        self._run(self._state.rotate())

    def step_up(self, level: int) -> None:
        """The principal has authenticated again, at this level, 0 to 255: a new token, the old one refused at once.

        Attributes and lifetimes stay; pending changes are stored in the same step. Raises NotSignedInError, OptionError,
        SessionEndedError, and as `commit`.
        """
        self._run(self._state.step_up(check_level(level)))

    def logout(self) -> None:
        """Ends the session on every node. What is set afterwards makes a new one. Raises SessionConflictError."""
        if self._state.live is None and not self._state.is_unknown:
            self._state.become_nobodys()
        else:
            self._run(self._state.logout())

    def touch(self) -> None:
        """Renews the idle timeout now; `commit` does so by itself when it is due."""
        self._run(self._state.touch())

    def refresh(self) -> None:
        """Reads the session anew. What has been changed here is stored first. Raises as `commit`."""
        self._run(self._state.refresh())


class AsyncSession(BaseSession):
    """Made by `AsyncSessions.open`. Operations on it run one after the other, in the order of their calls."""

    def __init__(self, state: SessionState, run: AsyncDriver) -> None:
        super().__init__(state)
        self._driver = run
        self._lock = asyncio.Lock()

    async def _run(self, operation: Op[T]) -> T:
        async with self._lock:
            return await self._driver(operation)

    async def commit(self) -> None:
        """See `Session.commit`."""
        async with self._lock:
            if not self._held.blank:
                await self._driver(self._held.commit())

    async def settle(self) -> None:
        """See `Session.settle`; also waits for what is under way."""
        for _ in range(_MOST_ROUNDS):
            if not self._held.write_due and not self._lock.locked():
                return
            async with self._lock:
                if self._held.write_due:
                    await self._driver(self._held.commit())

    async def keep_alive(self) -> None:
        """See `Session.keep_alive`."""
        if self._held.touch_due:
            await self._run(self._held.touch())

    async def modify(self, name: str, make: Callable[[Any], Any], default: Any = None) -> Any:
        """See `Session.modify`."""
        check_public(name)
        return await self._run(self._state.update(name, make, default))

    async def login(
        self,
        principal: str,
        *,
        keep: Sequence[str] = (),
        device: str | None = None,
        address: str | None = None,
        kind: str | None = None,
        level: int | None = None,
        persistent: bool = False,
        idle_timeout: Duration | None = None,
        absolute_timeout: Duration | None = None,
        max_sessions: Any = None,
    ) -> None:
        """See `Session.login`."""
        options = {
            "keep": keep,
            "device": device,
            "address": address,
            "kind": kind,
            "level": level,
            "persistent": persistent,
            "idle_timeout": idle_timeout,
            "absolute_timeout": absolute_timeout,
            "max_sessions": max_sessions,
        }
        await self._run(self._state.login(self._plan(principal, options)))

    async def rotate(self) -> None:
        """See `Session.rotate`."""
        await self._run(self._state.rotate())

    async def step_up(self, level: int) -> None:
        """See `Session.step_up`."""
        await self._run(self._state.step_up(check_level(level)))

    async def logout(self) -> None:
        """See `Session.logout`."""
        async with self._lock:
            if self._state.live is None and not self._state.is_unknown:
                self._state.become_nobodys()
            else:
                await self._driver(self._state.logout())

    async def touch(self) -> None:
        """See `Session.touch`."""
        await self._run(self._state.touch())

    async def refresh(self) -> None:
        """See `Session.refresh`."""
        await self._run(self._state.refresh())
