"""MessagePack, https://github.com/msgpack/msgpack/blob/master/spec.md, with the extensions of the protocol.

Written by the library, each value in its shortest form. What is read is decided by a reader of our own: the library's
trusts its input; it bounds neither depth nor the sum of the lengths that arrays declare before it makes room for them. It is
much faster, though, so it goes first where it can do no harm, and what it makes of usual values is taken over.
"""

from __future__ import annotations

import struct
from typing import Any, NoReturn

import msgpack

from .codec import Form
from .values import MAX_DEPTH, MAX_NODES, MAX_SAFE, BigInt, MalformedPayload, ms_to_date, to_map, to_set

EXT_TIMESTAMP = -1
EXT_MAP = 1
EXT_SET = 2
EXT_BIGINT = 3
EXT_NEGATIVE_ZERO = 4


class MessagePackForm(Form):
    def text(self, value: str) -> Any:
        value.encode()
        return value

    def number(self, value: float) -> Any:
        # A float stays one, whole or not: readers take both, and it is to come back as it was put in.
        if value == 0 and isinstance(value, float) and str(value) == "-0.0":
            return msgpack.ExtType(EXT_NEGATIVE_ZERO, b"")
        return value

    def bigint(self, value: int) -> Any:
        # The bits of a negative number are those of its complement; one more is the sign's.
        bits = (~value if value < 0 else value).bit_length()
        return msgpack.ExtType(EXT_BIGINT, value.to_bytes(bits // 8 + 1, "big", signed=True))

    def date(self, ms: int) -> Any:
        seconds, rest = divmod(ms, 1000)
        return msgpack.Timestamp(seconds, rest * 1_000_000)

    def data(self, value: bytes) -> Any:
        return value

    def map(self, pairs: list[tuple[Any, Any]]) -> Any:
        return msgpack.ExtType(EXT_MAP, self.write([each for pair in pairs for each in pair]))

    def set(self, members: list[Any]) -> Any:
        return msgpack.ExtType(EXT_SET, self.write(members))

    def object(self, members: dict[str, Any]) -> Any:
        return members

    def write(self, made: Any) -> bytes:
        packed: bytes = msgpack.packb(made, use_bin_type=True)
        return packed

    def read(self, data: bytes) -> list[dict[str, Any]]:
        found = _read_usual(data)
        return _Reader(data).payload() if found is None else found


#: As large as what the library reads may be, so that it has fewer values than are allowed.
_USUAL_BYTES = MAX_NODES - 1
#: Bytes that begin containers, and those that begin what needs care: bytes (as keys), extensions. Where neither is too many
#: or there at all nothing has to be looked through; inside of texts and numbers they may be anything else.
_CONTAINERS = bytes((*range(0x80, 0xA0), *range(0xDC, 0xE0)))
_CAREFUL = bytes((*range(0xC4, 0xCA), *range(0xD4, 0xD9)))
_OTHERS = bytes(set(range(256)) - {*_CONTAINERS, *_CAREFUL})
#: As many entries as one container may declare, for room is made for all of them at once.
_USUAL_LENGTH = 1_000


class _Unusual(Exception):  # noqa: N818 (internal)
    """Left to our own reader, which also says what is malformed."""


def _read_usual(data: bytes) -> list[dict[str, Any]] | None:
    """What the library reads, if it is of kinds that need no care. None: nothing is known of it."""
    if len(data) > _USUAL_BYTES:
        return None
    try:
        maps = msgpack.unpackb(
            data, ext_hook=_leave, max_array_len=_USUAL_LENGTH, max_map_len=_USUAL_LENGTH, max_ext_len=_USUAL_LENGTH
        )
        if type(maps) is not list or any(type(attributes) is not dict for attributes in maps):
            return None
        heads = data.translate(None, _OTHERS)
        if len(heads) > MAX_DEPTH or heads.translate(None, _CONTAINERS):
            for attributes in maps:
                _check_usual(attributes, -1)
    except Exception:
        return None
    return maps


def _check_usual(container: Any, depth: int) -> None:
    """Raises _Unusual. Dates become ours."""
    if depth == MAX_DEPTH:
        raise _Unusual
    has_keys = type(container) is dict
    items: Any = container.items() if has_keys else enumerate(container)
    for key, item in items:
        if has_keys and type(key) is not str:
            raise _Unusual
        kind = type(item)
        if kind is dict or kind is list:
            _check_usual(item, depth + 1)
        elif kind is msgpack.Timestamp:
            container[key] = ms_to_date(item.seconds * 1000 + item.nanoseconds // 1_000_000)


def _leave(_: int, __: bytes) -> NoReturn:
    raise _Unusual


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._end = len(data)
        self._nodes = 0

    def payload(self) -> list[dict[str, Any]]:
        maps = [self._attributes() for _ in range(self._array_head())]
        if self._at != self._end:
            _fail("bytes after the end")
        return maps

    def _attributes(self) -> dict[str, Any]:
        head = self._byte()
        if head >> 4 == 0x8:
            count = head & 0x0F
        elif head in (0xDE, 0xDF):
            count = self._unsigned(2 if head == 0xDE else 4)
        else:
            _fail("no map where one belongs")
        attributes: dict[str, Any] = {}
        for _ in range(self._plausible(count, 2)):
            name = self._key()
            self._nodes = 1
            attributes[name] = self._value(0)
        return attributes

    def _array_head(self) -> int:
        head = self._byte()
        if head >> 4 == 0x9:
            return head & 0x0F
        if head in (0xDC, 0xDD):
            return self._plausible(self._unsigned(2 if head == 0xDC else 4), 1)
        _fail("no list where one belongs")

    def _key(self) -> str:
        head = self._byte()
        if head >> 5 == 0b101:
            return self._text(head & 0x1F)
        if 0xD9 <= head <= 0xDB:
            return self._text(self._unsigned(1 << (head - 0xD9)))
        _fail("a key that is not text")

    def _value(self, depth: int) -> Any:
        head = self._byte()
        if head < 0x80:
            return head
        if head < 0x90:
            return self._map(head & 0x0F, depth)
        if head < 0xA0:
            return self._array(head & 0x0F, depth)
        if head < 0xC0:
            return self._text(head & 0x1F)
        if head >= 0xE0:
            return head - 0x100
        if head >= 0xD9:
            if head <= 0xDB:
                return self._text(self._unsigned(1 << (head - 0xD9)))
            count = self._unsigned(4 if head & 1 else 2)
            return self._array(count, depth) if head <= 0xDD else self._map(count, depth)
        if head >= 0xD4:
            return self._extension(1 << (head - 0xD4), depth)
        if head >= 0xD0:
            return int.from_bytes(self._take(1 << (head - 0xD0)), "big", signed=True)
        if head >= 0xCC:
            return self._unsigned(1 << (head - 0xCC))
        if head >= 0xCA:
            size = 4 if head == 0xCA else 8
            return struct.unpack(">f" if size == 4 else ">d", self._take(size))[0]
        if head >= 0xC7:
            return self._extension(self._unsigned(1 << (head - 0xC7)), depth)
        if head >= 0xC4:
            return self._take(self._unsigned(1 << (head - 0xC4)))
        if head == 0xC0:
            return None
        if head == 0xC1:
            _fail("a byte that begins nothing")
        return head == 0xC3

    def _array(self, count: int, depth: int) -> list[Any]:
        self._enter(self._plausible(count, 1), depth)
        return [self._value(depth + 1) for _ in range(count)]

    def _map(self, count: int, depth: int) -> dict[str, Any]:
        self._enter(self._plausible(count, 2), depth)
        members: dict[str, Any] = {}
        for _ in range(count):
            key = self._key()
            members[key] = self._value(depth + 1)
        return members

    def _enter(self, count: int, depth: int) -> None:
        """Counts what a container declares, before room is made for it."""
        if depth == MAX_DEPTH:
            _fail("nested too deeply")
        self._nodes += count
        if self._nodes > MAX_NODES:
            _fail("too many values")

    def _extension(self, length: int, depth: int) -> Any:
        kind = int.from_bytes(self._take(1), "big", signed=True)
        if kind == EXT_TIMESTAMP:
            return _timestamp(self._take(length))
        if kind == EXT_MAP:
            flat = self._collection(length, depth)
            if len(flat) % 2:
                _fail("a map with half an entry")
            return to_map(list(zip(flat[::2], flat[1::2], strict=True)))
        if kind == EXT_SET:
            return to_set(self._collection(length, depth))
        if kind == EXT_BIGINT:
            if length == 0:
                _fail("a bigint without bytes")
            value = int.from_bytes(self._take(length), "big", signed=True)
            return BigInt(value) if -MAX_SAFE <= value <= MAX_SAFE else value
        if kind == EXT_NEGATIVE_ZERO:
            return -0.0 if length == 0 else _fail("a negative zero with bytes")
        return _fail("an extension that is not known")

    def _collection(self, length: int, depth: int) -> list[Any]:
        """The list that is all the content of a map or a set."""
        outer_end = self._end
        self._end = self._plausible(length, 1) + self._at
        items = self._array(self._array_head(), depth)
        if self._at != self._end:
            _fail("bytes after the end of a map or set")
        self._end = outer_end
        return items

    def _text(self, length: int) -> str:
        return self._take(length).decode()

    def _byte(self) -> int:
        at = self._at
        if at >= self._end:
            _fail("cut off")
        self._at = at + 1
        return self._data[at]

    def _unsigned(self, length: int) -> int:
        return int.from_bytes(self._take(length), "big")

    def _take(self, length: int) -> bytes:
        start = self._at
        self._at = start + self._plausible(length, 1)
        return self._data[start : self._at]

    def _plausible(self, count: int, each: int) -> int:
        """A declared length is believed only as far as there are bytes left."""
        return _fail("cut off") if count * each > self._end - self._at else count


def _timestamp(data: bytes) -> Any:
    """Seconds in 32 bits; nanoseconds in 30 and seconds in 34; nanoseconds in 32 and signed seconds in 64."""
    nanoseconds = 0
    if len(data) == 4:
        seconds = int.from_bytes(data, "big")
    elif len(data) == 8:
        both = int.from_bytes(data, "big")
        nanoseconds, seconds = both >> 34, both & (1 << 34) - 1
    elif len(data) == 12:
        nanoseconds = int.from_bytes(data[:4], "big")
        seconds = int.from_bytes(data[4:], "big", signed=True)
    else:
        _fail("a timestamp of the wrong length")
    if nanoseconds >= 1_000_000_000:
        _fail("a timestamp out of range")
    return ms_to_date(seconds * 1000 + nanoseconds // 1_000_000)


def _fail(problem: str) -> NoReturn:
    raise MalformedPayload(problem)
