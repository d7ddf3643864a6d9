"""A new password ends the user's other sessions, in all applications, and also those that Django has not seen yet: the hash
by which Django ends the others is in a session only from its first request to Django on."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.sessions.middleware import SessionMiddleware as DjangoSessionMiddleware
from django.db import transaction
from django.db.models.signals import post_save
from django.utils.module_loading import import_string

from ..errors import SessionAttributeError
from .auth import principal_of
from .own import own_session
from .principals import sessions_of
from .store import SessionStore

_PROCESS_REQUEST = DjangoSessionMiddleware.process_request


def _saved(sender: Any, instance: Any, created: bool, using: str, update_fields: Any, **_: Any) -> None:
    # As `AbstractBaseUser.save` itself tells a new password from a hash that is only brought up to date.
    is_new = getattr(instance, "_password", None) is not None and (update_fields is None or "password" in update_fields)
    if not is_new or created or not issubclass(sender, get_user_model()) or not _knows_own_session():
        return
    own = own_session.get()
    # Not before: who signs in with the former password until then would stay.
    transaction.on_commit(lambda: _end_others(instance, own), using=using)


def _end_others(user: Any, own: SessionStore | None) -> None:
    try:
        principal = principal_of(user)
    except SessionAttributeError:
        # Nobody in the other applications, and so without a session.
        return
    keep = None if own is None or own.principal != principal else own.public_id
    sessions_of(principal).revoke_all(keep=keep)


def _knows_own_session() -> bool:
    """Not with a middleware that makes sessions in its own way: the user's own session would end too."""
    from .middleware import SessionMiddleware  # noqa: PLC0415 (it imports the store)

    store = import_module(settings.SESSION_ENGINE).SessionStore
    if not issubclass(store, SessionStore) or store.__init__ is not SessionStore.__init__:
        return False
    return any(
        issubclass(each, SessionMiddleware) or getattr(each, "process_request", None) is _PROCESS_REQUEST
        for each in map(import_string, settings.MIDDLEWARE)
        if isinstance(each, type)
    )


post_save.connect(_saved, dispatch_uid="sojourn.django.passwords")
