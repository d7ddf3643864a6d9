"""ASGI 3, as far as it is needed here (https://asgi.readthedocs.io)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]


def header(headers: Headers, name: bytes, joint: bytes = b", ") -> str | None:
    """All lines of that name as one; None where there is none. `name`: in small letters."""
    found = [value for each, value in headers if each.lower() == name]
    return joint.join(found).decode("latin-1") if found else None
