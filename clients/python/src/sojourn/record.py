"""A record, version 1 (protocol, section 6): a clear header, and a payload that is sealed or authenticated."""

from __future__ import annotations

import hmac
import os
import struct
import zlib
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from .codec import Codec
from .codecs import codec_of
from .crypto import TAG_BYTES, gcm_open, gcm_seal, hmac_sha256
from .errors import SessionTooLargeError
from .keyring import Key, Keyring
from .token import Token, base64url
from .values import MalformedPayload

RECORD_VERSION = 1
TRAIL_FLAG = 0x80
NONCE_OFFSET = 2
NONCE_END = 14
STAMP_LENGTH = 8
KEY_ID_OFFSET = 14
FIXED_BYTES = 36
OWNER_BYTES = 16
HIGHEST_REVISION = 0xFFFF_FFFE

AUTHENTICATED = 0
SEALED = 1
TOKEN_SEALED = 2

_COMPRESSED = 0x04
_SEAL_SHIFT = 3
_OWNED = 0x20
_UNKNOWN_FLAGS = 0x40
#: Revision, created, deadline and idle timeout (high 2 bytes, low 4), schema.
_HEADER = struct.Struct(">2xI10xHIHIHIH")
#: Inflating stops here: a small record must not become a large allocation.
_MOST_INFLATED_BYTES = 16 * 1024 * 1024


class RecordHeader(NamedTuple):
    """Times are milliseconds, `created_at` and `deadline` since the Unix epoch."""

    revision: int
    created_at: int
    deadline: int
    idle_timeout: int
    #: Version of the application's schema, 0 to 65,535.
    schema: int
    #: One-way name of the principal, 22 characters; None before login.
    owner_tag: str | None


@dataclass(frozen=True, slots=True)
class RecordSettings:
    codec: Codec
    #: `AUTHENTICATED`, `SEALED` or `TOKEN_SEALED`.
    seal: int
    #: Payloads of at least so many bytes are compressed, if that makes them smaller; None: never.
    compress_above: int | None
    #: Of a payload, before compression.
    max_bytes: int


class Opened(NamedTuple):
    header: RecordHeader
    attributes: dict[str, Any]
    meta: dict[str, Any]
    #: That has opened it.
    key: Key


@dataclass(frozen=True, slots=True)
class Rejected:
    """Why a record was not opened; shown to operators only, never to clients.

    `format`: no record of a known version. `key`: made with a secret that is not in the keyring. `token-needed`. `damaged`:
    changed, cut off, or copied from another session. `payload`: authentic, but not what the codec makes.
    """

    reason: str


def stamp_of(record: bytes) -> bytes:
    """The revision and half of the random bytes: compare-and-set runs on it."""
    return record[NONCE_OFFSET : NONCE_OFFSET + STAMP_LENGTH]


def is_trail(record: bytes) -> bool:
    """Whether the bytes are what is left at an id that was given up, instead of a record."""
    return len(record) > 1 and record[0] == RECORD_VERSION and record[1] >= TRAIL_FLAG


def next_revision(revision: int) -> int:
    return 1 if revision >= HIGHEST_REVISION else revision + 1


def encode_record(
    header: RecordHeader,
    attributes: Mapping[str, Any],
    meta: Mapping[str, Any],
    keyring: Keyring,
    token: Token,
    settings: RecordSettings,
    random: bytes | None = None,
    key: Key | None = None,
) -> bytes:
    """Raises SessionAttributeError when a value cannot be stored, SessionTooLargeError for more than `max_bytes`.

    `random`: 8 bytes instead of the operating system's, for tests. `key`: of the record before, so that by a record is seen
    which secret its client's token is signed with; None: the first, which signs new tokens.
    """
    payload = settings.codec.encode(attributes, meta)
    if len(payload) > settings.max_bytes:
        raise _too_large(len(payload), attributes, settings)
    flags = settings.codec.id | settings.seal << _SEAL_SHIFT
    if settings.compress_above is not None and len(payload) >= settings.compress_above:
        compressor = zlib.compressobj(3, zlib.DEFLATED, -15)
        smaller = compressor.compress(payload) + compressor.flush()
        if len(smaller) < len(payload):
            payload = smaller
            flags |= _COMPRESSED
    owner = b""
    if header.owner_tag is not None:
        flags |= _OWNED
        owner = urlsafe_b64decode(header.owner_tag + "==")
    key = key or keyring.primary
    head = b"".join(
        (
            bytes((RECORD_VERSION, flags)),
            header.revision.to_bytes(4, "big"),
            random or os.urandom(8),
            key.id.to_bytes(2, "big"),
            header.created_at.to_bytes(6, "big"),
            header.deadline.to_bytes(6, "big"),
            header.idle_timeout.to_bytes(6, "big"),
            header.schema.to_bytes(2, "big"),
            owner,
        )
    )
    record_key = _session_key(key, settings.seal, token.id, token)
    additional = head + token.id.encode("ascii")
    if record_key is None:
        raise TypeError("a token-sealed record needs its token")
    if settings.seal == AUTHENTICATED:
        return head + payload + _authenticate(record_key, additional, payload)
    return head + gcm_seal(record_key, head[NONCE_OFFSET:NONCE_END], additional, payload)


