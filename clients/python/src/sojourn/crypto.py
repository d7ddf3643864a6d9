"""The few primitives of the protocol, from `hmac`, `hashlib` and `cryptography`."""

from __future__ import annotations

import hashlib
import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TAG_BYTES = 16


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def derive_key(secret: bytes, info: bytes) -> bytes:
    """HKDF-SHA-256 (RFC 5869) with an empty salt and 32 bytes of output, which one block gives."""
    return hmac_sha256(hmac_sha256(bytes(32), secret), info + b"\x01")


def gcm_seal(key: bytes, nonce: bytes, additional: bytes, plain: bytes) -> bytes:
    """AES-256-GCM: the ciphertext, then the tag of 16 bytes."""
    return AESGCM(key).encrypt(nonce, plain, additional)


def gcm_open(key: bytes, nonce: bytes, additional: bytes, sealed: bytes) -> bytes | None:
    """The plaintext, or None when anything was changed."""
    if len(sealed) < TAG_BYTES:
        return None
    try:
        return AESGCM(key).decrypt(nonce, sealed, additional)
    except InvalidTag:
        return None
