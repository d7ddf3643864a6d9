"""What the value of a session's attribute may be.

| Python | in the record | read as |
| --- | --- | --- |
| None, bool, str | nil, bool, text | the same |
| int | int; beyond ±(2^53 − 1) bigint | int; a bigint within that range as `BigInt`, an int |
| float | float 64 | float; a whole number that another language has written may come as an int |
| list, tuple | list | list |
| dict with text as keys | object | dict |
| any other dict, `Map` | map | `Map`, a dict; `Pairs` where its keys cannot be those of a dict |
| set, frozenset | set | `OrderedSet`, a set; `Members` where its members cannot be those of a set |
| bytes, bytearray, memoryview | bytes | bytes |
| datetime with a time zone | date | datetime in UTC, whole milliseconds; `Moment` beyond the year 9999 or before 1 |

Subclasses of these are stored as what they are of (a `namedtuple` as a list, a `SafeString` as text). Everything else
is refused: a value is never changed behind the writer's back, and reading runs no code of an application's.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from .errors import SessionAttributeError

#: Lists, objects, maps and sets inside each other.
MAX_DEPTH = 64
#: Values in one attribute, counting each container, element, property, key and member.
MAX_NODES = 100_000
#: The largest whole number that every language holds in a number: 2^53 − 1.
MAX_SAFE = 2**53 - 1
#: Dates are at most so many milliseconds from the epoch: what JavaScript holds.
MAX_DATE = 8_640_000_000_000_000
_MAX_NAME_BYTES = 256
#: As names they would reach the prototype of whatever object a JavaScript program copies the attributes to.
_FORBIDDEN_NAMES = frozenset({"__proto__", "constructor", "prototype"})
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MILLISECOND = timedelta(milliseconds=1)


class Map(dict[Any, Any]):
    """A map whose keys may be of any kind: a dict that stays a map when all its keys are text."""

    __slots__ = ()


class Pairs(list[tuple[Any, Any]]):
    """A map that cannot be a dict, as (key, value): a key is a dict, or two differ in kind only, as 1 and True do."""

    __slots__ = ()


class OrderedSet(set[Any]):
    """A set that has been read. It is written in the order in which it was read, what is new behind that."""

    __slots__ = ("order",)

    def __init__(self, members: Iterable[Any] = ()) -> None:
        self.order = tuple(members)
        super().__init__(self.order)

    def members(self) -> list[Any]:
        known = [member for member in self.order if member in self]
        first = set(self.order)
        return known + [member for member in self if member not in first]


class Members(list[Any]):
    """A set that cannot be a Python set: a member is a dict or list, or two differ in kind only, as 1 and True do."""

    __slots__ = ()


class BigInt(int):
    """A whole number within ±(2^53 − 1) that is stored as a bigint, because a program in JavaScript has one there."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Moment:
    """A date that `datetime` cannot hold. `ms`: milliseconds since the Unix epoch."""

    ms: int


class ValueProblem(Exception):  # noqa: N818 (internal: the codec turns it into a SessionAttributeError)
    """A value that cannot be stored."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        #: Where inside the attribute: `items[2].price`; empty for the attribute's value itself.
        self.path = ""


class MalformedPayload(Exception):  # noqa: N818 (internal: such a record counts as no session)
    """Stored bytes that are not a payload."""


def name_problem(name: object) -> str | None:
    """What is wrong with an attribute's name, or None."""
    if not isinstance(name, str):
        return f"a name is a str, not {type(name).__name__}"
    if name == "":
        return "a name cannot be empty"
    if name in _FORBIDDEN_NAMES:
        return "this name is not allowed"
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return "text with a lone surrogate cannot be stored: UTF-8 cannot hold it"
    return None if size <= _MAX_NAME_BYTES else f"a name has at most {_MAX_NAME_BYTES} bytes in UTF-8"


def check_name(name: object) -> None:
    """Raises SessionAttributeError for a name that no attribute can have."""
    problem = name_problem(name)
    if problem is not None:
        raise SessionAttributeError(name if isinstance(name, str) else f"({type(name).__name__})", problem)