def read_header(record: bytes) -> RecordHeader | None:
    """Reads the clear header without opening the record: it is not authenticated then."""
    if len(record) < FIXED_BYTES or record[0] != RECORD_VERSION:
        return None
    flags = record[1]
    if flags & (TRAIL_FLAG | _UNKNOWN_FLAGS) or len(record) < _head_length(flags) + TAG_BYTES:
        return None

    revision, c2, c4, d2, d4, i2, i4, schema = _HEADER.unpack_from(record)
    owner_tag = base64url(record[FIXED_BYTES : FIXED_BYTES + OWNER_BYTES]) if flags & _OWNED else None
    return RecordHeader(revision, c2 << 32 | c4, d2 << 32 | d4, i2 << 32 | i4, schema, owner_tag)


def open_record(record: bytes, keyring: Keyring, session_id: str, token: Token | None) -> Opened | Rejected:
    """Never raises: whatever stands in Redis is either a record of ours or a reason why not.

    `token`: needed for token-sealed records only.
    """
    header = read_header(record)
    flags = record[1] if len(record) > 1 else 0
    codec = codec_of(flags & 3)
    seal = flags >> _SEAL_SHIFT & 3
    if header is None or codec is None or seal > TOKEN_SEALED:
        return Rejected("format")
    head, body = record[: _head_length(flags)], record[_head_length(flags) :]
    additional = head + session_id.encode("ascii")
    reason = "key"
    for key in keyring.named(int.from_bytes(head[KEY_ID_OFFSET : KEY_ID_OFFSET + 2], "big")):
        record_key = _session_key(key, seal, session_id, token)
        if record_key is None:
            return Rejected("token-needed")
        if seal == AUTHENTICATED:
            plain = _verify(record_key, additional, body)
        else:
            plain = gcm_open(record_key, head[NONCE_OFFSET:NONCE_END], additional, body)
        if plain is None:
            reason = "damaged"
            continue
        try:
            decoded = codec.decode(_inflate(plain) if flags & _COMPRESSED else plain)
        except MalformedPayload:
            return Rejected("payload")
        return Opened(header, decoded.attributes, decoded.meta, key)
    return Rejected(reason)


def _head_length(flags: int) -> int:
    return FIXED_BYTES + (OWNER_BYTES if flags & _OWNED else 0)


def _session_key(key: Key, seal: int, session_id: str, token: Token | None) -> bytes | None:
    """One key a session: random nonces then have to be unique within one session only."""
    purpose = bytes((seal,)) + session_id.encode("ascii")
    if seal != TOKEN_SEALED:
        return hmac_sha256(key.seal, purpose)
    return None if token is None else hmac_sha256(key.seal, purpose + token.secret)


def _authenticate(key: bytes, additional: bytes, payload: bytes) -> bytes:
    return hmac_sha256(key, additional + payload)[:TAG_BYTES]


def _verify(key: bytes, additional: bytes, body: bytes) -> bytes | None:
    payload, tag = body[:-TAG_BYTES], body[-TAG_BYTES:]
    return payload if hmac.compare_digest(tag, _authenticate(key, additional, payload)) else None


def _inflate(data: bytes) -> bytes:
    inflater = zlib.decompressobj(-15)
    try:
        plain = inflater.decompress(data, _MOST_INFLATED_BYTES + 1)
    except zlib.error:
        raise MalformedPayload("not DEFLATE") from None
    if len(plain) > _MOST_INFLATED_BYTES or not inflater.eof:
        raise MalformedPayload("too much, or cut off")
    return plain


def _too_large(size: int, attributes: Mapping[str, Any], settings: RecordSettings) -> SessionTooLargeError:
    sizes = [(name, settings.codec.encoded_size(value)) for name, value in attributes.items()]
    sizes.sort(key=lambda each: -each[1])
    return SessionTooLargeError(size, settings.max_bytes, sizes[:5])
