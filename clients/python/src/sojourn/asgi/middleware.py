"""The middleware: sessions into scopes, and their cookies into answers."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import OptionError, SojournError
from ..opening import check_outage
from ..session import AsyncSession
from ..sessions import AsyncSessions
from .exchange import Exchange
from .handshake import Handshake
from .origin import Origins, origin_check
from .protocol import App, Message, Receive, Scope, Send, header
from .refusal import answer_to, forbidden, is_for_clients, refuse_socket

#: In the scope: sessions that it has been given.
_SEEN = "sojourn.sessions"


class SessionMiddleware:
    """Puts each request's session into `scope["session"]`, stores it before the answer goes out, and keeps the cookie.

    A request with a cookie of ours costs one round trip to Redis, one without none. Failures that the application does not
    handle are answered with their status and code: 503 while Redis is out of order. Those with status 500 (a value that
    cannot be stored) are mistakes of the application, and raised. `sessions` is closed when the server's lifespan ends.

    - `only`: a function of the scope; requests that it says False to have no session, and cost nothing (static files).
    - `outage`: what becomes of requests while Redis cannot be reached: they `fail` (default, 503), or go on as `anonymous`,
      nobody's session, which stores nothing and leaves the cookie as it is. Or a function of the scope.
    - `origins`: pages of which origins may open WebSockets: `same` (default), a list, or a function of origin and scope.
    """

    def __init__(
        self,
        app: App,
        sessions: AsyncSessions,
        *,
        only: Callable[[Scope], bool] | None = None,
        outage: str | Callable[[Scope], str] = "fail",
        origins: Origins = "same",
    ) -> None:
        if not isinstance(sessions, AsyncSessions):
            raise OptionError("sessions", "takes AsyncSessions")
        if only is not None and not callable(only):
            raise OptionError("only", "takes a function of the scope")
        self._outage = outage if callable(outage) else check_outage(outage)
        self.app = app
        self.sessions = sessions
        self._only = only
        self._is_allowed = origin_check(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "lifespan":
            await self.app(scope, receive, self._closing(send))
        elif kind not in ("http", "websocket") or self._is_passed_by(scope):
            await self.app(scope, receive, send)
        elif kind == "http":
            await self._request(scope, receive, send)
        else:
            await self._socket(scope, receive, send)

    def _is_passed_by(self, scope: Scope) -> bool:
        if self._only is not None and not self._only(scope):
            return True
        # Mounted twice, or on an application below: the first one counts.
        return self.sessions in scope.get(_SEEN, ())

    async def _open(self, scope: Scope, outage: str = "fail") -> AsyncSession:
        """Raises StoreUnavailableError, StoreRefusedError, SessionElsewhereError."""
        session = await self.sessions.open_cookies(header(scope["headers"], b"cookie", b"; "), outage=outage)
        scope[_SEEN] = (*scope.get(_SEEN, ()), self.sessions)
        scope["session"] = session
        return session

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            session = await self._open(scope, self._outage(scope) if callable(self._outage) else self._outage)
        except SojournError as error:
            self.sessions.report_error("load", error)
            for message in answer_to(error):
                await send(message)
            return
        exchange = Exchange(self.sessions, session, send)
        try:
            await self._exchanged(scope, receive, exchange)
        except Exception:
            await exchange.finish()
            raise
        await exchange.finish()

    async def _exchanged(self, scope: Scope, receive: Receive, exchange: Exchange) -> None:
        failure: Exception | None
        try:
            await self.app(scope, receive, exchange.send)
            failure = exchange.refusal
        except Exception as error:
            # What follows from a refusal, whatever frameworks have made of it, is no failure of its own.
            failure = exchange.refusal or error
            if exchange.started:
                raise
        if failure is not None and not exchange.started:
            await exchange.answer(failure)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._is_allowed(scope):
            await refuse_socket(scope, send, *forbidden())
            return
        try:
            # Nobody's session may do for a request; a socket would keep it long after Redis is back.
            session = await self._open(scope)
        except SojournError as error:
            self.sessions.report_error("handshake", error)
            await refuse_socket(scope, send, *answer_to(error))
            return
        handshake = Handshake(self.sessions, session, send)
        try:
            await self.app(scope, receive, handshake.send)
        except SojournError as error:
            await handshake.finish()
            if handshake.answered or not is_for_clients(error):
                raise
            await refuse_socket(scope, send, *answer_to(error))
        except Exception:
            await handshake.finish()
            raise
        else:
            await handshake.finish()

    def _closing(self, send: Send) -> Send:
        async def closing(message: Message) -> None:
            if message["type"] in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
                await self.sessions.close()
            await send(message)

        return closing
