"""Sessions of the engine that was used before: whoever comes with one goes on, signed in as before.

`SOJOURN["FORMER"] = {"ENGINE": "django.contrib.sessions.backends.cache", "COOKIE_NAME": "sessionid"}`. The name is needed
where SESSION_COOKIE_NAME is another now, and then the middleware of this package. Take it out when the sessions of before
have expired.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from .. import meta as m
from ..crypto import sha256
from ..errors import SessionAttributeError, SojournError
from ..partitions import PARTITIONS
from ..principal import name_principal
from ..reader import Found, Live
from ..record import RecordHeader
from ..repository import Repository
from ..state import SessionState
from ..steps import Op
from ..token import RANDOM_BYTES, Token, create_token
from . import auth
from .engine import configured, engine
from .expiry import Lifetime, lifetime_of
from .own import own_session
from .values import EXPIRY, SIGN_IN, stored_name, stored_sign_in

_log = logging.getLogger("sojourn")


@dataclass(frozen=True, slots=True, repr=False)
class Claim:
    """A session of the engine before, as it is to be stored here."""

    key: str
    #: By the names under which they are stored.
    attributes: Mapping[str, Any]
    principal: str | None
    lifetime: Lifetime


def claim_of(key: str) -> Claim | None:
    """What the engine of before has under this key; None where that is nothing, or where there is no such engine."""
    before = configured().former
    if before is None:
        return None
    store = import_module(before.engine).SessionStore(key)
    # Reads it: a store that finds nothing forgets the key.
    data = {str(name): value for name, value in store.items()}
    if store.session_key != key or not data:
        return None
    principal = _principal_of(data)
    if principal is None:
        data = {name: value for name, value in data.items() if name not in SIGN_IN}
    options = engine().repository.settings
    lifetime = lifetime_of(data.get(EXPIRY), options, None)
    if min(lifetime.idle, lifetime.absolute) < 1:
        return None
    attributes = {stored_name(name): value for name, value in data.items()}
    kept = {name: value for name, value in attributes.items() if _can_be_stored(name, value)}
    return Claim(key, kept if principal is None else {**kept, **stored_sign_in(principal)}, principal, lifetime)


def take_over(claim: Claim) -> Op[SessionState | None]:
    """The session here of one of before: requests that come with its key at once all get the same.

    It is made under a token that follows from the key, and given another in the same breath: that of the key leads there for
    a while, and nobody is told it.
    """
    repository = engine().repository
    token = _token_of(claim, repository)
    for _ in range(2):
        found = yield from repository.reader.reload(token)
        if isinstance(found, Found):
            # One whose time is over: the key of before has been given up long ago.
            return None if found.over is not None else (yield from _with_its_own(repository, found.live, token))
        if found.reason != "absent":
            return None
        try:
            live = yield from _create(repository, token, claim)
        except RuntimeError:
            # Another request was first.
            continue
        return (yield from _with_its_own(repository, live, token))
    return None


def end(key: str) -> None:
    """Its session goes on here: nobody is to come back with it."""
    before = configured().former
    if before is not None:
        import_module(before.engine).SessionStore(key).delete()


def _principal_of(data: Mapping[str, Any]) -> str | None:
    if SESSION_KEY not in data:
        return None
    try:
        return auth.principal_of_id(data)
    except SessionAttributeError:
        return None


def _token_of(claim: Claim, repository: Repository) -> Token:
    digest = sha256(f"sojourn\0django\0{claim.key}".encode())
    options = repository.settings
    partition = None if claim.principal is None else name_principal(claim.principal, options.pepper).partition
    if partition is None:
        partition = int.from_bytes(digest[:2], "big") % PARTITIONS
    return create_token(options.keyring, partition, 0, digest[2 : 2 + RANDOM_BYTES])


def _create(repository: Repository, token: Token, claim: Claim) -> Op[Live]:
    options = repository.settings
    now = options.clock.now()
    owner = None if claim.principal is None else name_principal(claim.principal, options.pepper).tag
    header = RecordHeader(
        revision=1,
        created_at=now,
        deadline=now + claim.lifetime.absolute,
        idle_timeout=claim.lifetime.idle,
        schema=options.version,
        owner_tag=owner,
    )
    # When the principal has authenticated is not known.
    meta = m.with_persistent({} if claim.principal is None else {m.PRINCIPAL: claim.principal}, claim.lifetime.persistent)
    return (yield from repository.create(token, header, claim.attributes, meta))


def _with_its_own(repository: Repository, live: Live, derived: Token) -> Op[SessionState]:
    state = SessionState(repository, None, live, False)
    if live.token.id == derived.id:
        yield from state.rotate()
    return state


def _can_be_stored(name: str, value: Any) -> bool:
    """What cannot be is left behind, and told of: nobody is to be locked out by a value of an old kind."""
    try:
        engine().repository.settings.record.codec.encode({name: value}, {})
    except SojournError as error:
        _log.warning("sojourn: a value of a former session is left behind: %s", error)
        return False
    return True


def from_its_cookie(request: HttpRequest) -> None:
    """Where there is no cookie of now, that of before is looked for."""
    name = _cookie_name()
    if name is not None and request.session.session_key is None and request.COOKIES.get(name):
        request.session = type(request.session)(request.COOKIES[name])
        own_session.set(request.session)


def clear_its_cookie(request: HttpRequest, response: HttpResponseBase) -> None:
    """When that of now is sent, or there is no session."""
    name = _cookie_name()
    if name is None or name not in request.COOKIES:
        return
    if settings.SESSION_COOKIE_NAME in response.cookies or request.session.is_empty():
        response.delete_cookie(name, settings.SESSION_COOKIE_PATH, settings.SESSION_COOKIE_DOMAIN)


def _cookie_name() -> str | None:
    before = configured().former
    if before is None or before.cookie_name == settings.SESSION_COOKIE_NAME:
        return None
    return before.cookie_name
