"""`login` of django.contrib.auth makes the session a principal's: at once, so that its new key is known to the view, and so
that a login which a limit refuses fails where it is asked for."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.auth.signals import user_logged_in

from . import auth
from .configuration import ConfigurationError, setting
from .engine import engine
from .identity import OPTIONS
from .store import SessionStore
from .values import SIGN_IN


def _signed_in(sender: Any, request: Any, user: Any, **_: Any) -> None:  # noqa: ARG001 (names of the signal)
    session = getattr(request, "session", None)
    if not isinstance(session, SessionStore) or not _has_signed_in(session, user):
        return
    was_nobody = session.principal is None
    try:
        session.sign_in(auth.principal_of(user), login_options(request, user))
    except BaseException:
        if was_nobody:
            # `login` has written down already who is signed in.
            for name in SIGN_IN:
                session.pop(name, None)
            _make_anonymous(request)
        raise


def _has_signed_in(session: SessionStore, user: Any) -> bool:
    """Others send this signal too, where somebody has logged in without a session: for a token of an API, for example."""
    return session.opened and session.get(SESSION_KEY) == user._meta.pk.value_to_string(user)


def login_options(request: Any, user: Any) -> dict[str, Any]:
    """For lists of devices: what the browser says of itself, and where it comes from; and by `SOJOURN["LOGIN_OPTIONS"]`."""
    headers = getattr(request, "META", {})
    options = {"device": headers.get("HTTP_USER_AGENT") or None, "address": headers.get("REMOTE_ADDR") or None}
    further = engine().configuration.login_options
    more = {} if further is None else further(request, user)
    unknown = [name for name in more if name not in OPTIONS]
    if unknown:
        known = ", ".join(OPTIONS)
        raise ConfigurationError(setting("login_options"), f"has answered with {unknown[0]!r}; there are {known}")
    return {**options, **more}


def _make_anonymous(request: Any) -> None:
    # Not on top: models are there only when all applications are.
    from django.contrib.auth.models import AnonymousUser  # noqa: PLC0415

    if hasattr(request, "user"):
        request.user = AnonymousUser()


user_logged_in.connect(_signed_in, dispatch_uid="sojourn.django")
