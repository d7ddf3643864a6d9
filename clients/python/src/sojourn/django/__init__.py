"""Sessions for Django: `SESSION_ENGINE = "sojourn.django"`, and `"sojourn.django"` in INSTALLED_APPS for checks and admin.

Settings are in `SOJOURN`; see docs/django.md.
"""

from . import passwords as _passwords  # noqa: F401 (connects its signal)
from . import signals as _signals  # noqa: F401 (connects them)
from .engine import get_sessions
from .expiry import TokenKeptError
from .middleware import SessionMiddleware
from .principals import asessions_of, sessions_of
from .signals import session_expired
from .store import SessionStore

__all__ = [
    "SessionMiddleware",
    "SessionStore",
    "TokenKeptError",
    "asessions_of",
    "get_sessions",
    "session_expired",
    "sessions_of",
]
