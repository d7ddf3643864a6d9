"""Whose session it is, and what the index says of it (protocol, sections 4 and 8)."""

from __future__ import annotations

import os
from dataclasses import dataclass

from .codecs import MESSAGEPACK
from .crypto import gcm_open, gcm_seal, hmac_sha256
from .errors import SessionAttributeError
from .keyring import Key, Keyring
from .partitions import PARTITIONS, partition_tag
from .token import base64url
from .values import MalformedPayload

_LONGEST_PRINCIPAL = 1024
_VERSION = 1
_IDLE_OFFSET = 7
_KIND_OFFSET = 13
_KEY_ID_OFFSET = 17
_NONCE_OFFSET = 19
_SEALED_OFFSET = 31
#: Keeps these keys apart from those of records and forwards.
_DESCRIPTOR_PURPOSE = b"\x04"


@dataclass(frozen=True, slots=True)
class PrincipalName:
    """How a principal is named in Redis: one-way, so that keys hold no user ids."""

    principal: str
    #: 22 characters.
    tag: str
    partition: int
    partition_tag: str


def name_principal(principal: str, pepper: bytes) -> PrincipalName:
    """Raises SessionAttributeError when it is not text of 1 to 1,024 bytes."""
    try:
        data = principal.encode() if isinstance(principal, str) else b""
    except UnicodeEncodeError:
        raise SessionAttributeError("principal", "text with a lone surrogate cannot be stored") from None
    if not 0 < len(data) <= _LONGEST_PRINCIPAL:
        raise SessionAttributeError("principal", f"takes text of 1 to {_LONGEST_PRINCIPAL} bytes")
    digest = hmac_sha256(pepper, data)
    partition = int.from_bytes(digest[:2], "big") % PARTITIONS
    return PrincipalName(str(principal), base64url(digest[:16]), partition, partition_tag(partition))


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What the index says of a session, so that a list of devices opens no records. Times in milliseconds."""

    created_at: int
    deadline: int
    idle_timeout: int
    principal: str
    #: Of client, as the login has named it.
    kind: str | None = None
    device: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class DescriptorHead:
    """The clear part, by which scripts count and evict; zeros for what a damaged one lacks."""

    created_at: int
    idle_timeout: int
    kind: bytes


def descriptor_head(descriptor: bytes) -> DescriptorHead:
    head = descriptor[:_KEY_ID_OFFSET].ljust(_KEY_ID_OFFSET, b"\0")
    return DescriptorHead(
        int.from_bytes(head[1:_IDLE_OFFSET], "big"),
        int.from_bytes(head[_IDLE_OFFSET:_KIND_OFFSET], "big"),
        head[_KIND_OFFSET:],
    )


def seal_descriptor(
    keyring: Keyring,
    pepper: bytes,
    owner_tag: str,
    session_id: str,
    descriptor: Descriptor,
    nonce: bytes | None = None,
) -> bytes:
    """`nonce`: 12 bytes instead of the operating system's, for tests."""
    content: dict[str, object] = {"x": descriptor.deadline, "p": descriptor.principal}
    details = {"c": descriptor.kind, "d": descriptor.device, "i": descriptor.address}
    content.update({name: value for name, value in details.items() if value is not None})
    kind = bytes(4) if descriptor.kind is None else hmac_sha256(pepper, b"kind\0" + descriptor.kind.encode())[:4]
    nonce = nonce or os.urandom(12)
    start = b"".join(
        (
            bytes((_VERSION,)),
            descriptor.created_at.to_bytes(6, "big"),
            descriptor.idle_timeout.to_bytes(6, "big"),
            kind,
            keyring.primary.id.to_bytes(2, "big"),
            nonce,
        )
    )
    key = _descriptor_key(keyring.primary, owner_tag)
    return start + gcm_seal(key, nonce, start + session_id.encode("ascii"), MESSAGEPACK.encode(content, {}))


def open_descriptor(keyring: Keyring, owner_tag: str, session_id: str, sealed: bytes) -> Descriptor | None:
    """None when it does not open: the session is then listed without its details."""
    if len(sealed) <= _SEALED_OFFSET or sealed[0] != _VERSION:
        return None
    start = sealed[:_SEALED_OFFSET]
    for key in keyring.named(int.from_bytes(start[_KEY_ID_OFFSET:_NONCE_OFFSET], "big")):
        additional = start + session_id.encode("ascii")
        plain = gcm_open(_descriptor_key(key, owner_tag), start[_NONCE_OFFSET:], additional, sealed[_SEALED_OFFSET:])
        if plain is None:
            continue
        try:
            content = MESSAGEPACK.decode(plain).attributes
        except MalformedPayload:
            return None
        head = descriptor_head(start)
        deadline = content.get("x")
        texts = {name: value for name, value in content.items() if isinstance(value, str)}
        return Descriptor(
            created_at=head.created_at,
            deadline=deadline if isinstance(deadline, int) else 0,
            idle_timeout=head.idle_timeout,
            principal=texts.get("p", ""),
            kind=texts.get("c"),
            device=texts.get("d"),
            address=texts.get("i"),
        )
    return None


def _descriptor_key(key: Key, owner_tag: str) -> bytes:
    return hmac_sha256(key.seal, _DESCRIPTOR_PURPOSE + owner_tag.encode("ascii"))
