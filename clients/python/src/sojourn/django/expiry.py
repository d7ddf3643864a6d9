"""What Django's `set_expiry` means for a session: idle timeout, deadline, and whether the cookie outlives the browser.

No session lives longer than `ABSOLUTE_TIMEOUT` after its creation, whatever is set.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.base import UpdateError
from django.utils import timezone

from .. import meta as m
from ..duration import LONGEST_LIFETIME
from ..options import Settings
from ..reader import Live
from ..state import SessionState


class TokenKeptError(UpdateError):
    """All is stored, but no cookie may be sent: the request has outlasted its own token, and another has the new one."""


@dataclass(frozen=True, slots=True)
class Lifetime:
    """Milliseconds from now on, except `absolute`, which is since the creation. Below 1: it is over."""

    idle: int
    absolute: int
    persistent: bool


def lifetime_of(expiry: Any, options: Settings, live: Live | None) -> Lifetime:
    """`expiry`: what `set_expiry` has left: None, seconds, 0, or a moment as an ISO text. `live`: None for a new session."""
    now = options.clock.now()
    created = now if live is None else live.header.created_at
    absolute = options.absolute_timeout
    if live is not None and live.header.deadline - created > absolute and not expiry:
        # Another application gives it longer than this one would.
        absolute = live.header.deadline - created
    if expiry is None:
        return Lifetime(options.idle_timeout, absolute, not settings.SESSION_EXPIRE_AT_BROWSER_CLOSE)
    if isinstance(expiry, (int, float)):
        if expiry == 0:
            return Lifetime(options.idle_timeout, absolute, False)
        return Lifetime(min(round(expiry * 1000), absolute, LONGEST_LIFETIME), absolute, True)
    left = _until(expiry) // timedelta(milliseconds=1)
    # Until that moment, whether anybody comes or not.
    return Lifetime(min(left, LONGEST_LIFETIME), min(now - created + left, absolute), True)


def apply(lifetime: Lifetime, state: SessionState) -> None:
    """For the next commit. What would gain or lose next to nothing is left: of a signed-in session it costs a new token."""
    if state.live is None or not _is_about(lifetime, state.live, state):
        state.set_lifetime(lifetime.idle, lifetime.absolute, lifetime.persistent)


def _is_about(lifetime: Lifetime, live: Live, state: SessionState) -> bool:
    if lifetime.persistent != m.is_persistent(live.meta):
        return False
    idle, deadline = live.header.idle_timeout, live.header.deadline - live.header.created_at
    least = state.repository.settings.touch_after * min(lifetime.idle, lifetime.absolute)
    return abs(lifetime.idle - idle) <= least and abs(lifetime.absolute - deadline) <= least


def _until(expiry: datetime | str) -> timedelta:
    moment = datetime.fromisoformat(expiry) if isinstance(expiry, str) else expiry
    now = timezone.now()
    if timezone.is_naive(moment) != timezone.is_naive(now):
        moment = timezone.make_naive(moment) if timezone.is_naive(now) else timezone.make_aware(moment)
    return moment - now
