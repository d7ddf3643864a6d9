"""What `flask.session` is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask.sessions import SessionMixin

from ..errors import SojournError
from ..session import Session
from ..sessions import Sessions


class FlaskSession(Session, SessionMixin):
    """A `Session` with the members that Flask's own has. It is read from Redis when it is first looked at.

    So a request that does not look at it costs nothing, and is no activity that keeps the session alive.
    """

    def __init__(self, sessions: Sessions, open_session: Callable[[], Session]) -> None:
        self._sessions = sessions
        self._open_session = open_session
        #: Why it could not be read, or what was changed not be stored: it is not tried again.
        self.refusal: SojournError | None = None

    def __getattr__(self, name: str) -> Any:
        """Raises StoreUnavailableError, StoreRefusedError, SessionElsewhereError at the first look."""
        if name not in ("_held", "_run"):
            raise AttributeError(f"{type(self).__name__} has no {name}")
        try:
            self._become(self._open_session())
        except SojournError as error:
            # Told of once: hooks that look at it on the way to the answer to that find nobody's.
            self.refusal = error
            self._become(self._sessions.open(None))
            raise
        return self.__dict__[name]

    def _become(self, session: Session) -> None:
        self._held, self._run = session._held, session._run

    def __bool__(self) -> bool:
        """Whether there is anything in it, as of Flask's own: Flask-Login asks so."""
        return len(self) > 0

    @property
    def opened(self) -> bool:
        return "_held" in self.__dict__

    @property
    def accessed(self) -> bool:
        return self.opened and super().accessed

    @accessed.setter
    def accessed(self, value: bool) -> None:
        """Flask says so of whoever asks for the session; here it counts that something of it is looked at."""

    @property
    def new(self) -> bool:  # type: ignore[override]
        return self.is_new

    @property
    def modified(self) -> bool:
        return self.dirty

    @modified.setter
    def modified(self, value: bool) -> None:
        """Changes in place are noticed without it."""

    @property
    def permanent(self) -> bool:
        """Whether the cookie outlives the browser, up to the absolute timeout."""
        return self.persistent

    @permanent.setter
    def permanent(self, value: bool) -> None:
        if bool(value) != self.persistent:
            self.set_lifetime(persistent=bool(value))

    def is_pending(self, name: str) -> bool:
        """Whether this request has changed the attribute, and it is not stored yet."""
        return self._state.attributes.pending_change(name) is not None

    def after_response(self) -> None:
        """The answer is out. What a stream has changed meanwhile is stored, a new session is not."""
        try:
            if self.refusal is None:
                self.settle()
        except SojournError as error:
            self._sessions.report_error("commit", error)
            return
        try:
            self.keep_alive()
        except SojournError as error:
            self._sessions.report_error("touch", error)
