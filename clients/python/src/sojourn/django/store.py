"""`SessionStore`: what Django's SessionMiddleware, auth and test client work with.

`session_key` is the token, which the middleware puts into the cookie; `public_id` is what may be logged. A save writes what
this request has changed, and what others have changed meanwhile stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import CreateError, SessionBase, UpdateError

from ..errors import SessionEndedError, StoreUnavailableError
from ..opening import open_session, presented, unreached
from ..state import SessionState
from ..steps import Op
from ..token import Token
from . import former
from .asynchronous import AsyncAccess
from .engine import configured, engine
from .expiry import Lifetime, TokenKeptError, apply, lifetime_of
from .flow import Flow, awaited, called
from .identity import Identity
from .keys import is_called_by_login
from .own import is_made_by_middleware, own_session
from .properties import principal_of_state
from .values import EXPIRY, Values, stored_name


class SessionStore(AsyncAccess, Identity, SessionBase):
    """The session of one request. Nothing is asked before it is used."""

    def __init__(self, session_key: str | None = None) -> None:
        #: Whether the application has changed it.
        self.changed = False
        #: Whether a save is due without that: a renewal, a new key, a sign-in that Django did not know of.
        self.due = False
        super().__init__(session_key)
        self._lock = asyncio.Lock()
        self._state: SessionState | None = None
        #: As they were when it was read or written last: a save looks for what differs.
        self._user_seen: Any = None
        self._expiry_seen: Any = None
        #: Of the engine that was used before, until its session is stored here.
        self._former_key: str | None = None
        if is_made_by_middleware():
            own_session.set(self)

    @property
    def modified(self) -> bool:
        """By this a SessionMiddleware decides whether to save, and to send the cookie."""
        return self.changed or self.due

    @modified.setter
    def modified(self, value: bool) -> None:
        self.changed = value
        self.due = self.due and value

    def _get_session(self, no_load: bool = False) -> Values:
        self.accessed = True
        if self._state is None:
            if self.session_key is None or no_load:
                self._begin()
            else:
                self.load()
        return self._session_cache

    async def _aget_session(self, no_load: bool = False) -> Values:
        self.accessed = True
        async with self._lock:
            if self._state is not None:
                return self._session_cache
            if self.session_key is None or no_load:
                self._begin()
            else:
                await self.aload()
        return self._session_cache

    _session = property(_get_session)

    def _begin(self) -> SessionState:
        """Nobody's session, which is stored by the first save."""
        state = SessionState(engine().repository, None, None, False)
        self._take(state)
        return state

    def _take(self, state: SessionState) -> None:
        self._state = state
        self._session_cache = Values(state)
        self._user_seen = self._expiry_seen = None

    # Reading

    def load(self) -> Values:
        """Reads it, and answers with its data. A key that opens nothing is not kept: a new session gets another."""
        return called(self._load())

    async def aload(self) -> Values:
        """See `load`."""
        return await awaited(self._load(), engine().arun)

    def _load(self) -> Flow[Values]:
        key, repository = self.session_key, engine().repository
        asked = presented(repository, key)
        if isinstance(asked, SessionState):
            self._opened(asked)
        else:
            try:
                self._opened((yield open_session(repository, asked)))
            except StoreUnavailableError:
                self._opened(_without_redis(asked))
        claim = (yield partial(former.claim_of, key)) if self._may_be_former(key) else None
        if claim is not None:
            state = yield former.take_over(claim)
            if state is not None:
                self._opened(state)
                self._former_key = claim.key
        elif self._needs_user:
            yield self._bridge
        return self._session_cache

    def _opened(self, state: SessionState) -> None:
        key = self.session_key
        self._take(state)
        if not state.is_unknown:
            self._session_key = None if state.live is None else state.live.token.text
        self._user_seen = self._session_cache.user_of(principal_of_state(state))
        self._expiry_seen = self._session_cache.get(EXPIRY)
        if state.live is not None and (state.touch_due or state.write_due or self._session_key != key):
            self.due = True

    def _may_be_former(self, key: str | None) -> bool:
        """Whether the key may be one of the engine that was used before."""
        return bool(key) and self._state is not None and self._state.presented is None and not self._session_key

    def _end_former(self) -> None:
        """Once it is stored here."""
        key, self._former_key = self._former_key, None
        if key is not None:
            former.end(key)

    # Writing

    def save(self, must_create: bool = False) -> None:
        """Stores what has changed, and renews the idle timeout where that is due.

        Raises UpdateError where the session has ended meanwhile, CreateError where `must_create` finds one, and what
        `Session.commit` raises: SessionAttributeError names what cannot be stored.
        """
        self._get_session(no_load=must_create)
        called(self._saving(must_create))

    async def asave(self, must_create: bool = False) -> None:
        """See `save`."""
        await self._aget_session(no_load=must_create)
        await awaited(self._saving(must_create), self._arun)

    def _saving(self, must_create: bool = False) -> Flow[None]:
        principal = (yield self._new_principal) if self._is_another_user else None
        yield self._save(must_create, principal)
        if self._former_key is not None:
            yield self._end_former

    def _save(self, must_create: bool, principal: str | None) -> Op[None]:
        state, values = self._held, self._session_cache
        if must_create and state.live is not None:
            raise CreateError
        if principal is not None:
            yield from self._sign_in(principal, {})
        elif self._replaced is not None:
            yield from self._end_replaced()
        elif self._user_seen is not None and SESSION_KEY not in values:
            yield from self._leave()
        lifetime = self._changed_lifetime()
        if lifetime is not None and min(lifetime.idle, lifetime.absolute) < 1:
            # Set to a moment that has passed.
            yield from state.logout()
            return self._settled()
        if lifetime is not None:
            apply(lifetime, state)
        yield from state.create()
        if state.ended is not None:
            raise UpdateError
        self._settled()
        if state.concealed:
            raise TokenKeptError
        return None

    def _changed_lifetime(self) -> Lifetime | None:
        """What is to be said of a new session in any case, and of another where `set_expiry` was called."""
        state, expiry = self._held, self._session_cache.get(EXPIRY)
        if state.live is not None and expiry == self._expiry_seen:
            return None
        return lifetime_of(expiry, state.repository.settings, state.live)

    def _settled(self) -> None:
        self._settled_key()
        self._user_seen = self._session_cache.get(SESSION_KEY)
        self._expiry_seen = self._session_cache.get(EXPIRY)

    def create(self) -> None:
        """A new session with a key of its own, stored at once; with what this one holds."""
        self._start_again()
        self.save(must_create=True)

    async def acreate(self) -> None:
        """See `create`."""
        self._start_again()
        await self.asave(must_create=True)

    def _start_again(self) -> None:
        rest = {} if self._state is None else dict(self._session_cache)
        self._begin()
        self._session_cache.update(rest)
        self._session_key = None
        self.modified = True

    def modify(self, name: str, make: Callable[[Any], Any], default: Any = None) -> Any:
        """Changes one value atomically and stores it at once, with everything else that is pending.

        `make` gets a copy of the value and returns the new one; it runs again where another request was first. Answers with
        what was stored. Raises as `save`.
        """
        self._get_session()
        return called(self._modifying(name, make, default))

    async def amodify(self, name: str, make: Callable[[Any], Any], default: Any = None) -> Any:
        """See `modify`."""
        await self._aget_session()
        return await awaited(self._modifying(name, make, default), self._arun)

    def _modifying(self, name: str, make: Callable[[Any], Any], default: Any) -> Flow[Any]:
        if self._held.live is None or self._user_changed:
            yield from self._saving()
        return (yield self._modify(name, make, default))

    def _modify(self, name: str, make: Callable[[Any], Any], default: Any) -> Op[Any]:
        try:
            value = yield from self._held.update(stored_name(name), make, default)
        except SessionEndedError as error:
            raise UpdateError from error
        self._settled()
        self.modified = True
        return value

    # Ending

    def clear(self) -> None:
        """Deletes the data. Who was signed in is so no more after the next save, and that session has ended."""
        self._get_session().clear()
        self.modified = True

    def flush(self) -> None:
        """Ends the session everywhere, at once. What is set after that makes a new one."""
        self._get_session()
        if not (is_called_by_login() and self._put_aside()):
            called(self._flush())

    async def aflush(self) -> None:
        """See `flush`."""
        await self._aget_session()
        if not (is_called_by_login() and self._put_aside()):
            await awaited(self._flush(), self._arun)

    def _flush(self) -> Flow[None]:
        yield self._end_replaced()
        if not self._is_nobodys:
            yield self._held.logout()
        self._flushed()
        if self._former_key is not None:
            yield self._end_former

    @property
    def _is_nobodys(self) -> bool:
        """Whether there is nothing to end."""
        return self._held.live is None and not self._held.is_unknown

    def _flushed(self) -> None:
        if self._held.live is None:
            self._held.become_nobodys()
        self._settled()
        self.accessed = self.modified = True

    @classmethod
    def clear_expired(cls) -> None:
        """Nothing to do: Redis lets go of what has expired by itself."""

    @classmethod
    async def aclear_expired(cls) -> None:
        """See `clear_expired`."""


def _without_redis(asked: Sequence[Token]) -> SessionState:
    """By `SOJOURN["OUTAGE"]`. Called where StoreUnavailableError was raised, and raises it again."""
    policy = configured().outage
    if policy == "fail":
        raise  # noqa: PLE0704 (by whoever has caught it)
    return unreached(engine().repository, asked, policy)
