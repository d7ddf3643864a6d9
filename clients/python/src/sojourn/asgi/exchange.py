"""One request over HTTP: its answer is held back until its session is stored."""

from __future__ import annotations

from ..errors import SojournError
from ..session import AsyncSession
from ..sessions import AsyncSessions
from .headers import add_session_headers
from .protocol import Message, Send
from .refusal import answer_to, is_for_clients


class Exchange:
    def __init__(self, sessions: AsyncSessions, session: AsyncSession, send: Send) -> None:
        self._sessions = sessions
        self._session = session
        self._send = send
        #: Whether a head has gone out.
        self.started = False
        #: Why the application's answer was not sent. The next one counts as its answer to that.
        self.refusal: SojournError | None = None

    async def send(self, message: Message) -> None:
        """In place of the server's. Raises what the commit does: nothing of that answer goes out."""
        kind = message["type"]
        if kind == "http.response.start" and not self.started:
            await self._before_the_head()
            self.started = True
            message = add_session_headers(message, self._session)
        elif self.refusal is not None and not self.started:
            # Who goes on with the answer that was refused, such as a stream, has to stop.
            raise self.refusal
        elif _is_end(message) and self.refusal is None:
            await self._before_the_end()
        await self._send(message)

    async def answer(self, failure: Exception) -> None:
        """In place of the application, which has not. Raises what no client can do anything about."""
        if isinstance(failure, SojournError) and self.refusal is None:
            if failure.status == 503:
                # The store is out of order: asked once more it would keep the client waiting once more.
                self.refusal = failure
            else:
                try:
                    await self._before_the_head()
                except SojournError as error:
                    failure = error
        if not isinstance(failure, SojournError) or not is_for_clients(failure):
            raise failure
        if failure.status == 503:
            self._sessions.report_error("request", failure)
        for message in answer_to(failure):
            await self.send(message)

    async def finish(self) -> None:
        """The application is through. What it has changed since the answer is stored, a new session is not."""
        self._session.send_headers()
        if self.refusal is not None:
            return
        try:
            await self._session.settle()
        except SojournError as error:
            self._sessions.report_error("commit", error)
            return
        try:
            await self._session.keep_alive()
        except SojournError as error:
            self._sessions.report_error("touch", error)

    async def _before_the_head(self) -> None:
        if self.refusal is not None:
            # This is the answer to the failure, and what was refused is not tried again.
            return
        try:
            await self._session.settle()
        except SojournError as error:
            self.refusal = error
            raise

    async def _before_the_end(self) -> None:
        """Raises what the commit does. A server cuts the connection then: what is not stored must not look complete."""
        try:
            await self._session.settle()
        except SojournError as error:
            self.refusal = error
            self._sessions.report_error("commit", error)
            raise


def _is_end(message: Message) -> bool:
    kind = message["type"]
    return kind == "http.response.pathsend" or (
        kind in ("http.response.body", "http.response.zerocopysend") and not message.get("more_body", False)
    )