def kind_of(value: object) -> str:
    """`null`, `bool`, `number`, `bigint`, `text`, `bytes`, `date`, `list`, `object`, `map`, `set`, or `other`."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return "text"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "bigint" if isinstance(value, BigInt) or not -MAX_SAFE <= value <= MAX_SAFE else "number"
    if isinstance(value, float):
        return "number"
    if isinstance(value, dict):
        return "map" if isinstance(value, Map) or not all(isinstance(key, str) for key in value) else "object"
    if isinstance(value, (list, tuple)):
        return "map" if isinstance(value, Pairs) else "set" if isinstance(value, Members) else "list"
    if isinstance(value, (set, frozenset)):
        return "set"
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "bytes"
    return "date" if isinstance(value, (datetime, Moment)) else "other"


def pairs_of(value: Any) -> list[tuple[Any, Any]]:
    """Keys and values of a map, in its order."""
    return list(value.items()) if isinstance(value, dict) else list(value)


def as_key(value: Any) -> Any:
    """As a key of a map or a member of a set -0.0 is 0.0, in every language."""
    return 0.0 if isinstance(value, float) and value == 0 else value


def date_to_ms(value: datetime | Moment) -> int:
    """Milliseconds since the epoch, rounded down. Raises ValueProblem for a naive datetime, or one out of range."""
    if isinstance(value, Moment):
        if isinstance(value.ms, int) and -MAX_DATE <= value.ms <= MAX_DATE:
            return value.ms
        raise ValueProblem(f"a Moment has whole milliseconds within ±{MAX_DATE}")
    if value.utcoffset() is None:
        raise ValueProblem(
            "a datetime without a time zone cannot be stored: it says no moment; "
            "give it one, as datetime.now(timezone.utc) has it"
        )
    return (value - _EPOCH) // _MILLISECOND


def ms_to_date(ms: int) -> datetime | Moment:
    """Raises MalformedPayload for what no language holds."""
    if not -MAX_DATE <= ms <= MAX_DATE:
        raise MalformedPayload("a date out of range")
    try:
        return _EPOCH + timedelta(milliseconds=ms)
    except OverflowError:
        return Moment(ms)


def to_datetime(ms: float) -> datetime:
    """A time of a session's own, in UTC. Beyond the year 9999 the last moment of that."""
    try:
        return _EPOCH + timedelta(milliseconds=ms)
    except OverflowError:
        return datetime.max.replace(tzinfo=timezone.utc)


def primitive_key(value: object) -> Hashable | None:
    """By what keys of a map are told apart once stored; None for what is never the same as another (lists, dates, …).

    1 and True are different keys, 1 and 1.0 are not, nor 0 and -0.0; NaN is the same as NaN.
    """
    kind = kind_of(value)
    if kind in ("null", "bool", "text", "bigint"):
        return (kind, value)
    if kind == "number":
        return (kind, "nan" if value != value else value)  # noqa: PLR0124 (NaN)
    return None


def to_map(pairs: list[tuple[Any, Any]]) -> Map | Pairs:
    """What is read of a map. Raises MalformedPayload where it has a key twice."""
    pairs = [(as_key(key), value) for key, value in pairs]
    _refuse_twice([key for key, _ in pairs], "a map with the same key twice")
    try:
        found = Map((_hashable(key), value) for key, value in pairs)
    except TypeError:
        return Pairs(pairs)
    return found if len(found) == len(pairs) else Pairs(pairs)


def to_set(members: list[Any]) -> OrderedSet | Members:
    """What is read of a set. Raises MalformedPayload where it has a member twice."""
    members = [as_key(member) for member in members]
    _refuse_twice(members, "a set with the same member twice")
    try:
        found = OrderedSet(_hashable(member) for member in members)
    except TypeError:
        return Members(members)
    return found if len(found) == len(members) else Members(members)


def _refuse_twice(values: list[Any], problem: str) -> None:
    keys = [key for key in map(primitive_key, values) if key is not None]
    if len(set(keys)) != len(keys):
        raise MalformedPayload(problem)


def _hashable(value: Any) -> Any:
    """As a key: a list as a tuple, a set as a frozenset. Raises TypeError for what cannot be one."""
    if isinstance(value, (Pairs, Members)):
        raise TypeError
    if isinstance(value, list):
        return tuple(_hashable(item) for item in value)
    if isinstance(value, set):
        return frozenset(value)
    hash(value)
    return value


