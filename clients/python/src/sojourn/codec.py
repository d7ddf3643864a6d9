"""Attributes to bytes and back (protocol, section 6).

The payload is a list of one or two maps from name to value, `[attributes]` or `[attributes, meta]`, the second only
when it is not empty. What a value may be is said in `values.py`, how it is written in `codec_messagepack.py` and
`codec_json.py`.
"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import pathlib
import re
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from typing import Any, NamedTuple

from .errors import SessionAttributeError
from .values import (
    DEPTH,
    MAX_DEPTH,
    MAX_NODES,
    MalformedPayload,
    Members,
    Moment,
    OrderedSet,
    ValueProblem,
    as_key,
    check_name,
    date_to_ms,
    kind_of,
    name_problem,
    pairs_of,
    primitive_key,
)


class Decoded(NamedTuple):
    attributes: dict[str, Any]
    meta: dict[str, Any]


class Form(ABC):
    """What differs between the formats: each method makes of a value what the format's writer takes."""

    @abstractmethod
    def text(self, value: str) -> Any: ...
    @abstractmethod
    def number(self, value: float) -> Any: ...
    @abstractmethod
    def bigint(self, value: int) -> Any: ...
    @abstractmethod
    def date(self, ms: int) -> Any: ...
    @abstractmethod
    def data(self, value: bytes) -> Any: ...
    @abstractmethod
    def map(self, pairs: list[tuple[Any, Any]]) -> Any: ...
    @abstractmethod
    def set(self, members: list[Any]) -> Any: ...
    @abstractmethod
    def object(self, members: dict[str, Any]) -> Any: ...
    @abstractmethod
    def write(self, made: Any) -> bytes: ...
    @abstractmethod
    def read(self, data: bytes) -> list[dict[str, Any]]:
        """The maps of a payload. Raises MalformedPayload, and what parsers raise."""


