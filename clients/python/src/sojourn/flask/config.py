"""`Sessions` from an application's configuration.

`SOJOURN_REDIS` is the URL or the client, `SOJOURN_SECRETS` the secrets; every other option of `Sessions` may be given in
capitals, as in `SOJOURN_IDLE_TIMEOUT = "1h"`. What Flask has been told of its cookie (`SESSION_COOKIE_DOMAIN`, …) is taken
over, where it is not Flask's default and `SOJOURN_COOKIE` does not say otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import OptionError
from ..sessions import Sessions

if TYPE_CHECKING:
    from flask import Flask

#: Flask's name, ours, and Flask's default, which says nothing of what is wanted.
_COOKIE = (
    ("SESSION_COOKIE_NAME", "name", "session"),
    ("SESSION_COOKIE_DOMAIN", "domain", None),
    ("SESSION_COOKIE_PATH", "path", None),
    ("SESSION_COOKIE_SAMESITE", "same_site", None),
    ("SESSION_COOKIE_SECURE", "secure", False),
    ("SESSION_COOKIE_PARTITIONED", "partitioned", False),
)


def sessions_of(app: Flask) -> Sessions:
    """Raises OptionError, which names options in small letters: `idle_timeout` is `SOJOURN_IDLE_TIMEOUT`."""
    options: dict[str, Any] = app.config.get_namespace("SOJOURN_")
    client = options.pop("redis", None)
    if client is None:
        raise OptionError("redis", "is missing: set SOJOURN_REDIS to a URL or a client of redis-py")
    if "secrets" not in options:
        raise OptionError("secrets", "is missing: set SOJOURN_SECRETS to the secrets that all applications share")
    cookie = _cookie_of(app.config)
    if cookie:
        options["cookie"] = {**cookie, **(options.get("cookie") or {})}
    return Sessions(client, **options)


def _cookie_of(config: Any) -> dict[str, Any]:
    if config.get("SESSION_COOKIE_HTTPONLY") is False:
        raise OptionError("SESSION_COOKIE_HTTPONLY", "cannot be False: no script is to read the token")
    said = {ours: config.get(theirs, default) for theirs, ours, default in _COOKIE if config.get(theirs, default) != default}
    if said.get("domain") is False:
        # Flask's word for this host only.
        del said["domain"]
    return said
