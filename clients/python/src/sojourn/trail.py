"""What is left at an id that was given up (protocol, section 7).

It starts as a record does, with flag bit 7 set and revision 0xFFFFFFFF, so that every compare-and-set against it is a
conflict.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from .crypto import gcm_open, gcm_seal, hmac_sha256
from .keyring import Key, Keyring
from .record import NONCE_END, NONCE_OFFSET, RECORD_VERSION, TRAIL_FLAG
from .token import Token, is_session_id, verify_token

_FORWARD = TRAIL_FLAG
_SUPERSEDED = TRAIL_FLAG | 1
_ID_OFFSET = NONCE_END + 2
_UNTIL_OFFSET = _ID_OFFSET + 25
_USED_OFFSET = _UNTIL_OFFSET + 6
_SEALED_OFFSET = _USED_OFFSET + 1
#: Keeps these keys apart from those of records, whose first byte is the sealing.
_FORWARD_PURPOSE = b"\x03"

#: How long the former id remembers that a login has superseded it, milliseconds: longer than a request that carries the
#: former token can still be on its way.
SUPERSEDED_FOR = 5 * 60_000


@dataclass(frozen=True, slots=True)
class Forward:
    token: Token
    #: Milliseconds since the epoch: whoever comes later with the former token is not led on.
    until: int
    #: Whether somebody has come with the successor itself.
    is_used: bool


def make_forward(
    keyring: Keyring, source: Token, to: Token, until: int, random: bytes | None = None, used: bool = False
) -> bytes:
    """A forward at `source` that leads its holder to `to`. `until`: milliseconds since the epoch.

    `random` (8 bytes) and `used` are for tests: a script marks a forward as used.
    """
    key = keyring.primary
    start = _head(_FORWARD, random) + key.id.to_bytes(2, "big") + to.id.encode("ascii")
    nonce = start[NONCE_OFFSET:NONCE_END]
    sealed = gcm_seal(_forward_key(key, source), nonce, start + source.id.encode("ascii"), to.data)
    return start + until.to_bytes(6, "big") + bytes((used,)) + sealed


def make_superseded(successor: str | None = None, random: bytes | None = None) -> bytes:
    """`successor`: id where the same session goes on, after a step-up; without one it does not."""
    head = _head(_SUPERSEDED, random)
    return head if successor is None else head + b"\0\0" + successor.encode("ascii")


def read_forward(keyring: Keyring, source: Token, trail: bytes) -> Forward | None:
    """Reads the forward found at the id of `source`; None for what does not open, and for other trails."""
    if len(trail) <= _SEALED_OFFSET or trail[1] != _FORWARD:
        return None
    additional = trail[:_UNTIL_OFFSET] + source.id.encode("ascii")
    for key in keyring.named(int.from_bytes(trail[NONCE_END:_ID_OFFSET], "big")):
        plain = gcm_open(_forward_key(key, source), trail[NONCE_OFFSET:NONCE_END], additional, trail[_SEALED_OFFSET:])
        token = None if plain is None else verify_token(keyring, plain)
        if token is not None:
            until = int.from_bytes(trail[_UNTIL_OFFSET:_USED_OFFSET], "big")
            return Forward(token, until, trail[_USED_OFFSET] == 1)
    return None


def is_superseded(trail: bytes) -> bool:
    """Whether a login or a step-up has taken the place of the session; readable without the token."""
    return len(trail) in (NONCE_END, _UNTIL_OFFSET) and trail[1] == _SUPERSEDED


def successor_of(trail: bytes) -> str | None:
    """The public id under which the session goes on; readable without the token, and not authenticated then."""
    if len(trail) < _UNTIL_OFFSET or trail[0] != RECORD_VERSION:
        return None
    is_forward = trail[1] == _FORWARD and len(trail) > _SEALED_OFFSET
    is_marker = trail[1] == _SUPERSEDED and len(trail) == _UNTIL_OFFSET
    if not (is_forward or is_marker):
        return None
    session_id = trail[_ID_OFFSET:_UNTIL_OFFSET].decode("latin-1")
    return session_id if is_session_id(session_id) else None


def _head(flags: int, random: bytes | None) -> bytes:
    return bytes((RECORD_VERSION, flags)) + b"\xff\xff\xff\xff" + (random or os.urandom(8))


def _forward_key(key: Key, source: Token) -> bytes:
    return hmac_sha256(key.seal, _FORWARD_PURPOSE + source.id.encode("ascii") + source.secret)
