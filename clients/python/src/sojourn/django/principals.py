"""All sessions of a user, in every application: to list them, and to end one, all, or all others."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from ..errors import NotSignedInError
from ..principal import name_principal
from ..principal_sessions import AsyncPrincipalSessions, PrincipalSessions
from .auth import principal_of
from .engine import engine


def sessions_of(of: Any) -> PrincipalSessions:
    """`of`: a user, a principal, or a request: then it is known which session is `current`, and `revoke_others` keeps it.

    Raises NotSignedInError for a request that nobody is signed in to, SessionAttributeError for a user without a principal.
    """
    principal, own = _named(of)
    repository = engine().repository
    return PrincipalSessions(repository, name_principal(principal, repository.settings.pepper), own, engine().sessions._run)


def asessions_of(of: Any) -> AsyncPrincipalSessions:
    """See `sessions_of`. Of a request the session has to be read before: `await request.session.aprincipal()`."""
    principal, own = _named(of)
    repository = engine().repository
    name = name_principal(principal, repository.settings.pepper)
    # As an AsyncDriver, of the event loop that it is awaited on.
    driver: Any = engine().arun
    return AsyncPrincipalSessions(repository, name, own, driver)


def _named(of: Any) -> tuple[str, str | None]:
    if isinstance(of, str):
        return of, None
    if isinstance(of, HttpRequest):
        session = of.session
        if session.principal is None:
            raise NotSignedInError("sessions_of")
        return session.principal, session.public_id
    return principal_of(of), None
