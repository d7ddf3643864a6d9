"""Events of this process' own sessions. None carries a token or an attribute's value."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from .errors import OptionError

#: With what their listeners are handed, where it is known.
EVENTS: Mapping[str, tuple[str, ...]] = {
    "created": ("id",),
    "changed": ("id", "attributes"),
    "login": ("id", "previous_id", "principal", "kind", "level", "device", "address"),
    "rotated": ("id", "previous_id"),
    "step-up": ("id", "previous_id", "principal", "level"),
    # Somebody came with a former token after its time, while its successor was in use: the token has been copied, or a
    # browser has gone back to an old state. Once for each former token in a process. `id`: of the session now.
    "token-reuse": ("id", "former_id", "principal"),
    "logout": ("id", "principal"),
    "revoked": ("id", "principal"),
    # A login (`by` is its session) has ended it.
    "evicted": ("id", "principal", "by"),
    "expired": ("id", "principal"),
    # Another writer was first; the changes were rebased and tried again.
    "conflict": ("id",),
    # A token was presented that opens no session.
    "rejected": ("id", "reason"),
    # Redis could not be reached, and a request goes on with nobody's session. `id`: that of its cookie.
    "outage": ("id", "policy"),
    # Changes could not be stored because the session had ended.
    "dropped": ("id", "reason", "attributes"),
    # Something off the request's path failed: a settlement, a migration, a clean-up.
    "error": ("operation", "error"),
}

Listener = Callable[[Mapping[str, Any]], object]
_log = logging.getLogger("sojourn")


class EventHub:
    def __init__(self) -> None:
        self._listeners: dict[str, list[Listener]] = {}

    def on(self, name: str, listener: Listener) -> Callable[[], None]:
        """Answers with a function that ends the subscription. Raises OptionError for an unknown name."""
        if name not in EVENTS:
            raise OptionError("name", f"takes one of {', '.join(EVENTS)}")
        listeners = self._listeners.setdefault(name, [])
        listeners.append(listener)

        def off() -> None:
            if listener in listeners:
                listeners.remove(listener)

        return off

    def emit(self, name: str, **details: Any) -> None:
        """One that raises is logged and harms neither request nor others."""
        for listener in list(self._listeners.get(name, ())):
            try:
                listener(details)
            except Exception:
                _log.exception("a listener of the event %s failed", name)