class Codec:
    """`id`: as it stands in a record's header. `name`: as the option has it."""

    def __init__(self, id: int, name: str, form: Form) -> None:  # noqa: A002 (the protocol's word)
        self.id = id
        self.name = name
        self._form = form

    def encode(self, attributes: Mapping[str, Any], meta: Mapping[str, Any]) -> bytes:
        """Raises SessionAttributeError naming the attribute, the path in it and the problem."""
        maps = [self._made(attributes)]
        if meta:
            maps.append(self._made(meta))
        return self._form.write(maps)

    def decode(self, data: bytes) -> Decoded:
        """Raises MalformedPayload, and nothing else."""
        try:
            maps = self._form.read(data)
            if len(maps) not in (1, 2):
                raise MalformedPayload("the payload is not a list of one or two maps")
            for names in maps:
                for name in names:
                    problem = name_problem(name)
                    if problem is not None:
                        raise MalformedPayload(f"name of an attribute: {problem}")
        except MalformedPayload:
            raise
        except (ValueError, TypeError, IndexError, KeyError, OverflowError, RecursionError, MemoryError):
            # Without the cause: its message may quote the payload.
            raise MalformedPayload("the payload cannot be read") from None
        return Decoded(maps[0], maps[1] if len(maps) == 2 else {})

    def encoded_size(self, value: object) -> int:
        """Bytes that one value takes, without its name. Raises ValueProblem when it cannot be stored."""
        return len(self._form.write(_Walk(self._form).attribute(value)))

    def _made(self, values: Mapping[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for name, value in values.items():
            check_name(name)
            try:
                made[str(name)] = _Walk(self._form).attribute(value)
            except ValueProblem as error:
                place = f"at {_shorten(error.path, 200)}: " if error.path else ""
                raise SessionAttributeError(name, place + str(error)) from error
        return made


_INDEX, _MEMBER, _KEY, _VALUE = "[{}]".format, "[member {}]".format, "[key {}]".format, "[value {}]".format


class _Walk:
    """The walk over one attribute's value: checks everything and hands it to the form."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self._nodes = 0
        self._open: list[int] = []

    def attribute(self, value: object) -> Any:
        return self._value(value)

    def _value(self, value: Any) -> Any:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise ValueProblem(f"more than {MAX_NODES} values in one attribute")
        kind = kind_of(value)
        if kind == "text":
            return self._text(value)
        if kind in ("null", "bool"):
            return value
        if kind == "number":
            return self._form.number(value if isinstance(value, float) else int(value))
        if kind == "bigint":
            return self._form.bigint(int(value))
        if kind == "date":
            return self._form.date(date_to_ms(value))
        if kind == "bytes":
            return self._form.data(bytes(value))
        if kind == "other":
            raise ValueProblem(_refusal(value))
        if id(value) in self._open:
            raise ValueProblem("a value that contains itself cannot be stored")
        if len(self._open) == MAX_DEPTH:
            raise ValueProblem(DEPTH)
        self._open.append(id(value))
        made = self._container(kind, value)
        self._open.pop()
        return made

    def _container(self, kind: str, value: Any) -> Any:
        if kind == "list":
            return [self._at(_INDEX, i, item) for i, item in enumerate(value)]
        if kind == "object":
            return self._form.object({self._text(key): self._at(_property, key, item) for key, item in value.items()})
        if kind == "map":
            return self._form.map(self._entries(pairs_of(value)))
        members = value.members() if isinstance(value, OrderedSet) else list(value)
        _refuse_twice(members)
        made = [self._at(_MEMBER, i, as_key(member)) for i, member in enumerate(members)]
        if not isinstance(value, (OrderedSet, Members)):
            # A set has no order, and the same set is to be the same bytes.
            made.sort(key=self._form.write)
        return self._form.set(made)

    def _entries(self, pairs: list[Any]) -> list[tuple[Any, Any]]:
        for pair in pairs:
            if not isinstance(pair, (tuple, list)) or len(pair) != 2:
                raise ValueProblem("Pairs holds pairs of key and value")
        _refuse_twice([key for key, _ in pairs])
        return [(self._at(_KEY, i, as_key(key)), self._at(_VALUE, i, item)) for i, (key, item) in enumerate(pairs)]

    def _at(self, step: Callable[[Any], str], place: Any, value: object) -> Any:
        """`step`: says where in a container the place is; asked only of what cannot be stored."""
        try:
            return self._value(value)
        except ValueProblem as error:
            dot = "." if error.path and not error.path.startswith("[") else ""
            error.path = step(place) + dot + error.path
            raise

    def _text(self, value: str) -> Any:
        try:
            return self._form.text(str(value) if type(value) is str else str.__str__(value))
        except UnicodeEncodeError:
            raise ValueProblem("text with a lone surrogate cannot be stored: UTF-8 cannot hold it") from None


def _refuse_twice(keys: list[Any]) -> None:
    """Keys that differ can be the same once stored: an entry would be lost."""
    stored = [_stored_key(key) for key in keys]
    known = [key for key in stored if key is not None]
    if len(set(known)) != len(known):
        raise ValueProblem("two keys or members become the same one when stored")


def _stored_key(key: Any) -> Any:
    if isinstance(key, (dt.datetime, Moment)):
        # Two of the same millisecond would come back as something that is no dict.
        return ("date", date_to_ms(key))
    return primitive_key(key)


#: What to do about the usual ones.
_ADVICE: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (decimal.Decimal, "store str(value) and make a Decimal of that"),
    (uuid.UUID, "store str(value)"),
    (enum.Enum, "store value.value"),
    ((dt.date, dt.time), "store value.isoformat()"),
    (dt.timedelta, "store value.total_seconds()"),
    (pathlib.PurePath, "store str(value)"),
    (BaseException, "store its message"),
)


def _refusal(value: object) -> str:
    cls = type(value)
    advice = next((text for kinds, text in _ADVICE if isinstance(value, kinds)), None)
    if advice is None:
        if is_dataclass(value) and not isinstance(value, type):
            advice = "store dataclasses.asdict(value)"
        elif hasattr(value, "__await__"):
            advice = "await it first"
        elif callable(value):
            advice = "store a name that leads to it"
        else:
            advice = "store its key and look it up again, or the plain values (dict, list, str, …) that it is made of"
    return f"a value of type {cls.__module__}.{cls.__qualname__} cannot be stored: {advice}"


def _property(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,59}", key) else f"[{_shorten(key, 60)!r}]"


def _shorten(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 3]}..."
