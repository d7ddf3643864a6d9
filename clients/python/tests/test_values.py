"""What attributes may hold: it comes back as it was put in, or is refused before anything is written."""

from __future__ import annotations

import contextlib
import enum
import math
import uuid
from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sojourn import BigInt, Map, Members, Moment, OrderedSet, Pairs, SessionAttributeError, counter, fields, union
from sojourn.attributes import Attributes
from sojourn.codecs import JSON, MESSAGEPACK
from sojourn.errors import OptionError
from sojourn.rebase import ABSENT
from sojourn.values import MAX_NODES, MalformedPayload, ValueProblem, clone_value, equal_values, kind_of

CODECS = pytest.mark.parametrize("codec", [MESSAGEPACK, JSON], ids=lambda codec: codec.name)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
dates = st.datetimes(timezones=st.just(timezone.utc)).map(lambda d: d.replace(microsecond=d.microsecond // 1000 * 1000))
hashables = st.recursive(
    st.none() | st.booleans() | texts | st.integers() | st.floats() | st.binary(max_size=20) | dates,
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=4,
)
values = st.recursive(
    hashables | st.builds(BigInt, st.integers(-(2**53) + 1, 2**53 - 1)),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(texts, inner, max_size=4)
        | st.dictionaries(hashables, inner, max_size=4)
        | st.dictionaries(texts, inner, max_size=3).map(Map)
        | st.sets(hashables, max_size=4)
    ),
    max_leaves=20,
)


def through(codec: Any, value: Any) -> Any:
    return codec.decode(codec.encode({"a": value}, {})).attributes["a"]


def storable(value: Any) -> bool:
    try:
        MESSAGEPACK.encode({"a": value}, {})
    except SessionAttributeError as error:
        assert "become the same one" in str(error)  # noqa: PT017 (two NaNs as keys)
        return False
    return True


@CODECS
@given(value=values)
@settings(max_examples=300, deadline=None)
def test_values_come_back(codec: Any, value: Any) -> None:
    if not storable(value):
        return
    found = through(codec, value)
    assert equal_values(found, value)
    assert kind_of(found) == kind_of(value)
    assert codec.encode({"a": found}, {}) == codec.encode({"a": through(codec, found)}, {})
    assert equal_values(clone_value(found), value)


@given(value=values)
@settings(max_examples=200, deadline=None)
def test_both_codecs_say_the_same(value: Any) -> None:
    if storable(value):
        assert equal_values(through(JSON, value), through(MESSAGEPACK, value))


@given(data=st.binary(max_size=200))
@settings(max_examples=500, deadline=None)
def test_bytes_are_a_payload_or_malformed(data: bytes) -> None:
    for codec in (MESSAGEPACK, JSON):
        try:
            found = codec.decode(data)
        except MalformedPayload:
            continue
        codec.encode(found.attributes, found.meta)


@given(value=values, at=st.integers(0, 400), byte=st.integers(0, 255))
@settings(max_examples=300, deadline=None)
def test_damaged_payloads_are_a_payload_or_malformed(value: Any, at: int, byte: int) -> None:
    if not storable(value):
        return
    for codec in (MESSAGEPACK, JSON):
        data = bytearray(codec.encode({"a": value}, {}))
        data[at % len(data)] = byte
        with contextlib.suppress(MalformedPayload):
            codec.decode(bytes(data))


@CODECS
def test_kinds_are_kept(codec: Any) -> None:
    assert through(codec, (1, [2])) == [1, [2]]
    assert type(through(codec, {"a": 1})) is dict
    assert type(through(codec, {})) is dict
    found = through(codec, {1: "a", "b": 2, (1, "x"): 3, b"y": 4, None: 5})
    assert type(found) is Map
    assert found == {1: "a", "b": 2, (1, "x"): 3, b"y": 4, None: 5}
    assert type(through(codec, Map(a=1))) is Map, "it stays a map though its keys are text"
    assert type(through(codec, Map())) is Map
    assert through(codec, {"x", 1, (1, 2)}) == {"x", 1, (1, 2)}
    assert through(codec, frozenset({1})) == {1}
    assert (through(codec, 3), type(through(codec, 3.0))) == (3, float)
    assert math.copysign(1, through(codec, -0.0)) == -1
    assert math.isnan(through(codec, math.nan))
    assert through(codec, -math.inf) == -math.inf
    assert through(codec, 2**53) == 2**53
    assert type(through(codec, 2**53)) is int
    assert type(through(codec, BigInt(5))) is BigInt
    assert through(codec, -(10**9000)) == -(10**9000), "more digits than Python turns into a number at once"
    assert through(codec, bytearray(b"\0\xff")) == b"\0\xff"
    assert through(codec, memoryview(b"\0\xff")) == b"\0\xff"


@CODECS
def test_dates(codec: Any) -> None:
    cet = timezone(timedelta(hours=1))
    found = through(codec, datetime(2024, 11, 24, 10, 20, 0, 123_987, tzinfo=cet))
    assert found == datetime(2024, 11, 24, 9, 20, 0, 123_000, tzinfo=timezone.utc)
    assert found.tzinfo is timezone.utc
    before = datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=timezone.utc)
    assert through(codec, before) == before.replace(microsecond=999_000)
    far = Moment(8_640_000_000_000_000)
    assert through(codec, far) == far
    assert through(codec, Moment(0)) == datetime(1970, 1, 1, tzinfo=timezone.utc)
    for wrong in (Moment(8_640_000_000_000_001), datetime(2024, 1, 1)):
        with pytest.raises(SessionAttributeError):
            through(codec, wrong)


