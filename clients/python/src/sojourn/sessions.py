"""The sessions of an application: `Sessions` for threads, `AsyncSessions` for event loops. Safe to share by all requests."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

import redis
import redis.asyncio
from redis.backoff import ConstantBackoff
from redis.exceptions import ConnectionError  # noqa: A004 (the client's word)
from redis.retry import Retry

from .cookie import cookie_values
from .drivers import AsyncDriver, SyncDriver
from .errors import NotSignedInError, OptionError, StoreUnavailableError
from .events import EventHub, Listener
from .opening import check_outage, open_session, presented, unreached
from .options import SessionsOptions, check_options
from .principal import PrincipalName, name_principal
from .principal_sessions import AsyncPrincipalSessions, PrincipalSessions, revoke
from .repository import Repository
from .session import AsyncSession, BaseSession, Session
from .state import SessionState
from .telling import AsyncExpiryListener, ExpiryListener, atell_expired, tell_expired

if TYPE_CHECKING:
    from typing_extensions import Unpack

#: For clients that are made here. Seconds: a store that hangs must not hold requests.
_TIMEOUTS = {"socket_timeout": 0.5, "socket_connect_timeout": 4.0}


class _BaseSessions:
    _repository: Repository
    #: Whether nobody else uses the client.
    _is_own = False

    def __init__(self, options: SessionsOptions) -> None:
        if "secrets" not in options:
            raise OptionError("secrets", "is required: [current, *former], each at least 32 bytes")
        self._repository = Repository(check_options(**options), EventHub())

    def on(self, name: str, listener: Listener) -> Callable[[], None]:
        """Subscribes to events of this process: `events.EVENTS` has their names and what listeners are handed.

        Answers with a function that ends the subscription. Raises OptionError for an unknown name.
        """
        return self._repository.events.on(name, listener)

    @property
    def cookie_name(self) -> str:
        """Under which the token comes in the Cookie header."""
        return self._repository.settings.cookie.name

    def report_error(self, operation: str, error: Exception) -> None:
        """For adapters: a failure that no request can be told of becomes an `error` event."""
        self._repository.events.emit("error", operation=operation, error=error)

    def _values(self, header: str | None) -> list[str]:
        return [] if not header else cookie_values(header, self.cookie_name)

    def _target(self, target: str | BaseSession) -> tuple[PrincipalName, str | None]:
        pepper = self._repository.settings.pepper
        if not isinstance(target, BaseSession):
            return name_principal(target, pepper), None
        if target.principal is None:
            raise NotSignedInError("of")
        return name_principal(target.principal, pepper), target.id


class Sessions(_BaseSessions):
    """`client`: a URL (`redis://`, `rediss://`, `unix://`), or a client of redis-py: `redis.Redis`, also that of
    `Sentinel.master_for`, or `redis.RedisCluster`; not with `decode_responses`.

    Options are those of `SessionsOptions`; all are checked at once (OptionError). A client that is made from a URL waits
    half a second for an answer, or as long as the URL says: `redis://host/0?socket_timeout=2`.
    """

    def __init__(self, client: Any, **options: Unpack[SessionsOptions]) -> None:
        super().__init__(options)
        if isinstance(client, str):
            self._is_own = True
            retry = Retry(ConstantBackoff(0.02), 1, (ConnectionError,))
            client = _from_url(redis.Redis, client, retry=retry)
        _check_client(client, (redis.Redis, redis.RedisCluster), "AsyncSessions")
        self._run = SyncDriver(client, self._repository.settings.clock, self._is_own)

    def open(self, token: str | None = None) -> Session:
        """The session of a token, the cookie's value. Without one, or with one that opens nothing, nobody's.

        One round trip. Raises StoreUnavailableError, StoreRefusedError, SessionElsewhereError.
        """
        return Session(self._state("fail", token), self._run)

    def open_cookies(self, header: str | None, *, outage: str = "fail") -> Session:
        """As `open`, from a whole Cookie header: of several cookies with our name the one whose session is alive.

        `outage`: with `anonymous` a request goes on with nobody's session while Redis cannot be reached. Its cookie stays,
        and what it would store fails; `login` makes a new session. Raises OptionError.
        """
        return Session(self._state(check_outage(outage), *self._values(header)), self._run)

    def _state(self, outage: str, *texts: str | None) -> SessionState:
        asked = presented(self._repository, *texts)
        if isinstance(asked, SessionState):
            return asked
        try:
            return self._run(open_session(self._repository, asked))
        except StoreUnavailableError:
            if outage == "fail":
                raise
            return unreached(self._repository, asked, outage)

    def of(self, target: str | BaseSession) -> PrincipalSessions:
        """The sessions of a principal, or of the one whose session is given: then it is known which is `current`.

        Raises SessionAttributeError for a principal that is none, NotSignedInError for a session of nobody.
        """
        name, own = self._target(target)
        return PrincipalSessions(self._repository, name, own, self._run)

    def revoke(self, session_id: str) -> bool:
        """Ends a session by its public id, also by that of before a rotation. False when there is none."""
        return self._run(revoke(self._repository, session_id))

    def tell_expired(self, listener: ExpiryListener, stop: threading.Event | None = None) -> None:
        """Calls `listener` with each session that expires, an `ExpiredSession`, until `stop` is set. For a worker's thread.

        Of the processes that do so one is told of each session, at least once: again where the listener raises or takes
        longer than two seconds, or the process dies before it is done. Failures of Redis are `error` events with the
        operation `expiry`. Needs the option `expiry="reliable"` (OptionError).
        """
        tell_expired(self._repository, self._run, listener, stop or threading.Event())

    def close(self) -> None:
        """Ends the connections of a client that was made from a URL."""
        if self._is_own:
            self._run.client.close()

    def __enter__(self) -> Sessions:
        return self

    def __exit__(self, cls: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class AsyncSessions(_BaseSessions):
    """As `Sessions`, for the clients of `redis.asyncio`. Options are the same."""

    def __init__(self, client: Any, **options: Unpack[SessionsOptions]) -> None:
        super().__init__(options)
        if isinstance(client, str):
            self._is_own = True
            retry = redis.asyncio.retry.Retry(ConstantBackoff(0.02), 1, (ConnectionError,))
            client = _from_url(redis.asyncio.Redis, client, retry=retry)
        _check_client(client, (redis.asyncio.Redis, redis.asyncio.RedisCluster), "Sessions")
        self._run = AsyncDriver(client, self._repository.settings.clock, self._is_own)

    async def open(self, token: str | None = None) -> AsyncSession:
        """See `Sessions.open`."""
        return AsyncSession(await self._state("fail", token), self._run)

    async def open_cookies(self, header: str | None, *, outage: str = "fail") -> AsyncSession:
        """See `Sessions.open_cookies`."""
        return AsyncSession(await self._state(check_outage(outage), *self._values(header)), self._run)

    async def _state(self, outage: str, *texts: str | None) -> SessionState:
        asked = presented(self._repository, *texts)
        if isinstance(asked, SessionState):
            return asked
        try:
            return await self._run(open_session(self._repository, asked))
        except StoreUnavailableError:
            if outage == "fail":
                raise
            return unreached(self._repository, asked, outage)

    def of(self, target: str | BaseSession) -> AsyncPrincipalSessions:
        """See `Sessions.of`."""
        name, own = self._target(target)
        return AsyncPrincipalSessions(self._repository, name, own, self._run)

    async def revoke(self, session_id: str) -> bool:
        """See `Sessions.revoke`."""
        return await self._run(revoke(self._repository, session_id))

    async def tell_expired(self, listener: AsyncExpiryListener) -> None:
        """See `Sessions.tell_expired`. Until it is cancelled; `listener` may be asynchronous."""
        await atell_expired(self._repository, self._run, listener)

    async def close(self) -> None:
        """See `Sessions.close`."""
        if self._is_own:
            client = self._run.client
            # Before redis-py 5.0.1 it has the other name.
            await (client.aclose() if hasattr(client, "aclose") else client.close())

    async def __aenter__(self) -> AsyncSessions:
        return self

    async def __aexit__(
        self, cls: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()


def _from_url(cls: Any, url: str, **options: Any) -> Any:
    try:
        return cls.from_url(url, **_TIMEOUTS, **options)
    except ValueError:
        # The client's message quotes the URL, which may hold a password.
        raise OptionError("client", "takes a URL that begins with redis://, rediss:// or unix://") from None


def _check_client(client: Any, kinds: tuple[type, ...], other: str) -> None:
    if not isinstance(client, kinds):
        raise OptionError("client", f"takes a URL or a client of redis-py; is this one for {other}?")
