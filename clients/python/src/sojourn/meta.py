"""What Sojourn keeps with a session beside its attributes, sealed with them (protocol, section 6, `meta`).

Short names, because they stand in every record; unknown ones are kept, for they are of a newer version.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Meta = Mapping[str, Any]

PRINCIPAL = "p"
AUTHENTICATED_AT = "a"
LEVEL = "l"
KIND = "c"
DEVICE = "d"
ADDRESS = "i"
PERSISTENT = "k"
TOKEN_MADE_AT = "r"
FORMER = "f"
#: Of a record that was sealed anew while nobody was there: the id of the key that its client's token may be signed with.
TOKEN_KEY = "t"


def text(meta: Meta, name: str) -> str | None:
    value = meta.get(name)
    return value if isinstance(value, str) else None


def number(meta: Meta, name: str) -> int | float | None:
    value = meta.get(name)
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def is_persistent(meta: Meta) -> bool:
    return meta.get(PERSISTENT) is True


def token_made_at(meta: Meta) -> int | float | None:
    """When the token was made that the session has now; None: when the session was created."""
    made = number(meta, TOKEN_MADE_AT)
    return number(meta, AUTHENTICATED_AT) if made is None else made


def with_persistent(meta: Meta, persistent: bool) -> dict[str, Any]:
    changed = {name: value for name, value in meta.items() if name != PERSISTENT}
    return {**changed, PERSISTENT: True} if persistent else changed


def with_token(meta: Meta, at: int, former: str | None) -> dict[str, Any]:
    """A new token. `at`: milliseconds since the epoch. `former`: where a forward is left, 22 characters."""
    changed = {name: value for name, value in meta.items() if name not in (FORMER, TOKEN_KEY)}
    changed[TOKEN_MADE_AT] = at
    return changed if former is None else {**changed, FORMER: former}


def with_step_up(meta: Meta, level: int, at: int) -> dict[str, Any]:
    """The principal has authenticated once more. `at`: milliseconds since the epoch."""
    return {**meta, LEVEL: level, AUTHENTICATED_AT: at}