@CODECS
def test_maps_and_sets_that_python_has_none_of(codec: Any) -> None:
    """A program in JavaScript has keys that are objects, and tells 1 from True."""
    pairs = Pairs([({"a": 1}, "x"), ([1], "y")])
    found = through(codec, pairs)
    assert type(found) is Pairs
    assert found == pairs
    assert type(through(codec, Pairs([(1, "a"), (True, "b")]))) is Pairs
    assert type(through(codec, Pairs([([1], "a")]))) is Map, "a list is a tuple there"
    members = through(codec, Members([1, True, [1]]))
    assert type(members) is Members
    assert members == [1, True, [1]]
    assert type(through(codec, Members(["b", "a"]))) is OrderedSet
    zero = next(iter(through(codec, {-0.0})))
    assert math.copysign(1, zero) == 1, "as a member it is 0 in JavaScript"
    assert math.copysign(1, next(iter(through(codec, {-0.0: -0.0})))) == 1
    assert through(codec, [-0.0]) == [0]
    for twice in (Pairs([(1, 2), (1.0, 3)]), Members(["a", "a"]), {math.nan: 1, float("nan"): 2}, Pairs([(1,)])):  # type: ignore[list-item]
        with pytest.raises(SessionAttributeError):
            through(codec, twice)


@CODECS
def test_sets_keep_the_order_of_the_writer(codec: Any) -> None:
    found = through(codec, Members(["c", "a", "b"]))
    assert found == {"a", "b", "c"}
    found.discard("a")
    found.add("z")
    assert codec.encode({"a": found}, {}) == codec.encode({"a": Members(["c", "b", "z"])}, {})
    assert codec.encode({"a": {"x", "y", "z"}}, {}) == codec.encode({"a": {"z", "y", "x"}}, {})


