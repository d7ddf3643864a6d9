"""Between users of Django and principals, by which all applications name them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, SESSION_KEY, get_user_model, load_backend
from django.core.exceptions import ImproperlyConfigured, ValidationError

from ..errors import SessionAttributeError
from .engine import configured, warn_once

_log = logging.getLogger("sojourn")
_TWO_NAMES = (
    "SOJOURN['BRIDGE'] answers a principal with a user to whom SOJOURN['PRINCIPAL'] gives another. Who signs in here and "
    "elsewhere has two names, and lists of sessions, limits, sign-outs everywhere and new passwords reach one of them: let "
    "PRINCIPAL give the name that the other applications use."
)
_OTHER_NAMES = (
    "another application has signed somebody in under a name that is no primary key, as users are named here: nobody is "
    "signed in. Say in SOJOURN['PRINCIPAL'] what the applications agree on; 'pk' where such names are right."
)


def principal_of(user: Any) -> str:
    """By `SOJOURN["PRINCIPAL"]`: the primary key (default), a field, or what a function answers.

    Raises SessionAttributeError where that is empty or no text.
    """
    rule = configured().principal
    if callable(rule):
        principal = rule(user)
    elif rule == "pk":
        principal = user._meta.pk.value_to_string(user)
    else:
        principal = user._meta.get_field(rule).value_to_string(user)
    if not isinstance(principal, str) or not principal:
        raise SessionAttributeError("principal", "SOJOURN['PRINCIPAL'] gives this user none: it has to be a text, not empty")
    return principal


def user_of(principal: str) -> Any:
    """The user that a principal names, by `SOJOURN["BRIDGE"]`, or as PRINCIPAL says; None: it is nobody of Django."""
    configuration = configured()
    if configuration.bridge is not None:
        user = configuration.bridge(principal)
        if user is not None and not _is_named(user, principal):
            warn_once(_TWO_NAMES)
        return user
    rule = configuration.principal
    if callable(rule):
        # Nothing leads back from what a function has made.
        return None
    try:
        model = get_user_model()
    except ImproperlyConfigured:
        # A project without users.
        return None
    field = model._meta.pk.name if rule == "pk" else rule
    try:
        user = model._default_manager.get(**{field: principal})
    except (model.DoesNotExist, OverflowError):
        return None
    except (ValueError, TypeError, ValidationError):
        if not configuration.principal_given:
            warn_once(_OTHER_NAMES)
        return None
    except model.MultipleObjectsReturned:
        _log.error("sojourn: several users have the same %s: none is signed in by it", field)
        return None
    # Not for a text that only the database takes for the same: "01", or another case.
    return user if principal_of(user) == principal else None


def _is_named(user: Any, principal: str) -> bool:
    try:
        return principal_of(user) == principal
    except SessionAttributeError:
        return False


def sign_in_of(principal: str) -> tuple[str, str, str] | None:
    """What `login` of Django would leave in a session: the user's id, the backend and the hash of the password."""
    user = user_of(principal)
    backend = None if user is None else _backend_of(user)
    if backend is None:
        return None
    auth_hash = user.get_session_auth_hash() if hasattr(user, "get_session_auth_hash") else ""
    return user._meta.pk.value_to_string(user), backend, auth_hash


def _backend_of(user: Any) -> str | None:
    """The one that the user names, or the first of AUTHENTICATION_BACKENDS that knows the user."""
    backends: list[str] = settings.AUTHENTICATION_BACKENDS
    named = getattr(user, "backend", None)
    if named in backends:
        return str(named)
    for path in backends:
        get_user = getattr(load_backend(path), "get_user", None)
        if get_user is not None and get_user(user.pk) is not None:
            return path
    return None


def principal_of_id(values: Mapping[str, Any]) -> str:
    """Of a session whose `_auth_user_id` was set by hand. Raises SessionAttributeError where that is no user's."""
    user_id, backend = values[SESSION_KEY], values.get(BACKEND_SESSION_KEY)
    pk = get_user_model()._meta.pk.to_python(user_id)
    if backend in settings.AUTHENTICATION_BACKENDS:
        user = load_backend(backend).get_user(pk)
    else:
        user = get_user_model()._default_manager.filter(pk=pk).first()
    if user is None:
        raise SessionAttributeError(SESSION_KEY, "is the id of no user; sign in by login() of django.contrib.auth")
    return principal_of(user)
