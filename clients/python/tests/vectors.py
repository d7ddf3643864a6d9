"""The vectors of the protocol, which each implementation passes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sojourn.keyring import Keyring
from sojourn.token import Token, parse_token

FOLDER = Path(__file__).resolve().parents[3] / "protocol" / "vectors"


def read(name: str) -> dict[str, Any]:
    vectors: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return vectors


SECRETS: list[str] = [each["secret"] for each in read("keys")["secrets"]]
KEYRING = Keyring(SECRETS)


def keyring_of(key_id: int) -> Keyring:
    """Of which the secret with this id is the first: it seals."""
    return Keyring(sorted(SECRETS, key=lambda secret: Keyring([secret]).primary.id != key_id))


def token_of(text: str) -> Token:
    token = parse_token(KEYRING, text)
    assert token is not None
    return token