class Colour(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    HIGH = 3


class SafeString(str):
    def __str__(self) -> str:
        return "something else"


@dataclass
class Point:
    x: int


async def coroutine() -> None: ...


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Decimal("1.10"), "type decimal.Decimal cannot be stored: store str(value)"),
        (uuid.UUID(int=1), "store str(value)"),
        (Colour.RED, "store value.value"),
        (date(2024, 1, 1), "store value.isoformat()"),
        (timedelta(1), "store value.total_seconds()"),
        (Point(1), "store dataclasses.asdict(value)"),
        (object(), "type builtins.object cannot be stored: store its key"),
        (len, "store a name that leads to it"),
        (1j, "type builtins.complex"),
        (ValueError("x"), "store its message"),
        ("\ud800", "lone surrogate"),
        ({"\udfff": 1}, "lone surrogate"),
        ({"a": [0, {(1, Decimal(1)): 2}]}, "at a[1][key 0][1]: a value of type decimal.Decimal"),
        ({"odd key": [Point(1)]}, "at ['odd key'][0]:"),
        ({Decimal(1)}, "at [member 0]:"),
        ({1: Decimal(1)}, "at [value 0]:"),
    ],
)
@CODECS
def test_what_is_refused_is_named(codec: Any, value: Any, words: str) -> None:
    with pytest.raises(SessionAttributeError) as caught:
        codec.encode({"price": value}, {})
    assert words in str(caught.value)
    assert str(caught.value).startswith('attribute "price": ')
    assert caught.value.attribute == "price"


@CODECS
def test_subclasses_are_stored_as_what_they_are_of(codec: Any) -> None:
    pair = namedtuple("pair", "a b")
    assert through(codec, pair(1, 2)) == [1, 2]
    assert through(codec, OrderedDict(a=1)) == {"a": 1}
    assert (through(codec, Level.HIGH), type(through(codec, Level.HIGH))) == (3, int)
    assert through(codec, SafeString("text")) == "text"
    assert through(codec, {SafeString("key"): 1}) == {"key": 1}


@CODECS
def test_bounds(codec: Any) -> None:
    def nested(levels: int) -> Any:
        value: Any = 1
        for _ in range(levels):
            value = [value]
        return value

    assert through(codec, nested(64)) == nested(64)
    with pytest.raises(SessionAttributeError, match="nested deeper than 64"):
        through(codec, nested(65))
    assert len(through(codec, [0] * (MAX_NODES - 1))) == MAX_NODES - 1
    with pytest.raises(SessionAttributeError, match="more than 100000 values"):
        through(codec, [0] * MAX_NODES)
    cycle: list[Any] = []
    cycle.append(cycle)
    with pytest.raises(SessionAttributeError, match="contains itself"):
        through(codec, cycle)
    with pytest.raises(ValueProblem):
        clone_value(cycle)
    shared = [1]
    assert through(codec, [shared, shared]) == [[1], [1]]


def read_pack(value: Any) -> Any:
    return MESSAGEPACK.decode(msgpack.packb([{"a": value}])).attributes["a"]


def test_readers_take_no_more_than_the_bounds() -> None:
    deep: Any = 1
    for _ in range(64):
        deep = [deep]
    assert read_pack(deep) == deep
    with pytest.raises(MalformedPayload):
        read_pack([deep])
    with pytest.raises(MalformedPayload):
        JSON.decode(b'[{"a":' + b"[" * 65 + b"]" * 65 + b"}]")
    with pytest.raises(MalformedPayload):
        JSON.decode(b'[{"a":' + b"[" * 100_000)
    with pytest.raises(MalformedPayload):
        read_pack([0] * MAX_NODES)
    with pytest.raises(MalformedPayload):
        JSON.decode(b'[{"a":[' + b"0," * (MAX_NODES - 1) + b"0]}]")
    # A list that says that it is long is not made room for.
    with pytest.raises(MalformedPayload):
        MESSAGEPACK.decode(b"\x91\x81\xa1a" + b"\xdd\x7f\xff\xff\xff" * 50)


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "c1",
        "80",
        "90",
        "938080",
        "918000",
        "91810101",
        "9181a161c1",
        "9181a161",
        "9181a161d900ff",
        "9181a161a1ff",  # not UTF-8
        "9181a161a3eda080",  # a surrogate
        "9181a161c70003",  # a bigint without bytes
        "9181a161d40400",  # a negative zero with bytes
        "9181a161d40500",  # an extension that is not known
        "9181a161c70201" + "91c0",  # a map with half an entry
        "9181a161c70501" + "9401010101",  # a key twice
        "9181a161c70302" + "920101",  # a member twice
        "9181a161c70302" + "92c3c3",
        "9181a161c70302" + "92c0c0",
        "9181a161c70302" + "910101",  # bytes after the end of a set
        "9181a161c70201" + "8101",  # no list in it
        "9181a161c703ff" + "000000",  # a timestamp of 3 bytes
        "9181a161d7ff" + "ffffffff00000000",  # nanoseconds out of range
        "9181a161c70cff" + "000000007fffffffffffffff",  # a date out of range
        "9181a95f5f70726f746f5f5f01",
        "9181a001",  # an empty name
        "9181a16181c001",  # a key that is not text
    ],
)
def test_malformed_messagepack(payload: str) -> None:
    with pytest.raises(MalformedPayload):
        MESSAGEPACK.decode(bytes.fromhex(payload))


