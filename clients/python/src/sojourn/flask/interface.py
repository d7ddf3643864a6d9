"""Opens each request's session, stores it before the answer goes out, and keeps the cookie."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from flask import Flask, Request, Response
from flask.sessions import SessionInterface

from ..caching import CDN_HEADERS, with_vary_cookie, without_shared_caching
from ..errors import OptionError, SojournError
from ..opening import check_outage
from ..session import Session
from ..sessions import Sessions
from .config import sessions_of
from .session import FlaskSession

_EXTENSION = "sojourn"


class SojournSessionInterface(SessionInterface):
    """`SojournSessionInterface(Sessions(...)).init_app(app)`; without `sessions` they are made of `app.config`. Afterwards
    they are `app.extensions["sojourn"]`.

    Failures that no error handler of the application takes are answered with their status and code: 503 while Redis is out
    of order. Those with status 500 (a value that cannot be stored) are mistakes of the application, and raised.

    `outage`: what becomes of requests while Redis cannot be reached: they `fail` (default, 503), or go on as `anonymous`,
    nobody's session, which stores nothing and leaves the cookie as it is. Or a function of the request.
    """

    session_class = FlaskSession

    def __init__(self, sessions: Sessions | None = None, *, outage: str | Callable[[Request], str] = "fail") -> None:
        if sessions is not None and not isinstance(sessions, Sessions):
            raise OptionError("sessions", "takes Sessions")
        self._sessions = sessions
        self._outage = outage if callable(outage) else check_outage(outage)

    def init_app(self, app: Flask) -> None:
        """Raises OptionError."""
        app.extensions[_EXTENSION] = self._sessions or sessions_of(app)
        app.session_interface = self
        app.register_error_handler(SojournError, _answer_to)

    def open_session(self, app: Flask, request: Request) -> FlaskSession:
        sessions = self._of(app)

        def opened() -> Session:
            outage = self._outage(request) if callable(self._outage) else self._outage
            return sessions.open_cookies(request.headers.get("Cookie"), outage=outage)

        return self.session_class(sessions, opened)

    def save_session(self, app: Flask, session: Any, response: Response) -> None:
        """Raises what no client can do anything about; nothing of the response goes out then."""
        if not isinstance(session, FlaskSession) or not session.opened:
            return
        if session.refusal is None:
            try:
                session.settle()
            except SojournError as error:
                session.refusal = error
                _become(response, app.make_response(app.handle_user_exception(error)))
        _add_headers(session, response)
        response.call_on_close(session.after_response)

    def _of(self, app: Flask) -> Sessions:
        sessions: Sessions | None = self._sessions or app.extensions.get(_EXTENSION)
        if sessions is None:
            raise OptionError("sessions", "are missing: call init_app(app) first")
        return sessions


def _answer_to(error: SojournError) -> Response:
    """The code only: messages are for operators."""
    if error.status == 500:
        raise error
    response = Response(json.dumps({"error": error.code}), error.status, mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    if error.status == 503:
        response.headers["Retry-After"] = "1"
    return response


def _become(response: Response, other: Response) -> None:
    """Flask sends the response that it has: it is to be the other one from now on."""
    close = getattr(response.response, "close", None)
    if callable(close):
        close()
    response.status = other.status
    response.headers = other.headers
    response.response = other.response
    response.direct_passthrough = other.direct_passthrough


def _add_headers(session: FlaskSession, response: Response) -> None:
    """The cookie, and what keeps caches from giving one user's answer to another."""
    cookie = session.send_headers()
    headers = response.headers
    if cookie is not None:
        headers.add("Set-Cookie", cookie.header)
        headers["Cache-Control"] = without_shared_caching(", ".join(headers.getlist("Cache-Control")))
        for name in CDN_HEADERS:
            headers.pop(name, None)
    if cookie is not None or session.accessed:
        vary = with_vary_cookie(", ".join(headers.getlist("Vary")))
        if vary is not None:
            headers["Vary"] = vary
