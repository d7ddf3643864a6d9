"""The session cookie (RFC 6265bis)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import OptionError
from .unknown_options import unknown_option

# RFC 6265, section 4.1.1: a name is a token; path and domain hold no control characters and no ';'.
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,200}")
_PATH = re.compile(r"/[\x20-\x3a\x3c-\x7e]{0,1023}")
_DOMAIN = re.compile(r"\.?(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_SAME_SITE = {"lax": "Lax", "strict": "Strict", "none": "None"}
_OPTIONS = ("name", "secure", "same_site", "path", "domain", "partitioned", "persistent")


@dataclass(frozen=True, slots=True)
class SetCookie:
    """What a framework's `set_cookie` needs; `header` is the whole value of a `Set-Cookie` header.

    `max_age`: seconds; None: it ends with the browser, 0: it is to be deleted. `same_site`: `Lax`, `Strict` or `None`.
    """

    name: str
    value: str
    max_age: int | None
    path: str
    domain: str | None
    secure: bool
    same_site: str
    partitioned: bool
    http_only: bool = True

    @property
    def header(self) -> str:
        age = "" if self.max_age is None else f"; Max-Age={self.max_age}"
        expires = "; Expires=Thu, 01 Jan 1970 00:00:00 GMT" if self.max_age == 0 else ""
        scope = f"; Path={self.path}" + ("" if self.domain is None else f"; Domain={self.domain}")
        flags = ("; Secure" if self.secure else "") + ("; Partitioned" if self.partitioned else "")
        return f"{self.name}={self.value}{age}{expires}{scope}; HttpOnly; SameSite={self.same_site}{flags}"

    def __repr__(self) -> str:
        return f"SetCookie(name={self.name!r}, max_age={self.max_age!r})"


class CookiePolicy:
    """Raises OptionError for values that browsers refuse or that would inject header text."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        if not isinstance(options, Mapping):
            raise OptionError("cookie", "takes a mapping: {'name': '__Host-session'}")
        for option in options:
            if option not in _OPTIONS:
                raise OptionError(f"cookie.{option}", unknown_option(str(option), _OPTIONS))
        self.secure: bool = options.get("secure", True)
        self.partitioned: bool = options.get("partitioned", False)
        self.persistent: bool = options.get("persistent", False)
        if self.secure == "auto":
            raise OptionError(
                "cookie.secure",
                "takes True or False; there is no 'auto' here, where no request is seen: True, and False for development "
                "without TLS, where Node's 'auto' sets the same cookie `session` on localhost",
            )
        for option in ("secure", "partitioned", "persistent"):
            if not isinstance(getattr(self, option), bool):
                raise OptionError(f"cookie.{option}", "takes True or False")
        same_site = options.get("same_site", "lax")
        if not isinstance(same_site, str) or same_site.lower() not in _SAME_SITE:
            raise OptionError("cookie.same_site", "takes 'lax', 'strict' or 'none'")
        self.same_site = _SAME_SITE[same_site.lower()]
        self.path = options.get("path", "/")
        if not isinstance(self.path, str) or _PATH.fullmatch(self.path) is None:
            raise OptionError("cookie.path", "takes a path that begins with '/'")
        self.domain = options.get("domain")
        if self.domain is not None and not _is_domain(self.domain):
            raise OptionError("cookie.domain", "takes a domain name")
        if self.same_site == "None" and not self.secure:
            raise OptionError("cookie.same_site", "'none' needs secure cookies: browsers refuse it else")
        if self.partitioned and not self.secure:
            raise OptionError("cookie.partitioned", "needs secure cookies: browsers refuse it else")
        is_host_only = self.path == "/" and self.domain is None
        default = "session" if not self.secure else "__Host-session" if is_host_only else "__Secure-session"
        self.name: str = options.get("name", default)
        if not isinstance(self.name, str) or _NAME.fullmatch(self.name) is None:
            raise OptionError("cookie.name", "takes 1 to 200 letters, digits and -_.!#$%&'*+^`|~")
        # Browsers compare the prefixes without regard to case.
        prefix = self.name.lower()
        if prefix.startswith("__host-") and not (self.secure and is_host_only):
            raise OptionError("cookie.name", "'__Host-' needs secure, path '/' and no domain")
        if prefix.startswith("__secure-") and not self.secure:
            raise OptionError("cookie.name", "'__Secure-' needs secure")

    def set(self, value: str, max_age: int | None) -> SetCookie:
        """`max_age`: milliseconds; None: it ends with the browser."""
        seconds = None if max_age is None else max(1, max_age // 1000)
        return self._cookie(value, seconds)

    def clear(self) -> SetCookie:
        return self._cookie("", 0)

    def _cookie(self, value: str, seconds: int | None) -> SetCookie:
        return SetCookie(self.name, value, seconds, self.path, self.domain, self.secure, self.same_site, self.partitioned)


def cookie_values(header: str, name: str) -> list[str]:
    """All values that a Cookie header holds under the name, in its order; no parsing of the others.

    Browsers send the cookie of the longest path first (RFC 6265, section 5.4).
    """
    front = f"{name}="
    if front not in header:
        return []
    pairs = (pair.strip(" \t") for pair in header.split(";"))
    return list(dict.fromkeys(pair[len(front) :] for pair in pairs if pair.startswith(front)))


def _is_domain(value: object) -> bool:
    return isinstance(value, str) and len(value) <= 253 and _DOMAIN.fullmatch(value) is not None
