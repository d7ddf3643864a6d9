"""What the library reads is what our own reader reads; where they would differ the library is not asked."""

from __future__ import annotations

import struct
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sojourn import codec_messagepack
from sojourn.codec_messagepack import _read_usual, _Reader
from sojourn.codecs import codec_of
from sojourn.values import MalformedPayload

from . import test_vectors
from .vectors import read

CODEC: Any = codec_of("messagepack")
TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**80), 2**80),
    st.floats(),
    TEXTS,
    st.binary(max_size=8),
    st.datetimes(timezones=st.timezones()).filter(lambda date: 2 < date.year < 9998),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)), max_leaves=12
)
NAMES = TEXTS.filter(lambda name: name not in ("", "__proto__", "constructor", "prototype"))


def ours(data: bytes) -> str | None:
    try:
        return repr(_Reader(data).payload())
    except Exception:
        return None


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(NAMES, VALUES, max_size=4), st.data())
def test_both_read_the_same(attributes: dict[str, Any], data: st.DataObject) -> None:
    whole = CODEC.encode(attributes, {"p": "ada"})
    found = _read_usual(whole)
    assert found is None or repr(found) == ours(whole)
    changed = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(changed[: data.draw(st.integers(0, len(changed)))])
    for damaged in (bytes(changed), cut):
        found = _read_usual(damaged)
        assert found is None or repr(found) == ours(damaged)


def of(value: bytes) -> bytes:
    """A payload with that value."""
    return b"\x91\x81\xa1x" + value


@pytest.mark.parametrize(
    "value",
    [
        b"\xcb" + struct.pack(">d", -0.0),
        b"\xca" + struct.pack(">f", 1.5),
        b"\xcf" + b"\xff" * 8,
        b"\xd3" + b"\x80" + bytes(7),
        b"\xd6\xff" + b"\xff" * 4,
        b"\xd7\xff" + b"\xff" * 8,
        b"\xc7\x0c\xff" + (10**9).to_bytes(4, "big") + bytes(8),
        b"\xc7\x0c\xff" + bytes(4) + b"\x7f" + b"\xff" * 7,
        b"\xc7\x03\xff" + bytes(3),
        b"\xd4\x03\x05",
        b"\xc7\x00\x04",
        b"\xd4\x09\x05",
        b"\x81\x01\x02",
        b"\x81\xc4\x01a\x02",
        b"\x81\x90\x02",
        b"\x82\xa1a\x01\xa1a\x02",
        b"\xa1\xff",
        b"\xa3\xed\xa0\x80",
        b"\xc1",
        b"\x91" * 64 + b"\x01",
        b"\x91" * 63 + b"\x90",
        b"\x91" * 64 + b"\x90",
        b"\x91" * 1100 + b"\x01",
        b"\xdd\x00\x00\xff\xff" + b"\x01" * 0xFFFF,
        b"\xdd\xff\xff\xff\xff\x01",
        b"\x01\x01",
    ],
    ids=lambda value: value.hex()[:16],
)
def test_edges(value: bytes) -> None:
    found = _read_usual(of(value))
    assert found is None or repr(found) == ours(of(value))


def test_usual_values_are_read_by_the_library() -> None:
    usual = {"a": [1, {"b": None}], "c": 1.5, "d": b"x", "e": "é", "f": True, "g": 2**60}
    assert _read_usual(msgpack.packb([usual])) == [usual]
    assert _read_usual(CODEC.encode({"at": CODEC.decode(of(b"\xd6\xff\x00\x00\x00\x01"))[0]["x"]}, {})) is not None
    assert _read_usual(of(b"\x91" * 64 + b"\x01")) is not None


@pytest.mark.parametrize("case", ["opens", "refused"])
def test_vectors_pass_without_it(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec_messagepack, "_read_usual", lambda data: None)
    check = test_vectors.test_records_open if case == "opens" else test_vectors.test_records_refused
    for vector in read("records")[case]:
        check(vector)


def test_malformed_ones_are_told_of_by_our_own() -> None:
    for value in (b"\xc1", b"\x91" * 65 + b"\x01", b"\x81\x01\x02"):
        with pytest.raises(MalformedPayload):
            CODEC.decode(of(value))
