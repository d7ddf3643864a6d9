"""What a new token leaves at the former id, and what its first use does to that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from . import meta as m
from .bounded import BoundedSet
from .errors import StoreRefusedError, StoreUnavailableError
from .keys import TAG_LENGTH
from .record import RecordHeader
from .steps import Op
from .store import Trail
from .token import Token
from .trail import SUPERSEDED_FOR, make_forward, make_superseded

if TYPE_CHECKING:
    from .events import EventHub
    from .options import Settings
    from .reader import Live

#: Those who come with the former token are led to the successor, or refused at once, as after a login.
Rotation = Literal["forward", "supersede"]

#: What is forgotten is settled once more, which changes nothing.
_MOST_SETTLED = 10_000
#: After one that failed, milliseconds: a store that is down is not asked with each request.
_PAUSE = 1_000


class Rotations:
    def __init__(self, settings: Settings, events: EventHub) -> None:
        self._settings = settings
        self._events = events
        #: Former ids whose forwards this process has settled.
        self._settled = BoundedSet(_MOST_SETTLED)
        self._paused_until = 0

    def trail(self, rotation: Rotation, header: RecordHeader, source: Token, to: Token) -> Trail:
        settings = self._settings
        if rotation == "supersede":
            return Trail(make_superseded(to.id), SUPERSEDED_FOR)
        now = settings.clock.now()
        record = make_forward(settings.keyring, source, to, now + settings.rotation_patience)
        # Of what has ended there is no reuse.
        longest = max(1, header.deadline - now)
        return Trail(record, min(max(settings.rotation_patience, settings.reuse_window), longest))

    def meta(self, rotation: Rotation, meta: m.Meta, source: Token) -> dict[str, Any]:
        """The meta that goes along with the new token."""
        former = source.id[TAG_LENGTH:] if rotation == "forward" else None
        return m.with_token(meta, self._settings.clock.now(), former)

    def settle(self, live: Live) -> Op[None]:
        """Somebody has come with the token of a successor: those with the former one have a short time from now on.

        Once in a process, and again after a failure.
        """
        former = live.former
        if former is None:
            return
        now = self._settings.clock.now()
        if now < self._paused_until or not self._settled.add(former):
            return
        try:
            yield from self._settings.store.settle(former, now + self._settings.rotation_grace)
        except (StoreUnavailableError, StoreRefusedError) as error:
            # The next request with this token tries again, on whichever node.
            self._settled.discard(former)
            self._paused_until = now + _PAUSE
            self._events.emit("error", operation="settle", error=error)
