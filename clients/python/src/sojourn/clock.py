"""The clock of the Redis server, by which all deadlines are reckoned."""

from __future__ import annotations

import time
from collections.abc import Callable

#: Learned anew after so long, for clocks drift. Seconds.
_RELEARN = 60.0


class ServerClock:
    """`TIME` at the first command, after each lost connection and once a minute; monotonic in between."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        #: Server time minus our monotonic clock, milliseconds.
        self._offset: float | None = None
        self._due = -float("inf")

    @property
    def due(self) -> bool:
        return self._monotonic() >= self._due

    def forget(self) -> None:
        """A connection was lost: the next may lead to another server."""
        self._due = -float("inf")

    def asked(self) -> float:
        return self._monotonic()

    def learn(self, asked: float, seconds: int, microseconds: int) -> None:
        """`asked`: what `asked()` said before the question. Takes the middle of the round trip."""
        answered = self._monotonic()
        server = seconds * 1000 + microseconds / 1000
        self._offset = server - (asked + answered) / 2 * 1000
        self._due = answered + _RELEARN

    def now(self) -> int:
        """Whole milliseconds since the epoch; our own time before the first connection."""
        if self._offset is None:
            return int(time.time() * 1000)
        return int(self._monotonic() * 1000 + self._offset)
