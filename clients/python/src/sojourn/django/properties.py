"""What is known of a session beside its data, and how long it lasts. Reads the session where that has not been done yet."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase

from .. import meta as m
from ..cookie import SetCookie
from ..duration import Duration, parse_duration
from ..state import SessionState
from ..values import to_datetime
from .engine import engine
from .values import EXPIRY

if TYPE_CHECKING:
    from .values import Values


def principal_of_state(state: SessionState) -> str | None:
    return None if state.live is None else m.text(state.live.meta, m.PRINCIPAL)


class Properties(SessionBase):
    _state: SessionState | None
    _session_cache: Values

    @property
    def _held(self) -> SessionState:
        """Of a session that has been read, or begun."""
        if self._state is None:
            raise RuntimeError("the session has not been read")
        return self._state

    def _now_held(self) -> SessionState:
        self._get_session()
        return self._held

    @property
    def opened(self) -> bool:
        """Whether it has been read, or begun."""
        return self._state is not None

    @property
    def public_id(self) -> str | None:
        """Names the session in logs, lists and `revoke`; of no use as a cookie. None until it is stored."""
        live = self._now_held().live
        return None if live is None else live.token.id

    @property
    def principal(self) -> str | None:
        """Who is signed in, by the name that all applications agree on; None: nobody."""
        return principal_of_state(self._now_held())

    @property
    def ended(self) -> bool:
        """Whether someone else has ended or replaced the session, as far as is known: a save raises UpdateError then."""
        return self._state is not None and self._state.ended is not None

    @property
    def dirty(self) -> bool:
        """Whether its data is other than what is stored. Asks nobody."""
        return self._state is not None and self._state.dirty

    @property
    def level(self) -> int | None:
        """How well the principal is known, as the sign-in or `step_up` has said; None where neither has."""
        live = self._now_held().live
        value = None if live is None else m.number(live.meta, m.LEVEL)
        return None if value is None else int(value)

    @property
    def authenticated_at(self) -> datetime | None:
        """When the principal last authenticated, in UTC."""
        live = self._now_held().live
        at = None if live is None else m.number(live.meta, m.AUTHENTICATED_AT)
        return None if at is None else to_datetime(at)

    def authenticated_within(self, duration: Duration) -> bool:
        """Whether the principal has authenticated so lately (`"5m"`, or a timedelta); False for nobody's session."""
        within = parse_duration("duration", duration)
        state = self._now_held()
        at = None if state.live is None else m.number(state.live.meta, m.AUTHENTICATED_AT)
        return at is not None and state.repository.settings.clock.now() - at <= within

    def cookie(self) -> SetCookie | None:
        """What the middleware of this package sends; None when the browser's cookie is right as it is."""
        return None if self._state is None else self._state.cookie()

    def is_empty(self) -> bool:
        """Whether there is neither a key nor data: then the middleware deletes the cookie.

        Not where a login has replaced the session: the browser may have a newer cookie by now.
        """
        if self._state is None:
            return not self.session_key
        if self._state.ended is not None:
            return False
        return not self.session_key and not self._session_cache

    # How long it lasts

    def get_session_cookie_age(self) -> int:
        """Seconds: the idle timeout."""
        live = None if self._state is None else self._state.live
        idle: int = engine().repository.settings.idle_timeout if live is None else live.header.idle_timeout
        return idle // 1000

    def get_expiry_age(self, **kwargs: Any) -> int:
        """Seconds until the session ends if nobody comes, never more than are left in all."""
        age: int = super().get_expiry_age(**kwargs)
        return min(age, self._seconds_left())

    def get_expiry_date(self, **kwargs: Any) -> datetime:
        """When the session ends if nobody comes, never later than it ends in any case."""
        date: datetime = super().get_expiry_date(**kwargs)
        modification = kwargs.get("modification") or _now(date)
        return min(date, modification + timedelta(seconds=self._seconds_left()))

    def get_expire_at_browser_close(self) -> bool:
        """Whether the cookie ends with the browser: as `set_expiry` has said, or the sign-in, or the setting."""
        expiry = self.get(EXPIRY)
        if expiry is not None:
            return bool(expiry == 0)
        live = self._now_held().live
        return bool(settings.SESSION_EXPIRE_AT_BROWSER_CLOSE) if live is None else not m.is_persistent(live.meta)

    def _seconds_left(self) -> int:
        live = None if self._state is None else self._state.live
        options = engine().repository.settings
        left: int = options.absolute_timeout if live is None else live.header.deadline - options.clock.now()
        return max(0, left) // 1000


def _now(like: datetime) -> datetime:
    return datetime.now(like.tzinfo)
