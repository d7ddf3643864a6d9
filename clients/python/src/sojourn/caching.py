"""What keeps caches from giving one user's answer to another (RFC 9111, section 7.3; OWASP Session Management Cheat
Sheet, "Web Content Caching"). For adapters.
"""

from __future__ import annotations

import re

#: Speak to shared caches over the head of Cache-Control (RFC 9213; Edge Architecture): not beside a cookie.
CDN_HEADERS = ("cdn-cache-control", "surrogate-control")

_SHARED = re.compile(r"public|s-maxage\b.*", re.IGNORECASE)
_CLOSED = re.compile(r"private|no-store", re.IGNORECASE)
_VARIES = re.compile(r"(?:^|,)\s*(?:\*|cookie)\s*(?:,|$)", re.IGNORECASE)


def without_shared_caching(cache_control: str) -> str:
    """What Cache-Control says beside a cookie."""
    directives = [each for each in map(str.strip, cache_control.split(",")) if each and not _SHARED.fullmatch(each)]
    is_closed = any(_CLOSED.fullmatch(each) for each in directives)
    return ", ".join(directives if is_closed else ["private", *directives])


def with_vary_cookie(vary: str) -> str | None:
    """The value of Vary with Cookie among it; None: it says so already."""
    if _VARIES.search(vary):
        return None
    return f"{vary}, Cookie" if vary else "Cookie"
