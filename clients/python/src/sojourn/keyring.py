"""The ordered secrets: the first signs and seals, the others still verify and open."""

from __future__ import annotations

from collections.abc import Sequence

from .crypto import derive_key
from .errors import OptionError

SHORTEST_SECRET = 32


class Key:
    """What one secret is used for; each use has a subkey of its own. Shows nothing of itself when printed."""

    __slots__ = ("id", "seal", "token")

    def __init__(self, secret: bytes) -> None:
        #: Names the key in records without saying anything about the secret; unsigned 16 bit.
        self.id = int.from_bytes(derive_key(secret, b"sojourn/1/key-id")[:2], "big")
        #: Signs tokens.
        self.token = derive_key(secret, b"sojourn/1/token")
        #: Root of the per-session sealing keys.
        self.seal = derive_key(secret, b"sojourn/1/seal")

    def __repr__(self) -> str:
        return f"Key(id={self.id})"


class Keyring:
    """
    `secrets`: each at least 32 bytes, the current one first. Raises OptionError for none, short and equal ones, and for
    two with the same key id.
    """

    __slots__ = ("keys", "primary")

    def __init__(self, secrets: Sequence[str | bytes]) -> None:
        keys: list[Key] = []
        for index, secret in enumerate(secrets):
            option = f"secrets[{index}]"
            if not isinstance(secret, (str, bytes)):
                raise OptionError(option, "takes text or bytes; is the environment variable set?")
            data = secret.encode() if isinstance(secret, str) else secret
            if len(data) < SHORTEST_SECRET:
                raise OptionError(
                    option,
                    f"has {len(data)} bytes and needs at least {SHORTEST_SECRET}; make one with `openssl rand -base64 32`",
                )
            key = Key(data)
            if any(other.token == key.token for other in keys):
                raise OptionError(option, "is given twice")
            place = next((at for at, other in enumerate(keys) if other.id == key.id), None)
            if place is not None:
                raise OptionError(
                    option, f"has the same key id as secrets[{place}], by chance: make another (`npx sojourn keys --new`)"
                )
            keys.append(key)
        if not keys:
            raise OptionError("secrets", "takes at least one secret: [current, *former]")
        self.primary = keys[0]
        self.keys = tuple(keys)

    def named(self, key_id: int) -> list[Key]:
        """One or none: no two have the same key id."""
        return [key for key in self.keys if key.id == key_id]
