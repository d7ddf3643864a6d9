"""The secret in the cookie, and the session id that follows from it (protocol, sections 2 and 3)."""

from __future__ import annotations

import hmac
import os
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

from .crypto import hmac_sha256, sha256
from .keyring import Key, Keyring
from .partitions import PARTITIONS, REGIONS, partition_tag, place_of_tag

VERSION = 1
RANDOM_OFFSET = 3
MAC_OFFSET = 27
TOKEN_BYTES = 36
RANDOM_BYTES = MAC_OFFSET - RANDOM_OFFSET

_TOKEN_SHAPE = re.compile(r"[A-Za-z0-9_-]{48}")
_ID_SHAPE = re.compile(r"[A-Za-z0-9]{3}[A-Za-z0-9_-]{22}")


class Token:
    """A token that a keyring has made. `id` is safe to log; the rest is the secret, and is not printed."""

    __slots__ = ("data", "id", "partition", "region", "secret", "text")

    def __init__(self, data: bytes, text: str | None = None) -> None:
        #: The 36 bytes.
        self.data = data
        self.text = base64url(data) if text is None else text
        self.region = data[0] & 31
        self.partition = int.from_bytes(data[1:3], "big")
        #: The random part; record keys of token-sealed sessions are derived from it.
        self.secret = data[RANDOM_OFFSET:MAC_OFFSET]
        #: Public name of the session: 3 characters of partition tag, 22 of hash.
        self.id = partition_tag(self.partition, self.region) + base64url(sha256(self.secret)[:16])

    def __repr__(self) -> str:
        return f"Token(id={self.id!r})"


def create_token(keyring: Keyring, partition: int | None = None, region: int = 0, random: bytes | None = None) -> Token:
    """A new token. Without a partition that is drawn too, as for sessions of nobody.

    `random`: 24 bytes instead of the operating system's, for tests.
    """
    if partition is None:
        # 2^16 is a multiple of 1,024: no partition is likelier than another.
        partition = int.from_bytes(os.urandom(2), "big") % PARTITIONS
    start = bytes([VERSION << 5 | region]) + partition.to_bytes(2, "big") + (random or os.urandom(RANDOM_BYTES))
    return Token(start + _mac(keyring.primary, start))


def derive_token(keyring: Keyring, origin: str, secret: str, region: int = 0) -> Token:
    """The token that belongs to a key of another system (a claim): the same on every node and under every secret."""
    digest = sha256(f"sojourn\0{origin}\0{secret}".encode())
    partition = int.from_bytes(digest[:2], "big") % PARTITIONS
    return create_token(keyring, partition, region, digest[2 : 2 + RANDOM_BYTES])


def looks_like_token(text: str) -> bool:
    """Whether only its signature can tell it from a token."""
    return _TOKEN_SHAPE.fullmatch(text) is not None


def parse_token(keyring: Keyring, text: str) -> Token | None:
    """The token, or None for everything that this keyring did not make. Costs no I/O."""
    if not looks_like_token(text):
        return None
    # 48 characters are 36 bytes exactly: no other text stands for the same.
    return verify_token(keyring, urlsafe_b64decode(text), text)


def verify_token(keyring: Keyring, data: bytes, text: str | None = None) -> Token | None:
    """As `parse_token`, from the 36 bytes themselves."""
    if len(data) != TOKEN_BYTES:
        return None
    start, given = data[:MAC_OFFSET], data[MAC_OFFSET:]
    # Every key is tried, so that the time does not tell which one fitted.
    valid = False
    for key in keyring.keys:
        valid = hmac.compare_digest(_mac(key, start), given) or valid
    if not valid or data[0] >> 5 != VERSION or data[0] & 31 >= REGIONS:
        return None
    return Token(data, text) if int.from_bytes(data[1:3], "big") < PARTITIONS else None


def is_session_id(text: str) -> bool:
    """Whether a text from outside can be a session id, and so part of a key."""
    return _ID_SHAPE.fullmatch(text) is not None and place_of_tag(text[:3]) is not None


def base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _mac(key: Key, start: bytes) -> bytes:
    return hmac_sha256(key.token, start)[: TOKEN_BYTES - MAC_OFFSET]
