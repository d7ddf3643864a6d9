"""Records that this process has opened, so that the same bytes are not opened again.

Each read asks Redis all the same (docs/decisions/0034): what is remembered is what these bytes say under this token, which
follows from them, the token and the keyring alone. So nothing here can be out of date.
"""

from __future__ import annotations

from sys import getsizeof
from typing import TYPE_CHECKING, Any

from .generations import Generations
from .token import Token
from .values import Map, Members, Moment, OrderedSet, Pairs

if TYPE_CHECKING:
    from .reader import Live

MOST_RECORDS = 10_000
MOST_BYTES = 32 * 1024 * 1024
#: Of an entry without the record and what stands in it: token, header, places in dicts. Measured.
_FIXED_BYTES = 1_000


class _Kept:
    __slots__ = ("live", "record", "weight")

    def __init__(self, live: Live, record: bytes, weight: int) -> None:
        self.live = live
        self.record = record
        self.weight = weight


class RecordMemo:
    """Values in it are shared by all requests, which are handed copies of what can be changed in place (`Attributes`)."""

    def __init__(self, most: int = MOST_RECORDS, most_bytes: int = MOST_BYTES) -> None:
        self._held: Generations[_Kept] = Generations(most, most_bytes)

    def __len__(self) -> int:
        return len(self._held)

    @property
    def weight(self) -> int:
        """Estimated bytes of memory."""
        return self._held.weight

    def token(self, text: str) -> Token | None:
        """The token of a text that was verified before.

        A guess learns nothing from the time that this takes: a dict compares hashes, and bytes only where all 64 bits of
        these are the same. Forged texts never come in here.
        """
        held = self._held.get(text)
        return None if held is None else held.live.token

    def find(self, token: Token, record: bytes) -> Live | None:
        """As it was opened when this very record was. Not to be changed."""
        held = self._held.get(token.text)
        return held.live if held is not None and held.record == record else None

    def keep(self, live: Live, record: bytes) -> None:
        size = len(record) + _FIXED_BYTES
        size += memory_of(live.attributes, live.meta)
        self._held.put(live.token.text, _Kept(live, record, size))

    def forget(self, token: Token) -> None:
        self._held.discard(token.text)


#: What holds other values, of all that is read.
_HOLDERS = frozenset({dict, list, tuple, frozenset, Map, Pairs, OrderedSet, Members, Moment})
#: The allocator gives multiples of 16 bytes.
_ROUNDED_UP = 8


def memory_of(*held: Any) -> int:
    """Bytes that values take with all that is in them, about; what is there twice counts twice."""
    values, names = list(held), list[str]()
    # It grows while it is gone through, so that each that is added is looked into as well.
    for value in values:
        kind = type(value)
        if kind not in _HOLDERS:
            continue
        if kind is dict:
            names += value
            values += value.values()
        elif kind is Map:
            values += value
            values += value.values()
        elif kind is OrderedSet:
            values.append(value.order)
        elif kind is Moment:
            values.append(value.ms)
        else:
            values += value
    return sum(map(getsizeof, values)) + sum(map(getsizeof, names)) + _ROUNDED_UP * (len(values) + len(names))
