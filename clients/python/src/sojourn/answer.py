"""The cookie that goes out with a request's answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import meta as m
from .cookie import SetCookie
from .reader import Live

if TYPE_CHECKING:
    from .state import SessionState


def cookie_of(state: SessionState) -> SetCookie | None:
    """After the last commit; None when the browser's is right as it is."""
    settings, live = state.repository.settings, state.live
    if live is None:
        # Only this request's own logout clears it. Where someone else has ended or replaced the session the browser may
        # hold a newer cookie by now, and to clear that would sign it out.
        return settings.cookie.clear() if state.presented is not None and state.logged_out else None
    if state.concealed:
        return None
    end = _end(state, live)
    is_held = state.presented is not None and live.token.text == state.presented.text
    # The same token again where "remember me" was switched on or off, or its deadline moved.
    if is_held and (state.opened is None or end == _end(state, state.opened)):
        return None
    return settings.cookie.set(live.token.text, None if end is None else end - settings.clock.now())


def _end(state: SessionState, live: Live) -> int | None:
    """Milliseconds since the epoch, None for one that ends with the browser."""
    is_lasting = state.repository.settings.cookie.persistent or m.is_persistent(live.meta)
    return live.header.deadline if is_lasting else None