def test_forms_that_readers_take_too() -> None:
    for pack, value in {
        "ca3fc00000": 1.5,
        "cb8000000000000000": -0.0,
        "cfffffffffffffffff": 2**64 - 1,
        "d38000000000000000": -(2**63),
        "cf0000000000000005": 5,
        "d10005": 5,
        "d7ff0000001400000001": datetime(1970, 1, 1, 0, 0, 1, tzinfo=timezone.utc),
        "c70cff0000000500000000000000ff": datetime(1970, 1, 1, 0, 4, 15, tzinfo=timezone.utc),
        "c70203ffff": BigInt(-1),
        "d90161": "a",
        "dd0000000101": [1],
    }.items():
        found = MESSAGEPACK.decode(bytes.fromhex("9181a161" + pack)).attributes["a"]
        assert equal_values(found, value), pack


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "{}",
        "[]",
        "[{},{},{}]",
        '[{"a":1}] x',
        '[{"a":NaN}]',
        '[{"a":Infinity}]',
        '[{"a":1e999}]',
        '[{"a":{"$odd":1}}]',
        '[{"a":{"$date":"x"}}]',
        '[{"a":{"$date":1.5}}]',
        '[{"a":{"$date":true}}]',
        '[{"a":{"$date":8640000000000001}}]',
        '[{"a":{"$bigint":"01"}}]',
        '[{"a":{"$bigint":"-0"}}]',
        '[{"a":{"$bigint":"٣"}}]',
        '[{"a":{"$bigint":3}}]',
        '[{"a":{"$bytes":"AQ"}}]',
        '[{"a":{"$bytes":"AR=="}}]',
        '[{"a":{"$number":"1"}}]',
        '[{"a":{"$set":{}}}]',
        '[{"a":{"$set":[1,1]}}]',
        '[{"a":{"$map":[[1]]}}]',
        '[{"a":{"$map":[[1,2],[1.0,2]]}}]',
        '[{"a":{"$object":[]}}]',
        '[{"a":"\\ud800"}]',
        '[{"a":{"\\ud800":1}}]',
        '[{"constructor":1}]',
        "\ufeff[{}]",
    ],
)
def test_malformed_json(payload: str) -> None:
    with pytest.raises(MalformedPayload):
        JSON.decode(payload.encode("utf-8", "surrogatepass"))


def test_json_numbers_are_those_of_javascript() -> None:
    found = JSON.decode(
        b'[{"a":-0,"b":9007199254740993,"c":100000000000000000000,"d":9007199254740991,"$date":1}]'
    ).attributes
    assert math.copysign(1, found["a"]) == -1
    assert (found["b"], found["c"]) == (float(2**53), 1e20)
    assert all(type(found[name]) is float for name in "abc")
    assert found["d"] == 2**53 - 1
    assert found["$date"] == 1, "the outer maps are no values"
    assert JSON.encode({"$date": 1}, {}) == b'[{"$date":1}]'
    assert JSON.encode({"a": {"$date": 1}, "b": {"$x": 1, "$y": 2}}, {}) == (
        b'[{"a":{"$object":{"$date":1}},"b":{"$x":1,"$y":2}}]'
    )


