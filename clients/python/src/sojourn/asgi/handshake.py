"""One WebSocket: the handshake reads the session, and may set its cookie."""

from __future__ import annotations

from ..errors import SojournError
from ..session import AsyncSession
from ..sessions import AsyncSessions
from .headers import add_session_headers
from .protocol import Message, Send

_ANSWERS = ("websocket.accept", "websocket.http.response.start")


class Handshake:
    def __init__(self, sessions: AsyncSessions, session: AsyncSession, send: Send) -> None:
        self._sessions = sessions
        self._session = session
        self._send = send
        self.answered = False

    async def send(self, message: Message) -> None:
        """In place of the server's. Raises what the commit does: the handshake is not answered then."""
        if self.answered or message["type"] not in _ANSWERS:
            await self._send(message)
            return
        await self._session.settle()
        self.answered = True
        await self._send(add_session_headers(message, self._session))
        try:
            await self._session.keep_alive()
        except SojournError as error:
            self._sessions.report_error("touch", error)

    async def finish(self) -> None:
        """The socket is closed. What has been changed and not been committed is stored now; a new session is not."""
        self._session.send_headers()
        try:
            await self._session.settle()
        except SojournError as error:
            self._sessions.report_error("commit", error)
