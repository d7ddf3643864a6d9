"""Who is signed in: the principal of the session decides, and what Django keeps of a sign-in follows it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from django.contrib.auth import SESSION_KEY

from ..login import EVERYTHING
from ..plan import check_level, login_plan
from ..state import SessionState
from ..steps import Op
from . import auth
from .engine import engine
from .expiry import lifetime_of
from .keys import Keys
from .properties import principal_of_state
from .values import EXPIRY, SIGN_IN

#: What may be said of a login, and what it is where nothing is said.
OPTIONS: Mapping[str, Any] = {
    **dict.fromkeys(("device", "address", "kind", "level", "idle_timeout", "absolute_timeout", "max_sessions")),
    "persistent": False,
}


class Replaced(NamedTuple):
    """The session of another user, while it is not known yet whether the new one may sign in."""

    state: SessionState
    key: str | None
    user_seen: Any
    expiry_seen: Any
    changed: bool
    due: bool


class Identity(Keys):
    changed: bool
    #: The id of the user as it was when the session was read or written last: a save looks whether it differs.
    _user_seen: Any
    #: Likewise of `set_expiry`.
    _expiry_seen: Any
    due: bool
    #: Whose end `login` of Django has asked for.
    _replaced: Replaced | None = None

    def _take(self, state: SessionState) -> None:
        """Goes on with it, which was just read, or is new."""
        raise NotImplementedError

    def _settled(self) -> None:
        """An operation is done: the key, and what a later save compares with, are those of now."""
        raise NotImplementedError

    @property
    def _needs_user(self) -> bool:
        """Whether somebody is signed in of whom Django does not know yet."""
        return self._user_seen is None and self._state is not None and principal_of_state(self._state) is not None

    def _bridge(self) -> None:
        """Signs in, for Django, whom another application has signed in."""
        principal = None if self._state is None else principal_of_state(self._state)
        found = None if principal is None else auth.sign_in_of(principal)
        if principal is not None and found is not None:
            self._session_cache.sign_in(principal, *found)
            self._user_seen = found[0]
            self.due = True

    @property
    def _user_changed(self) -> bool:
        return bool(self._session_cache.get(SESSION_KEY) != self._user_seen)

    @property
    def _is_another_user(self) -> bool:
        """Whether the id of a user was set by hand: `login` of Django has told of its own already."""
        return self._session_cache.get(SESSION_KEY) not in (None, self._user_seen)

    def _new_principal(self) -> str:
        return auth.principal_of_id(self._session_cache)

    def sign_in(self, principal: str, options: Mapping[str, Any]) -> None:
        """Makes it the session of a principal: a new one, with a key of its own; the one before is refused at once.

        `login` of Django leads here (`signals.py`). `options`: of `Session.login`. Raises what that raises.
        """
        self._get_session()
        engine().run(self._sign_in(principal, options))

    def _sign_in(self, principal: str, options: Mapping[str, Any]) -> Op[None]:
        lifetime = self._login_lifetime()
        given = self._after_replaced()
        state, values = self._held, self._session_cache
        is_anothers = given is not None or principal_of_state(state) not in (None, principal)
        if given is None:
            given = {name: values[name] for name in SIGN_IN if name in values}
            values.belongs_to(principal)
        options = {**OPTIONS, **lifetime, **options, "keep": () if is_anothers else EVERYTHING}
        yield from state.login(login_plan(state.repository.settings, principal, **options))
        if is_anothers:
            # Nothing of the one before goes along.
            values.update(given)
            values.belongs_to(principal)
            yield from state.commit()
        self._settled()
        self.changed = True
        if not lifetime:
            # Set to a moment that has passed: the save ends it.
            self._expiry_seen = None

    def _put_aside(self) -> bool:
        """Of a session that `login` of Django flushes, because it is another user's: the sign-in ends it, or a save."""
        if self._held.live is None:
            return False
        self._replaced = Replaced(self._held, self.session_key, self._user_seen, self._expiry_seen, self.changed, self.due)
        self._take(SessionState(engine().repository, None, None, False))
        self._session_key = None
        self.changed = True
        return True

    def _after_replaced(self) -> dict[str, Any] | None:
        """Takes up again what was put aside. Answers with what was set since; None where nothing was put aside."""
        replaced, self._replaced = self._replaced, None
        if replaced is None:
            return None
        given = dict(self._session_cache)
        self._take(replaced.state)
        self._session_key = replaced.key
        self._user_seen, self._expiry_seen = replaced.user_seen, replaced.expiry_seen
        self.changed, self.due = replaced.changed, replaced.due
        return given

    def _end_replaced(self) -> Op[None]:
        replaced, self._replaced = self._replaced, None
        if replaced is not None:
            yield from replaced.state.logout()

    def undo_login(self) -> None:
        """Of a login that was refused: `login` of Django has written down already who is signed in."""
        if self._after_replaced() is None and self._user_seen is None:
            self._session_cache.forget_sign_in()

    def _login_lifetime(self) -> dict[str, Any]:
        lifetime = lifetime_of(self._session_cache.get(EXPIRY), self._held.repository.settings, None)
        if min(lifetime.idle, lifetime.absolute) < 1:
            return {}
        return {
            "idle_timeout": timedelta(milliseconds=min(lifetime.idle, lifetime.absolute)),
            "absolute_timeout": timedelta(milliseconds=lifetime.absolute),
            "persistent": lifetime.persistent,
        }

    def _leave(self) -> Op[None]:
        """Who signs a user out by taking its id out of the data has not kept the session of a user without one."""
        state, values = self._held, self._session_cache
        values.forget_sign_in()
        rest = dict(values)
        yield from state.logout()
        values.update(rest)

    def step_up(self, level: int) -> None:
        """The principal has authenticated again, at this level, 0 to 255: a new key, the old one is refused at once.

        Raises NotSignedInError, OptionError, SessionEndedError.
        """
        self._get_session()
        engine().run(self._step_up(check_level(level)))

    async def astep_up(self, level: int) -> None:
        """See `step_up`."""
        await self._aget_session()
        await self._arun(self._step_up(check_level(level)))

    def _step_up(self, level: int) -> Op[None]:
        yield from self._held.step_up(level)
        self.modified = True
        self._settled_key()
