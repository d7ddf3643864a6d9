"""The details of an entry of the audit (protocol, section 10). This package reads and seals them; it keeps no audit yet."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from .codecs import MESSAGEPACK
from .crypto import gcm_open, gcm_seal, hmac_sha256
from .keyring import Key, Keyring
from .values import MalformedPayload

_VERSION = 1
_SEALED_OFFSET = 15
#: Keeps these keys apart from those of records, forwards and descriptors.
_AUDIT_PURPOSE = b"\x05"
_LATEST = 2**48 - 1


def seal_entry(keyring: Keyring, event: str, at: int, details: Mapping[str, Any], nonce: bytes | None = None) -> bytes:
    """`at`: milliseconds since the epoch, the entry's field `t`. `nonce`: 12 bytes, for tests."""
    nonce = nonce or os.urandom(12)
    start = bytes((_VERSION,)) + keyring.primary.id.to_bytes(2, "big") + nonce
    plain = MESSAGEPACK.encode({name: value for name, value in details.items() if value is not None}, {})
    return start + gcm_seal(_entry_key(keyring.primary, at), nonce, start + event.encode(), plain)


def open_entry(keyring: Keyring, event: str, at: int, details: bytes) -> dict[str, Any] | None:
    """None for what is sealed with other secrets, and for what is damaged: readers go on after it."""
    if len(details) <= _SEALED_OFFSET or details[0] != _VERSION or not 0 <= at <= _LATEST:
        return None
    start = details[:_SEALED_OFFSET]
    for key in keyring.named(int.from_bytes(start[1:3], "big")):
        plain = gcm_open(_entry_key(key, at), start[3:], start + event.encode(), details[_SEALED_OFFSET:])
        if plain is None:
            continue
        try:
            return MESSAGEPACK.decode(plain).attributes
        except MalformedPayload:
            return None
    return None


def _entry_key(key: Key, at: int) -> bytes:
    """One key a millisecond: random nonces need to be unique within that only. Binds the time, too."""
    return hmac_sha256(key.seal, _AUDIT_PURPOSE + at.to_bytes(6, "big"))
