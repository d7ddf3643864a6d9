"""Keys of sessions: whether one is in use, ending it, and another for the same session."""

from __future__ import annotations

import sys
from inspect import unwrap

from django.contrib import auth

from ..errors import SessionEndedError
from ..reader import Found
from ..rotations import Rotation
from ..state import SessionState
from ..steps import Op
from ..token import Token, parse_token
from .engine import engine
from .properties import Properties

#: `login` and `alogin`, which is of Django 5.
_LOGINS = {unwrap(getattr(auth, name)).__code__ for name in ("login", "alogin") if hasattr(auth, name)}


def is_called_by_login() -> bool:
    """Whether the caller's caller is `login` of Django, which changes key or session before it is known whether the user may
    sign in: that waits for the sign-in, so that a login that is refused changes nothing.
    """
    return sys._getframe(2).f_code in _LOGINS


class Keys(Properties):
    def exists(self, session_key: str | None) -> bool:
        """Whether a session has this key now. One that it had before a rotation does not count."""
        token = _token_of(session_key)
        return token is not None and engine().run(self._exists(token))

    async def aexists(self, session_key: str | None) -> bool:
        """See `exists`."""
        token = _token_of(session_key)
        return token is not None and await engine().arun(self._exists(token))

    def _exists(self, token: Token) -> Op[bool]:
        found = yield from engine().repository.reader.reload(token)
        return isinstance(found, Found) and found.live.token.id == token.id

    def delete(self, session_key: str | None = None) -> None:
        """Ends the session of this key, or this one, everywhere. A save of it after that raises UpdateError."""
        token = _token_of(session_key or self.session_key)
        if token is not None:
            engine().run(self._delete(token))

    async def adelete(self, session_key: str | None = None) -> None:
        """See `delete`."""
        token = _token_of(session_key or self.session_key)
        if token is not None:
            await self._arun(self._delete(token))

    def _delete(self, token: Token) -> Op[None]:
        repository = engine().repository
        found = yield from repository.reader.reload(token)
        if isinstance(found, Found):
            yield from SessionState(repository, token, found.live, False).logout()
        if self._state is not None and token.text == self.session_key:
            self._state.has_ended()

    def cycle_key(self) -> None:
        """A new key for the same session, and the old one is refused at once. What is pending is stored.

        A session that is not stored yet gets its first key by `save`.
        """
        self._get_session()
        if is_called_by_login():
            self.modified = True
        else:
            engine().run(self._cycle())

    async def acycle_key(self) -> None:
        """See `cycle_key`."""
        await self._aget_session()
        if is_called_by_login():
            self.modified = True
        else:
            await self._arun(self._cycle())

    def rotate(self) -> None:
        """As `cycle_key`, but whoever comes with the former key gets the new one too, for a while: for keys that are old."""
        self._get_session()
        engine().run(self._cycle("forward"))

    async def arotate(self) -> None:
        """See `rotate`."""
        await self._aget_session()
        await self._arun(self._cycle("forward"))

    def _cycle(self, rotation: Rotation = "supersede") -> Op[None]:
        state = self._held
        self.modified = True
        if state.live is None:
            return
        try:
            yield from state.rotate(rotation)
        except SessionEndedError:
            # The save says so, unless a login comes before it.
            return
        self._settled_key()

    def _settled_key(self) -> None:
        state = self._held
        if state.live is None:
            self._session_key = None
        elif not state.concealed:
            self._session_key = state.live.token.text


def _token_of(key: str | None) -> Token | None:
    """What is no token of ours is known without asking anybody."""
    return parse_token(engine().repository.settings.keyring, key) if key else None