def test_equality() -> None:
    equal: list[tuple[Any, Any]] = [
        (1, 1.0),
        (math.nan, float("nan")),
        ([1], (1,)),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (datetime(2024, 1, 1, 0, 0, 0, 5, tzinfo=timezone.utc), datetime(2024, 1, 1, tzinfo=timezone.utc)),
        (datetime(2024, 1, 1, tzinfo=timezone.utc), datetime(2024, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))),
        ({1, 2}, OrderedSet([2, 1])),
        (b"a", bytearray(b"a")),
        (Pairs([(1, 2)]), Map({1: 2})),
    ]
    different: list[tuple[Any, Any]] = [
        (1, True),
        (0, False),
        (0.0, -0.0),
        (1, BigInt(1)),
        (2**60, float(2**60)),
        ({1}, {True}),
        ({(1,)}, {(True,)}),
        ([1], {1}),
        ({}, Map()),
        ({"a": None}, {}),
        ({"a": None}, {"b": None}),
        (Map({1: 1, 2: 2}), Map({2: 2, 1: 1})),
        ("a", b"a"),
        (None, 0),
        (object(), object()),
        (Pairs([(1,)]), Pairs([(1,)])),  # type: ignore[list-item]
        ([1, 2], [1]),
    ]
    for a, b in equal:
        assert equal_values(a, b), (a, b)
        assert equal_values(b, a), (a, b)
    for a, b in different:
        assert not equal_values(a, b), (a, b)
        assert not equal_values(b, a), (a, b)


def test_merges_by_themselves() -> None:
    assert counter(None, None, 3) == 3
    assert counter(1, None, 3) == 2
    items = union(lambda item: item["id"])
    assert items(None, [{"id": 1}], [{"id": True}]) == [{"id": 1}, {"id": True}]
    base = [{"id": 1, "n": 1}, {"id": 2, "n": 1}]
    assert items(base, [{"id": 2, "n": 1}], [{"id": 1, "n": 2}, {"id": 2, "n": 1}]) == [
        {"id": 2, "n": 1},
        {"id": 1, "n": 2},
    ], "removed there but changed here: the change is the later word"
    assert items(base, base, []) == []
    assert fields()({"a": 1, "b": 1}, {"a": 2, "b": 1, "c": 1}, {"b": 1, "d": 1}) == {"b": 1, "c": 1, "d": 1}
    assert fields()(None, None, {"a": None}) == {"a": None}
    with pytest.raises(OptionError):
        union(1)  # type: ignore[arg-type]


def test_what_a_request_did() -> None:
    attributes = Attributes({"a": [1], "b": 2, "c": {"x": 1}})
    assert not attributes.dirty
    attributes.get("a").append(2)
    attributes.set("b", ABSENT)
    attributes.set("d", 1)
    assert attributes.names() == ["a", "c", "d"]
    delta = attributes.take()
    assert {name: change.value for name, change in delta.items()} == {"a": [1, 2], "b": ABSENT, "d": 1}
    assert attributes.get("d") == 1, "still seen while it is under way"
    attributes.set("d", 2)
    attributes.give_back()
    assert attributes.get("d") == 2, "what was set since stands"
    assert {name: change.value for name, change in attributes.take().items()} == {"a": [1, 2], "b": ABSENT, "d": 2}
    attributes.settle({"a": [1, 2], "c": {"x": 1}, "d": 2}, False)
    assert not attributes.dirty
    attributes.get("a").append(3)
    assert attributes.dirty
    attributes.clear()
    assert attributes.names() == []


def test_an_update_of_what_cannot_be_stored() -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    attributes = Attributes({})
    attributes.set("a", cycle)
    with pytest.raises(SessionAttributeError, match="nested deeper"):
        attributes.update("a", lambda value: value)


def test_updates_run_again_in_their_order() -> None:
    attributes = Attributes({"n": 1})
    attributes.update("n", lambda n: n + 1)
    attributes.update("n", lambda n: n * 10)
    (change,) = attributes.take().values()
    assert change.value == 20
    assert change.rerun is not None
    assert change.rerun(4) == 50
