"""What the session adds to an answer's headers."""

from __future__ import annotations

from ..caching import CDN_HEADERS, with_vary_cookie, without_shared_caching
from ..session import AsyncSession
from .protocol import Message, header

_CDN = frozenset(name.encode() for name in CDN_HEADERS)


def add_session_headers(start: Message, session: AsyncSession) -> Message:
    """The cookie, and what keeps caches from giving one user's answer to another. The message itself stays as it is."""
    cookie = session.send_headers()
    if cookie is None and not session.accessed:
        return start
    headers = [(bytes(name), bytes(value)) for name, value in start.get("headers") or ()]
    if cookie is not None:
        said = header(headers, b"cache-control") or ""
        headers = [each for each in headers if each[0].lower() != b"cache-control" and each[0].lower() not in _CDN]
        headers.append((b"cache-control", without_shared_caching(said).encode("latin-1")))
        headers.append((b"set-cookie", cookie.header.encode("latin-1")))
    vary = with_vary_cookie(header(headers, b"vary") or "")
    if vary is not None:
        headers = [each for each in headers if each[0].lower() != b"vary"]
        headers.append((b"vary", vary.encode("latin-1")))
    return {**start, "headers": headers}
