"""Connections of a client that nobody else uses, which wait outside of its pool for the next read.

A pool looks at a connection each time it lends it, in three system calls, and counts it out and in: a fifth of what a read
costs. So a connection goes back only after a second, by which all that a pool does in between is late by that at most, as
renewing credentials. One that dies meanwhile fails, and the read is repeated on one of the pool.
"""

from __future__ import annotations

import os
from typing import Any

from .clock import ServerClock

#: Seconds.
LONGEST = 1.0


class KeptConnections:
    """`longest`: seconds; 0: none is kept."""

    def __init__(self, clock: ServerClock, longest: float) -> None:
        self._clock = clock
        self._longest = longest
        #: With the moment at which each is to go back. The end of a list is changed in one step, whatever other threads do.
        self._waiting: list[tuple[Any, float]] = []
        self._pid = os.getpid()

    def until(self) -> float:
        """When one that the pool lends now is to go back."""
        return self._clock.asked() + self._longest

    def is_over(self, until: float) -> bool:
        return self._clock.asked() >= until

    def put(self, connection: Any, until: float) -> None:
        self._waiting.append((connection, until))

    def pop(self) -> tuple[Any, float] | None:
        """The one that was used last, which may have to go back. None: none waits."""
        if not self._waiting:
            return None
        if self._pid != os.getpid():
            # After a fork they are the parent's.
            self._waiting, self._pid = [], os.getpid()
        try:
            return self._waiting.pop()
        except IndexError:
            return None
