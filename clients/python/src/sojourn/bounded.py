"""What a process remembers, up to a bound. Used by all threads."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class BoundedSet:
    """Forgets the oldest when it is full."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: dict[str, None] = {}
        self._lock = threading.Lock()

    def add(self, item: str) -> bool:
        """Answers whether it is new."""
        with self._lock:
            if item in self._held:
                return False
            if len(self._held) >= self._most:
                del self._held[next(iter(self._held))]
            self._held[item] = None
            return True

    def discard(self, item: str) -> None:
        with self._lock:
            self._held.pop(item, None)


class BoundedMap(Generic[T]):
    """Forgets the oldest when it is full."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: dict[str, T] = {}
        self._lock = threading.Lock()

    def get(self, key: str) -> T | None:
        return self._held.get(key)

    def put(self, key: str, value: T) -> None:
        with self._lock:
            if key not in self._held and len(self._held) >= self._most:
                del self._held[next(iter(self._held))]
            self._held[key] = value
