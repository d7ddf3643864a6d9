"""How long sessions live at least, as this process has last heard, and when that is to be renewed."""

from __future__ import annotations

from .bounded import BoundedMap
from .record import RecordHeader

#: Of so many sessions it is remembered.
_MOST = 10_000


class Lifetimes:
    """While no renewal is due a read need not ask for the TTL: others only renew it too, and what changes the lifetimes
    themselves stands in the record.
    """

    def __init__(self, touch_after: float) -> None:
        self._touch_after = touch_after
        self._held: BoundedMap[tuple[int, int, int]] = BoundedMap(_MOST)

    def left(self, session_id: str, now: int) -> int | None:
        """Milliseconds; None where it has to be asked for. To be checked by `is_of` when the record is there."""
        held = self._held.get(session_id)
        if held is None:
            return None
        left = held[0] - now
        return left if left > held[1] * (1 - self._touch_after) else None

    def is_of(self, session_id: str, header: RecordHeader) -> bool:
        """Whether the record still has the lifetimes that it had."""
        held = self._held.get(session_id)
        return held is not None and held[1:] == (header.idle_timeout, header.deadline)

    def note(self, session_id: str, header: RecordHeader, expires_at: int) -> None:
        """`expires_at`: milliseconds since the epoch, as the store has just said."""
        self._held.put(session_id, (expires_at, header.idle_timeout, header.deadline))


def is_renewal_due(header: RecordHeader, expires_at: int, now: int, touch_after: float) -> bool:
    """Whether enough of the idle timeout has passed for a renewal to be worth a write. Milliseconds since the epoch."""
    least = touch_after * header.idle_timeout
    left = expires_at - now
    if left > header.idle_timeout - least:
        return False
    gain = min(header.idle_timeout, header.deadline - now) - left
    return gain > 0 and gain >= least
