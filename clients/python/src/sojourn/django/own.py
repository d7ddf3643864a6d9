"""Which session is that of the request that is being answered."""

from __future__ import annotations

import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from django.contrib.sessions.middleware import SessionMiddleware
from django.core.signals import request_finished

if TYPE_CHECKING:
    from .store import SessionStore

#: Of Django, which our own calls too.
_PROCESS_REQUEST = SessionMiddleware.process_request.__code__

own_session: ContextVar[SessionStore | None] = ContextVar("sojourn.django.own_session", default=None)


def is_made_by_middleware() -> bool:
    """Whether the caller's caller is the middleware, which tells nobody for which request it makes a session."""
    return sys._getframe(2).f_code is _PROCESS_REQUEST


def _finished(**_: Any) -> None:
    """What this thread does next is of no request, or of another."""
    own_session.set(None)


request_finished.connect(_finished, dispatch_uid="sojourn.django.own")