def clone_value(value: Any) -> Any:
    """A deep copy. A value of no storable kind is not copied: the copy refers to the same one.

    Raises ValueProblem when nested deeper than 64 levels, which every cycle is.
    """
    return _clone(value, 0)


#: Most values are of these, which nobody can change.
_FIXED = frozenset({str, int, float, bool, type(None), bytes, datetime})


def _clone(value: Any, depth: int) -> Any:
    if type(value) in _FIXED:
        return value
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    if not isinstance(value, (list, dict, set, tuple)):
        return value
    if depth == MAX_DEPTH:
        raise ValueProblem(DEPTH)
    if isinstance(value, Map):
        return Map((key, _clone(item, depth + 1)) for key, item in value.items())
    if isinstance(value, dict):
        return {key: item if type(item) in _FIXED else _clone(item, depth + 1) for key, item in value.items()}
    if isinstance(value, OrderedSet):
        return OrderedSet(value.members())
    if isinstance(value, set):
        return set(value)
    items = [item if type(item) in _FIXED else _clone(item, depth + 1) for item in value]
    if isinstance(value, Pairs):
        return Pairs(items)
    if isinstance(value, Members):
        return Members(items)
    return tuple(items) if isinstance(value, tuple) else items


DEPTH = f"nested deeper than {MAX_DEPTH} levels"


def equal_values(a: Any, b: Any) -> bool:
    """Whether two values are the same once stored.

    NaN equals itself, 0 and -0.0 differ, as do 1 and True; 1 and 1.0 do not, nor do a list and a tuple. The order of an
    object's properties does not matter, that of a map's entries does; a set's members have none. A value of no storable
    kind equals only itself, and so does what is nested deeper than 64 levels.
    """
    return _equal(a, b, 0)


def _equal(a: Any, b: Any, depth: int) -> bool:
    if a is b:
        return True
    kind = kind_of(a)
    if kind != kind_of(b) or kind == "other":
        return False
    if kind == "number":
        return _equal_numbers(a, b)
    if kind == "date":
        return _moment(a) == _moment(b)
    if kind not in ("list", "object", "map", "set"):
        return bool(bytes(a) == bytes(b)) if kind == "bytes" else bool(a == b)
    if depth == MAX_DEPTH or len(a) != len(b):
        return False
    if kind == "list":
        return _equal_lists(a, b, depth + 1)
    if kind == "object":
        return all(key in b and _equal(item, b[key], depth + 1) for key, item in a.items())
    if kind == "map":
        try:
            left, right = ([(as_key(key), item) for key, item in pairs_of(each)] for each in (a, b))
        except (TypeError, ValueError):
            # Pairs that are none: refused when they are to be stored.
            return False
        return _equal_lists(left, right, depth + 1)
    if isinstance(a, Members) and isinstance(b, Members):
        return _equal_lists([as_key(member) for member in a], [as_key(member) for member in b], depth + 1)
    return not isinstance(a, Members) and not isinstance(b, Members) and _keys(a) == _keys(b)


def _equal_numbers(a: float, b: float) -> bool:
    if a != a or b != b:  # noqa: PLR0124 (NaN)
        return a != a and b != b  # noqa: PLR0124
    return a == b and (a != 0 or math.copysign(1, a) == math.copysign(1, b))


def _equal_lists(a: Any, b: Any, depth: int) -> bool:
    return len(a) == len(b) and all(_equal(x, y, depth) for x, y in zip(a, b, strict=True))


def _moment(value: datetime | Moment) -> object:
    try:
        return date_to_ms(value)
    except ValueProblem:
        return value


def _keys(members: Any) -> frozenset[Hashable]:
    return frozenset(_deep_key(member) for member in members)


def _deep_key(value: Any) -> Hashable:
    """By what members of sets are compared: as Python does, but with their kinds."""
    kind = kind_of(value)
    if kind == "list":
        return (kind, tuple(_deep_key(item) for item in value))
    if kind == "set":
        return (kind, _keys(value))
    if kind == "date":
        return (kind, str(_moment(value)))
    return primitive_key(value) or (kind, value)
