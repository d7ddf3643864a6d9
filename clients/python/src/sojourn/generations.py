"""What was asked for lately, up to a number and a weight. Used by all threads."""

from __future__ import annotations

import threading
from typing import Generic, Protocol, TypeVar


class Weighed(Protocol):
    @property
    def weight(self) -> int: ...


T = TypeVar("T", bound=Weighed)


class Generations(Generic[T]):
    """Two generations: what is asked for moves into the young one; when that has half of a bound the old one is dropped, and
    the young one is old.

    So a hit is one look into a dict, without a lock, where a list by last use would have to be changed under one. Weights
    must not change.
    """

    def __init__(self, most: int, most_weight: int) -> None:
        self._half = most // 2
        self._half_weight = most_weight // 2
        self._young: dict[str, T] = {}
        self._old: dict[str, T] = {}
        self._young_weight = 0
        self._old_weight = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    @property
    def weight(self) -> int:
        return self._young_weight + self._old_weight

    def get(self, key: str) -> T | None:
        held = self._young.get(key)
        if held is None and key in self._old:
            with self._lock:
                # Another thread may have been first, with a newer one.
                held = self._young.get(key) or self._old.get(key)
                if held is not None and key not in self._young:
                    self._put(key, held)
        return held

    def put(self, key: str, value: T) -> None:
        with self._lock:
            self._put(key, value)

    def discard(self, key: str) -> None:
        with self._lock:
            self._remove(key)

    def _put(self, key: str, value: T) -> None:
        self._remove(key)
        if value.weight > self._half_weight:
            return
        if len(self._young) >= self._half or self._young_weight + value.weight > self._half_weight:
            self._old, self._old_weight = self._young, self._young_weight
            self._young, self._young_weight = {}, 0
        self._young[key] = value
        self._young_weight += value.weight

    def _remove(self, key: str) -> None:
        held = self._young.pop(key, None)
        if held is not None:
            self._young_weight -= held.weight
        held = self._old.pop(key, None)
        if held is not None:
            self._old_weight -= held.weight
