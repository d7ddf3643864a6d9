"""Which pages may open a WebSocket with the session's cookie.

Browsers send it with handshakes that other sites start, and ask nobody before (cross-site WebSocket hijacking: RFC 6455,
section 10.2; OWASP WebSocket Security Cheat Sheet). What is no browser sends no Origin.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from ..errors import OptionError
from .protocol import Scope, header

#: This host's, those of a list (`https://app.example.com`), or as the function of origin and scope says.
Origins = str | Sequence[str] | Callable[[str | None, Scope], bool]
Check = Callable[[Scope], bool]

_PORTS = {"http": 80, "https": 443}
_log = logging.getLogger("sojourn")


def origin_check(origins: Any) -> Check:
    """Raises OptionError."""
    if origins == "same":
        return _same_origin()
    if callable(origins):
        return lambda scope: bool(origins(header(scope["headers"], b"origin"), scope))
    if not isinstance(origins, (list, tuple, set, frozenset)) or not all(map(_is_origin, origins)):
        raise OptionError("origins", "takes 'same', a list of origins such as 'https://app.example.com', or a function")
    allowed = {None, *origins}
    return lambda scope: header(scope["headers"], b"origin") in allowed


def _same_origin() -> Check:
    told: set[None] = set()

    def check(scope: Scope) -> bool:
        origin = header(scope["headers"], b"origin")
        if origin is None:
            return True
        host = header(scope["headers"], b"host") or ""
        is_secure = scope.get("scheme") in ("wss", "https")
        if _is_of_host(origin, host, is_secure):
            return True
        if not told:
            told.add(None)
            _log.warning(
                "a socket of a page of %r was refused: this is %r. If that page is yours, name it in the option origins; "
                "a proxy has to pass on Host. Told once.",
                origin,
                host,
            )
        return False

    return check


def _is_of_host(origin: str, host: str, is_secure: bool) -> bool:
    try:
        page = urlsplit(origin)
        if page.scheme != "https" and (page.scheme != "http" or is_secure):
            return False
        return _place(page.scheme, page.netloc) == _place(page.scheme, host) != ("", _PORTS[page.scheme])
    except ValueError:
        return False


def _place(scheme: str, host: str) -> tuple[str, int]:
    """Host and port, the scheme's own where none is named. Raises ValueError."""
    parts = urlsplit(f"//{host}")
    return parts.hostname or "", parts.port or _PORTS[scheme]


def _is_origin(value: object) -> bool:
    if value == "null":
        return True
    if not isinstance(value, str):
        return False
    try:
        parts = urlsplit(value)
        return bool(parts.scheme and parts.hostname) and value == f"{parts.scheme}://{parts.netloc}"
    except ValueError:
        return False
