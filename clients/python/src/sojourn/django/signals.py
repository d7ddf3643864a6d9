"""`login` of django.contrib.auth makes the session a principal's: at once, so that its new key is known to the view, and so
that a login which a limit refuses fails where it is asked for."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.auth.signals import user_logged_in
from django.dispatch import Signal
from django.utils.functional import SimpleLazyObject

from . import auth
from .configuration import ConfigurationError, setting
from .engine import configured
from .identity import OPTIONS
from .store import SessionStore

#: Of `manage.py sojourn_expiry`, with `session`, an ExpiredSession. Sent again later where a receiver raises.
session_expired = Signal()


def _signed_in(sender: Any, request: Any, user: Any, **_: Any) -> None:  # noqa: ARG001 (names of the signal)
    session = getattr(request, "session", None)
    if not isinstance(session, SessionStore) or not _has_signed_in(session, user):
        return
    try:
        session.sign_in(auth.principal_of(user), login_options(request, user))
    except BaseException:
        session.undo_login()
        _restore_user(request, session)
        raise


def _has_signed_in(session: SessionStore, user: Any) -> bool:
    """Others send this signal too, where somebody has logged in without a session: for a token of an API, for example."""
    return session.opened and session.get(SESSION_KEY) == user._meta.pk.value_to_string(user)


def login_options(request: Any, user: Any) -> dict[str, Any]:
    """For lists of devices: what the browser says of itself, and where it comes from; and by `SOJOURN["LOGIN_OPTIONS"]`."""
    headers = getattr(request, "META", {})
    options = {"device": headers.get("HTTP_USER_AGENT") or None, "address": headers.get("REMOTE_ADDR") or None}
    further = configured().login_options
    more = {} if further is None else further(request, user)
    unknown = [name for name in more if name not in OPTIONS]
    if unknown:
        known = ", ".join(OPTIONS)
        raise ConfigurationError(setting("login_options"), f"has answered with {unknown[0]!r}; there are {known}")
    return {**options, **more}


def _restore_user(request: Any, session: SessionStore) -> None:
    """Whoever was signed in before is so still."""
    if not hasattr(request, "user"):
        return
    # Not on top: models are there only when all applications are.
    from django.contrib.auth import middleware  # noqa: PLC0415
    from django.contrib.auth.models import AnonymousUser  # noqa: PLC0415

    if session.get(SESSION_KEY) is None:
        request.user = AnonymousUser()
    else:
        request.user = SimpleLazyObject(lambda: middleware.get_user(request))
    if hasattr(request, "auser"):
        request.auser = partial(middleware.auser, request)


user_logged_in.connect(_signed_in, dispatch_uid="sojourn.django")
