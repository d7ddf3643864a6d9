"""All vectors are read; what follows from its input, and the random bytes in it, is written byte for byte too."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sojourn.audit_entry import open_entry, seal_entry
from sojourn.codec import Codec
from sojourn.codecs import JSON, MESSAGEPACK, codec_of
from sojourn.crypto import hmac_sha256
from sojourn.keyring import Keyring
from sojourn.keys import index_key, record_key
from sojourn.partitions import PARTITIONS, REGIONS, partition_tag, place_of_tag
from sojourn.principal import Descriptor, name_principal, open_descriptor, seal_descriptor
from sojourn.record import Opened, RecordHeader, RecordSettings, Rejected, encode_record, open_record, stamp_of
from sojourn.token import create_token, derive_token, is_session_id, parse_token
from sojourn.trail import is_superseded, make_forward, make_superseded, read_forward, successor_of

from .vectors import KEYRING, SECRETS, keyring_of, read, token_of

Vector = dict[str, Any]
keys, tokens, records = read("keys"), read("tokens"), read("records")
trails, descriptors, audit = read("trails"), read("descriptors"), read("audit")
unhex = bytes.fromhex


def by_why(vector: Vector) -> str:
    return str(vector.get("why") or vector.get("sessionId") or vector.get("principal"))


@pytest.mark.parametrize("vector", keys["secrets"])
def test_subkeys(vector: Vector) -> None:
    key = Keyring([vector["secret"]]).primary
    assert (key.id, key.token.hex(), key.seal.hex()) == (vector["keyId"], vector["tokenKey"], vector["sealKey"])
    assert vector["tokenKey"] not in repr(key)


def test_tags_of_all_partitions() -> None:
    assert [partition_tag(number) for number in range(PARTITIONS)] == keys["partitionTags"]
    for region in range(REGIONS):
        assert place_of_tag(partition_tag(500, region)) == (500, region)
    assert place_of_tag("zzz") is None


@pytest.mark.parametrize("vector", keys["regionTags"])
def test_tags_of_regions(vector: Vector) -> None:
    assert partition_tag(vector["partition"], vector["region"]) == vector["tag"]


@pytest.mark.parametrize("vector", keys["principals"], ids=by_why)
def test_principals(vector: Vector) -> None:
    name = name_principal(vector["principal"], vector["pepper"].encode())
    assert (name.tag, name.partition) == (vector["tag"], vector["partition"])
    assert index_key("sj", name.partition_tag, name.tag) == vector["indexKey"]


@pytest.mark.parametrize("vector", tokens["valid"], ids=by_why)
def test_tokens(vector: Vector) -> None:
    token = token_of(vector["token"])
    assert (token.region, token.partition, token.secret.hex()) == (
        vector["region"],
        vector["partition"],
        vector["random"],
    )
    assert token.id == vector["sessionId"]
    assert is_session_id(token.id)
    assert record_key("sj", token.id) == vector["recordKey"]
    assert vector["token"] not in repr(token)
    made = [create_token(Keyring([each]), token.partition, token.region, token.secret).text for each in SECRETS]
    assert vector["token"] in made


@pytest.mark.parametrize("vector", tokens["invalid"], ids=by_why)
def test_texts_that_are_no_tokens(vector: Vector) -> None:
    assert parse_token(KEYRING, vector["token"]) is None


def test_derived_tokens_are_the_same_everywhere() -> None:
    derived = derive_token(KEYRING, "express", "abc")
    assert derived.id == derive_token(Keyring(SECRETS[::-1]), "express", "abc").id
    assert derived.id != derive_token(KEYRING, "koa", "abc").id
    assert parse_token(KEYRING, derived.text) is not None


def opened(vector: Vector, record: bytes | None = None) -> Opened | Rejected:
    found = unhex(vector["record"]) if record is None else record
    return open_record(found, KEYRING, vector["sessionId"], token_of(vector["token"]))


def header_of(vector: Vector) -> RecordHeader:
    head = vector["header"]
    names = ("revision", "createdAt", "deadline", "idleTimeout", "schema", "ownerTag")
    return RecordHeader(*(head[name] for name in names))


@pytest.mark.parametrize("vector", records["opens"], ids=by_why)
def test_records_open(vector: Vector) -> None:
    found = opened(vector)
    assert isinstance(found, Opened)
    assert found.header == header_of(vector)
    assert json.loads(JSON.encode(found.attributes, found.meta)) == vector["content"]


@pytest.mark.parametrize("vector", records["opens"], ids=by_why)
def test_records_are_written(vector: Vector) -> None:
    record = unhex(vector["record"])
    content = JSON.decode(json.dumps(vector["content"]).encode())
    codec = codec_of(vector["codec"])
    assert codec is not None
    settings = RecordSettings(
        codec=codec,
        seal=["authenticated", "sealed", "token-sealed"].index(vector["sealing"]),
        compress_above=0 if vector["compressed"] else None,
        max_bytes=1 << 20,
    )
    made = encode_record(
        header_of(vector),
        content.attributes,
        content.meta,
        keyring_of(int.from_bytes(record[14:16], "big")),
        token_of(vector["token"]),
        settings,
        record[6:14],
    )
    if not vector["compressed"]:
        assert made.hex() == vector["record"]
    # What DEFLATE makes is the writer's choice.
    assert made[:36] == record[:36]
    assert stamp_of(made) == stamp_of(record)
    again = opened(vector, made)
    assert isinstance(again, Opened)
    assert json.loads(JSON.encode(again.attributes, again.meta)) == vector["content"]


@pytest.mark.parametrize("vector", records["refused"], ids=by_why)
def test_records_refused(vector: Vector) -> None:
    assert isinstance(opened(vector), Rejected)


@pytest.mark.parametrize("vector", records["opens"], ids=by_why)
def test_records_damaged_at_any_byte_do_not_open(vector: Vector) -> None:
    record = unhex(vector["record"])
    for at in range(len(record)):
        for mask in (0x01, 0x80, 0xFF):
            damaged = record[:at] + bytes([record[at] ^ mask]) + record[at + 1 :]
            assert isinstance(opened(vector, damaged), Rejected), f"byte {at} ^ {mask}"
        assert isinstance(opened(vector, record[:at]), Rejected), f"{at} bytes"


def test_why_records_do_not_open() -> None:
    vector = records["opens"][0]
    record = unhex(vector["record"])
    session_id, token = vector["sessionId"], token_of(vector["token"])

    def reason(found: Opened | Rejected) -> str:
        assert isinstance(found, Rejected)
        return found.reason

    assert reason(open_record(b"", KEYRING, session_id, token)) == "format"
    for flags in (2, 3, 0x18, 0x40):
        odd = record[:1] + bytes([record[1] | flags]) + record[2:]
        assert reason(open_record(odd, KEYRING, session_id, token)) == "format"
    stranger = Keyring(["a secret that has sealed nothing of this"])
    assert reason(open_record(record, stranger, session_id, token)) == "key"
    assert reason(open_record(record[:-1] + b"\0", KEYRING, session_id, token)) == "damaged"
    sealed = next(each for each in records["opens"] if each["sealing"] == "token-sealed")
    assert reason(open_record(unhex(sealed["record"]), KEYRING, sealed["sessionId"], None)) == "token-needed"


class Raw(Codec):
    """Makes any payload."""

    def __init__(self, payload: bytes) -> None:
        super().__init__(0, "raw", MESSAGEPACK._form)
        self._payload = payload

    def encode(self, attributes: Any, meta: Any) -> bytes:
        return self._payload


@pytest.mark.parametrize("size", [2**24, 2**24 + 1])
def test_inflating_stops_at_16_mib(size: int) -> None:
    """A small record must not become a large allocation."""
    payload = b"\x91\x81\xa1a" + b"\xc6" + (size - 9).to_bytes(4, "big") + bytes(size - 9)
    token = create_token(KEYRING)
    settings = RecordSettings(Raw(payload), 1, 0, max_bytes=2**25)
    record = encode_record(RecordHeader(1, 1, 1, 1, 1, None), {}, {}, KEYRING, token, settings)
    assert len(record) < 100_000
    found = open_record(record, KEYRING, token.id, token)
    assert isinstance(found, Opened) == (size == 2**24)


@pytest.mark.parametrize("vector", trails["forwards"], ids=by_why)
def test_forwards(vector: Vector) -> None:
    trail, source, to = unhex(vector["trail"]), token_of(vector["from"]), token_of(vector["to"])
    found = read_forward(KEYRING, source, trail)
    assert found is not None
    assert (found.token.text, found.until, found.is_used) == (vector["to"], vector["until"], vector["used"])
    assert successor_of(trail) == vector["sessionId"]
    assert not is_superseded(trail)
    keyring = keyring_of(int.from_bytes(trail[14:16], "big"))
    assert make_forward(keyring, source, to, vector["until"], trail[6:14], vector["used"]).hex() == vector["trail"]


@pytest.mark.parametrize("vector", trails["superseded"], ids=by_why)
def test_superseded(vector: Vector) -> None:
    trail = unhex(vector["trail"])
    assert is_superseded(trail)
    assert read_forward(KEYRING, token_of(vector["from"]), trail) is None
    assert successor_of(trail) == vector["sessionId"]
    assert make_superseded(vector["sessionId"], trail[6:14]) == trail


@pytest.mark.parametrize("vector", trails["refused"], ids=by_why)
def test_trails_refused(vector: Vector) -> None:
    trail = unhex(vector["trail"])
    assert read_forward(KEYRING, token_of(vector["from"]), trail) is None
    assert not is_superseded(trail)


@pytest.mark.parametrize("vector", descriptors["opens"])
def test_descriptors(vector: Vector) -> None:
    sealed = unhex(vector["descriptor"])
    found = open_descriptor(KEYRING, descriptors["ownerTag"], vector["sessionId"], sealed)
    names = ("createdAt", "deadline", "idleTimeout", "principal", "kind", "device", "address")
    expected = Descriptor(*(vector[name] for name in names))
    assert found == expected
    assert sealed[13:17].hex() == vector["kindTag"]
    made = seal_descriptor(
        KEYRING, vector["pepper"].encode(), descriptors["ownerTag"], vector["sessionId"], expected, sealed[19:31]
    )
    assert made == sealed
    assert open_descriptor(KEYRING, descriptors["ownerTag"], "556MHzroqKrOk0gFCIrj-sEKg", sealed) is None


@pytest.mark.parametrize("vector", audit["opens"], ids=by_why)
def test_audit_entries(vector: Vector) -> None:
    details = unhex(vector["details"])
    assert open_entry(KEYRING, vector["event"], vector["at"], details) == vector["content"]
    keyring = keyring_of(int.from_bytes(details[1:3], "big"))
    assert seal_entry(keyring, vector["event"], vector["at"], vector["content"], details[3:15]) == details


@pytest.mark.parametrize("vector", audit["refused"], ids=by_why)
def test_audit_entries_refused(vector: Vector) -> None:
    assert open_entry(KEYRING, vector["event"], vector["at"], unhex(vector["details"])) is None


def test_hmac_of_the_standard() -> None:
    """RFC 4231, case 2: what everything stands on is what it should be."""
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert hmac_sha256(b"Jefe", b"what do ya want for nothing?").hex() == expected
