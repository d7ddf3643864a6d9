"""JSON, for those who read payloads with other tools. What JSON has no form for is an object with one key (`$date`, …)."""

from __future__ import annotations

import json
import math
import re
from base64 import b64decode, b64encode
from typing import Any, NoReturn

from .codec import Form
from .values import MAX_DEPTH, MAX_NODES, MAX_SAFE, BigInt, MalformedPayload, ms_to_date, to_map, to_set

_BIGINT = re.compile(r"0|-?[1-9][0-9]*", re.ASCII)
#: Python turns no more digits than 4,300 into a number at once.
_DIGITS = 4000
_NUMBERS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf, "-0": -0.0}


class JsonForm(Form):
    def text(self, value: str) -> Any:
        value.encode()
        return value

    def number(self, value: float) -> Any:
        if isinstance(value, int):
            return value
        if math.isfinite(value) and str(value) != "-0.0":
            return value
        return {"$number": "NaN" if math.isnan(value) else "-0" if value == 0 else f"{'-' * (value < 0)}Infinity"}

    def bigint(self, value: int) -> Any:
        return {"$bigint": _decimal(value)}

    def date(self, ms: int) -> Any:
        return {"$date": ms}

    def data(self, value: bytes) -> Any:
        return {"$bytes": b64encode(value).decode("ascii")}

    def map(self, pairs: list[tuple[Any, Any]]) -> Any:
        return {"$map": [list(pair) for pair in pairs]}

    def set(self, members: list[Any]) -> Any:
        return {"$set": members}

    def object(self, members: dict[str, Any]) -> Any:
        return {"$object": members} if _tag(members) is not None else members

    def write(self, made: Any) -> bytes:
        return json.dumps(made, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()

    def read(self, data: bytes) -> list[dict[str, Any]]:
        maps = json.loads(data.decode(), parse_int=_whole, parse_float=_float, parse_constant=_constant)
        if not isinstance(maps, list):
            _fail("the payload is not a list")
        return [self._attributes(each) for each in maps]

    def _attributes(self, values: Any) -> dict[str, Any]:
        """The two outer maps are no values: their keys are never tags."""
        if not isinstance(values, dict):
            _fail("the payload is not a list of maps")
        return {name: _Revival().value(value, 0) for name, value in values.items()}


class _Revival:
    """The walk over one attribute's value; replaces the tags."""

    def __init__(self) -> None:
        self._nodes = 0

    def value(self, value: Any, depth: int) -> Any:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            _fail("too many values")
        if isinstance(value, str):
            return _well_formed(value)
        if isinstance(value, list):
            return self._list(value, depth)
        if isinstance(value, dict):
            tag = _tag(value)
            return self._members(value, depth) if tag is None else self._tagged(tag, value[tag], depth)
        return value

    def _tagged(self, tag: str, content: Any, depth: int) -> Any:
        if tag == "$date" and _is_whole(content):
            return ms_to_date(int(content))
        if tag == "$bigint" and isinstance(content, str) and _BIGINT.fullmatch(content):
            value = _parse_decimal(content)
            return BigInt(value) if -MAX_SAFE <= value <= MAX_SAFE else value
        if tag == "$bytes" and isinstance(content, str):
            return _bytes(content)
        if tag == "$number" and isinstance(content, str) and content in _NUMBERS:
            return _NUMBERS[content]
        if tag == "$set" and isinstance(content, list):
            return to_set(self._list(content, depth))
        if tag == "$map" and isinstance(content, list):
            return self._map(content, depth)
        if tag == "$object" and isinstance(content, dict):
            return self._members(content, depth)
        return _fail("a tag that is not known, or with a content that is not its own")

    def _map(self, content: list[Any], depth: int) -> Any:
        self._enter(depth)
        pairs: list[tuple[Any, Any]] = []
        for entry in content:
            if not isinstance(entry, list) or len(entry) != 2:
                _fail("$map without pairs")
            pairs.append((self.value(entry[0], depth + 1), self.value(entry[1], depth + 1)))
        return to_map(pairs)

    def _list(self, content: list[Any], depth: int) -> list[Any]:
        self._enter(depth)
        return [self.value(item, depth + 1) for item in content]

    def _members(self, content: dict[str, Any], depth: int) -> dict[str, Any]:
        self._enter(depth)
        return {_well_formed(key): self.value(item, depth + 1) for key, item in content.items()}

    def _enter(self, depth: int) -> None:
        if depth == MAX_DEPTH:
            _fail("nested too deeply")


def _tag(members: dict[str, Any]) -> str | None:
    """The only key, where it begins with `$`."""
    if len(members) != 1:
        return None
    (only,) = members
    return only if only.startswith("$") else None


def _whole(text: str) -> int | float:
    """As JavaScript has it: beyond ±(2^53 − 1) a number is no whole one any more."""
    if text == "-0":
        return -0.0
    if len(text) <= 17:
        value = int(text)
        if -MAX_SAFE <= value <= MAX_SAFE:
            return value
    return _float(text)


def _float(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _fail("a number too large")


def _constant(_: str) -> NoReturn:
    _fail("NaN and infinities are no JSON")


def _is_whole(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, (int, float)) and value == int(value)


def _well_formed(text: str) -> str:
    text.encode()
    return text


def _bytes(content: str) -> bytes:
    decoded = b64decode(content, validate=True)
    # Bits beyond the end that are not zero are let through by the decoder.
    return decoded if b64encode(decoded).decode("ascii") == content else _fail("$bytes without base64")


def _decimal(value: int) -> str:
    if value < 0:
        return f"-{_decimal(-value)}"
    if value.bit_length() < 3 * _DIGITS:
        return str(value)
    half = value.bit_length() // 7
    high, low = divmod(value, 10**half)
    return _decimal(high) + _decimal(low).zfill(half)


def _parse_decimal(text: str) -> int:
    if text.startswith("-"):
        return -_parse_decimal(text[1:])
    if len(text) <= _DIGITS:
        return int(text)
    half = len(text) // 2
    power: int = 10**half
    return _parse_decimal(text[:-half]) * power + _parse_decimal(text[-half:])


def _fail(problem: str) -> NoReturn:
    raise MalformedPayload(problem)
