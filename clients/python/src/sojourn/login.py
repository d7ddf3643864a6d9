"""A new session for a principal, and the end of the one before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from . import meta as m
from .errors import SessionEndedError, SojournError, StoreUnavailableError
from .limit import Limit
from .principal import PrincipalName
from .private import namespace_of
from .reader import Live, Nothing
from .rebase import Delta, apply_delta, difference, rebase
from .record import RecordHeader
from .repository import Ended, Repository, Wish
from .steps import Op
from .store import CONFLICT, GONE, Trail
from .token import create_token
from .trail import SUPERSEDED_FOR, make_superseded

#: So often the session before is ended only as it was read, and what others wrote is carried over first. Then whatever
#: stands there is ended and carried over afterwards: a writer that never rests cannot keep anybody from signing in.
_CAREFUL_ATTEMPTS = 6


@dataclass(frozen=True, slots=True)
class LoginPlan:
    """Checked. Times in milliseconds."""

    name: PrincipalName
    #: Names of the attributes that go along.
    keep: Sequence[str]
    level: int | None
    kind: str | None
    device: str | None
    address: str | None
    limit: Limit | None
    persistent: bool
    idle_timeout: int
    absolute_timeout: int


def login(repository: Repository, before: Live | None, pending: Delta, plan: LoginPlan) -> Op[Live]:
    """The new one is written first and the old one ended by compare-and-set.

    So neither a failure between the two nor a parallel request's acknowledged change loses what is kept.
    """
    settings = repository.settings
    now = settings.clock.now()
    # What a framework keeps is about who was signed in, and no other's to take along.
    is_anothers = before is not None and before.header.owner_tag not in (None, plan.name.tag)
    may_keep = (None,) if is_anothers else (None, settings.namespace)
    plan = replace(plan, keep=[name for name in plan.keep if namespace_of(name) in may_keep])
    header = RecordHeader(
        revision=1,
        created_at=now,
        deadline=now + plan.absolute_timeout,
        idle_timeout=plan.idle_timeout,
        schema=max(settings.version, 0 if before is None else before.header.schema),
        owner_tag=plan.name.tag,
    )
    kept = _pick(apply_delta({} if before is None else before.attributes, pending), plan.keep)
    token = create_token(settings.keyring, plan.name.partition)
    limit = plan.limit
    if limit is not None and before is not None and before.header.owner_tag == plan.name.tag:
        # The same principal's, which this login ends, is not one too many.
        limit = replace(limit, replaces=before.token.id)
    try:
        created = yield from repository.create(token, header, kept, _meta_of(plan, now), limit)
    except StoreUnavailableError as error:
        if error.indeterminate:
            yield from _take_back(repository, token.id, plan.name.tag)
        raise
    if before is None:
        return created
    try:
        return (yield from _supersede(repository, before, pending, plan, created))
    except SojournError:
        # Signed in, and its token given to nobody.
        yield from _take_back(repository, created.token.id, plan.name.tag)
        raise


def _take_back(repository: Repository, session_id: str, owner_tag: str) -> Op[None]:
    """It would stand in the principal's list, and count for the limit, until its idle timeout."""
    try:
        yield from repository.settings.store.destroy(session_id, owner_tag)
    except SojournError as error:
        repository.events.emit("error", operation="login", error=error)


def _meta_of(plan: LoginPlan, now: int) -> m.Meta:
    meta: dict[str, Any] = {m.PRINCIPAL: plan.name.principal, m.AUTHENTICATED_AT: now}
    details = {m.LEVEL: plan.level, m.KIND: plan.kind, m.DEVICE: plan.device, m.ADDRESS: plan.address}
    meta.update({name: value for name, value in details.items() if value is not None})
    return m.with_persistent(meta, plan.persistent)


def _supersede(repository: Repository, before: Live, pending: Delta, plan: LoginPlan, created: Live) -> Op[Live]:
    """Ends the session before the login, carrying over what parallel requests stored there meanwhile.

    Raises SessionEndedError when the new session was revoked meanwhile; the one before is ended too.
    """
    settings = repository.settings
    trail = Trail(make_superseded(), SUPERSEDED_FOR)
    old, live = before, created
    base: Mapping[str, Any] = before.attributes
    delta = pending

    def carry_over(theirs: Mapping[str, Any]) -> Op[None]:
        nonlocal base, delta, live
        delta = rebase(delta, base, theirs, settings.merges)
        base = theirs
        missing = difference(live.attributes, _pick(apply_delta(base, delta), plan.keep))
        if not missing:
            return
        stored = yield from repository.store(live, Wish(missing))
        if isinstance(stored, Ended):
            # Its token is known to nobody yet: a revocation of all the principal's sessions has ended it.
            yield from repository.destroy(old, trail)
            raise SessionEndedError("login")
        live = stored.live

    for _ in range(_CAREFUL_ATTEMPTS):
        result = yield from settings.store.destroy(old.token.id, old.header.owner_tag, base=old.stamp, trail=trail)
        if result.status == GONE:
            # Another has ended it: what it held ends with it, and only what this request has set itself goes along.
            yield from carry_over({})
        if result.status != CONFLICT:
            return live
        theirs = yield from repository.reader.follow(old.token, result.stored)
        if isinstance(theirs, Nothing):
            break
        old = theirs.live
        yield from carry_over(old.attributes)
    ended = yield from repository.destroy(old, trail)
    if ended.status == "gone":
        yield from carry_over({})
    elif ended.last is not None:
        yield from carry_over(ended.last.attributes)
    return live


def _pick(attributes: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if name in names}
