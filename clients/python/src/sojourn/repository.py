"""Sessions into the store: encoding, compare-and-set with rebase. Reading is the reader's."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import meta as m
from .errors import SessionConflictError, SessionLimitError, StoreUnavailableError
from .events import EventHub
from .keyring import Key
from .limit import Limit
from .options import Settings
from .principal import Descriptor, seal_descriptor
from .reader import Found, Live, Nothing, Reader
from .rebase import Delta, apply_delta, rebase
from .record import NONCE_END, RecordHeader, encode_record, next_revision, stamp_of
from .revoke import revoke_by_id
from .rotations import Rotation, Rotations
from .steps import Op, Pause
from .store import DONE, EXISTS, GONE, REJECTED, Owner, Trail
from .token import Token, create_token

#: After so many conflicts in a row a commit gives up.
MOST_ATTEMPTS = 32
#: From this attempt on writers step out of each other's way, for random and growing milliseconds.
_BACK_OFF_AFTER = 4
_LONGEST_PAUSE = 64


@dataclass(frozen=True, slots=True)
class Lifetime:
    """What is to be other than it is. Milliseconds, `deadline` since the epoch."""

    idle_timeout: int | None = None
    deadline: int | None = None
    persistent: bool | None = None

    def is_of(self, live: Live) -> bool:
        """Whether the session is to end as asked for already."""
        return (
            self.idle_timeout in (None, live.header.idle_timeout)
            and self.deadline in (None, live.header.deadline)
            and self.persistent in (None, m.is_persistent(live.meta))
        )


@dataclass(slots=True)
class Wish:
    """What a request wants stored."""

    delta: Delta
    lifetime: Lifetime | None = None
    change_meta: Callable[[m.Meta], m.Meta] | None = None
    #: Stamps of this request's writes whose outcome is unknown; grows where another one is.
    unknown: list[bytes] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class StoredSession:
    live: Live
    #: Whether another writer's changes came in.
    rebased: bool
    #: Where this write has given it its token: the id of before.
    previous_id: str | None
    #: A forward has led here whose time is over.
    is_over: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """`reason`: `ended` or `superseded`."""

    reason: str


@dataclass(frozen=True, slots=True)
class Destroyed:
    """`status`: `done`, `gone` (it had ended before) or `superseded` (a login had replaced it)."""

    status: str
    #: Where it ended: a rotation may have moved it.
    id: str | None = None
    #: What it was at its end, if it opens.
    last: Live | None = None


class Repository:
    def __init__(self, settings: Settings, events: EventHub) -> None:
        self.settings = settings
        self.events = events
        self.reader = Reader(settings, events)
        self.rotations = Rotations(settings, events)

    def time_to_live(self, header: RecordHeader) -> int:
        """Milliseconds until the record ends if nobody comes; 0 or less when its deadline has passed."""
        return min(header.idle_timeout, header.deadline - self.settings.clock.now())

    def _encode(
        self, token: Token, header: RecordHeader, attributes: Mapping[str, Any], meta: m.Meta, key: Key | None = None
    ) -> bytes:
        settings = self.settings
        return encode_record(header, attributes, meta, settings.keyring, token, settings.record, key=key)

    def create(
        self,
        token: Token,
        header: RecordHeader,
        attributes: Mapping[str, Any],
        meta: m.Meta,
        limit: Limit | None = None,
    ) -> Op[Live]:
        """Stores a new session. Those of the principal that have to make room are ended, and announced.

        Raises SessionLimitError where the limit refuses it; nothing is written then.
        """
        record = self._encode(token, header, attributes, meta)
        ttl = self.time_to_live(header)
        owner = self._owner_of(token.id, header, meta)
        created = yield from self.settings.store.create(token.id, record, ttl, owner, limit)
        if created.status == REJECTED and limit is not None:
            if created.by_kind and limit.max_of_kind is not None:
                raise SessionLimitError(limit.max_of_kind, m.text(meta, m.KIND))
            raise SessionLimitError(limit.max)
        if created.status == EXISTS:
            # 192 random bits do not come twice.
            raise RuntimeError("create was answered exists")
        for evicted in created.evicted:
            self.events.emit("evicted", id=evicted, principal=m.text(meta, m.PRINCIPAL), by=token.id)
        return self.reader.written(token, record, ttl)

    def store(self, source: Live, wish: Wish, rotation: Rotation | None = None) -> Op[StoredSession | Ended]:
        """Stores a change by compare-and-set. On conflict it is rebased on what is stored and tried again.

        With `rotation` the session gets a new token in the same step. Raises SessionConflictError after 32 conflicts, and
        SessionAttributeError, SessionTooLargeError, StoreUnavailableError, StoreRefusedError.
        """
        store, live, delta, lifetime, rotate = self.settings.store, source, wish.delta, wish.lifetime, rotation
        is_rebased = is_over = False
        for attempt in range(1, MOST_ATTEMPTS + 1):
            if rotate != rotation and not delta and lifetime is None:
                # The rotation was all, and another has done it.
                return StoredSession(live, True, None, is_over)
            header = self._next_header(live.header, lifetime)
            ttl = self.time_to_live(header)
            if ttl < 1:
                # Its deadline has passed, or the application has just set it to a time that has.
                destroyed = yield from self.destroy(live)
                if destroyed.status == "done":
                    self.events.emit("expired", id=live.token.id, principal=m.text(live.meta, m.PRINCIPAL))
                return Ended("ended")
            meta = live.meta
            if lifetime is not None and lifetime.persistent is not None:
                meta = m.with_persistent(meta, lifetime.persistent)
            if wish.change_meta is not None:
                meta = wish.change_meta(meta)
            token, key = live.token, live.key
            if rotate is not None:
                meta = self.rotations.meta(rotate, meta, live.token)
                keyring = self.settings.keyring
                token, key = create_token(keyring, token.partition, token.region), keyring.primary
            record = self._encode(token, header, apply_delta(live.attributes, delta), meta, key)
            stamp = stamp_of(record)
            own = [record[:NONCE_END]]
            try:
                if rotate is None:
                    result = yield from store.commit(token.id, live.stamp, record, ttl, sooner=lifetime is not None)
                else:
                    trail = self.rotations.trail(rotate, header, live.token, token)
                    own.append(trail.record[:NONCE_END])
                    owner = self._owner_of(token.id, header, meta)
                    result = yield from store.rotate(live.token.id, live.stamp, token.id, record, ttl, trail, owner)
            except StoreUnavailableError as error:
                if error.indeterminate:
                    wish.unknown.append(stamp)
                raise
            # A client that has lost the answer sends it again, and finds its own: the record, or the trail that it has left.
            if result.status == DONE or (result.stored is not None and result.stored.record[:NONCE_END] in own):
                written = self.reader.written(token, record, ttl)
                return StoredSession(written, is_rebased, None if rotate is None else live.token.id, is_over)
            if result.status == GONE:
                return Ended("ended")
            stored = result.stored
            if attempt >= _BACK_OFF_AFTER:
                yield Pause(random.random() * min(2 ** (attempt - _BACK_OFF_AFTER), _LONGEST_PAUSE))
                # What was stored before a pause has been overtaken after it.
                stored = yield from store.load(live.token.id)
            theirs = yield from self.reader.follow(live.token, stored)
            if isinstance(theirs, Nothing):
                return Ended("superseded" if theirs.reason == "superseded" else "ended")
            is_rebased, is_over = True, is_over or theirs.over is not None
            self.events.emit("conflict", id=live.token.id)
            if lifetime is not None and lifetime.is_of(theirs.live):
                lifetime = None
            # Rotated by another request meanwhile: both go on with the one successor, for two of them would leave the
            # browser with the one whose answer comes last.
            if theirs.live.token.id != live.token.id and rotate == "forward" and lifetime is None:
                rotate = None
            # An own write whose answer was lost holds the changes already: to merge them again would count them twice.
            if theirs.live.stamp not in wish.unknown:
                delta = rebase(delta, live.attributes, theirs.live.attributes, self.settings.merges)
            live = theirs.live
        raise SessionConflictError(MOST_ATTEMPTS)

    def destroy(self, source: Live, trail: Trail | None = None) -> Op[Destroyed]:
        """Ends a session, whatever others write to it meanwhile and wherever a rotation has moved it.

        Raises SessionConflictError after 32 rotations in a row that came in between.
        """
        store, token, owner_tag = self.settings.store, source.token, source.header.owner_tag
        for _ in range(MOST_ATTEMPTS):
            result = yield from store.destroy(token.id, owner_tag, any_record=True, trail=trail)
            if result.status == GONE:
                return Destroyed("gone")
            if result.stored is None:
                last = None if result.ended is None else self.reader.last(token, result.ended)
                return Destroyed("done", token.id, last)
            theirs = yield from self.reader.follow(token, result.stored)
            if isinstance(theirs, Found):
                token = theirs.live.token
                continue
            if theirs.reason == "superseded":
                # The marker stays: it keeps late requests from overwriting the cookie of the login. After a step-up the
                # session goes on all the same, under a token that this one does not lead to.
                ended = None
                if theirs.successor is not None:
                    ended = yield from revoke_by_id(store, theirs.successor, owner_tag)
                return Destroyed("superseded") if ended is None else Destroyed("done", ended)
            # A forward to nothing that opens: it goes too.
            rest = yield from store.destroy(token.id, owner_tag, trail=trail)
            return Destroyed("done", token.id) if rest.status == DONE else Destroyed("gone")
        raise SessionConflictError(MOST_ATTEMPTS)

    def touch(self, live: Live) -> Op[None]:
        """Renews the idle timeout. A session that has been changed meanwhile has been renewed by that."""
        ttl = self.time_to_live(live.header)
        if ttl < 1:
            return
        now = self.settings.clock.now()
        result = yield from self.settings.store.touch(live.token.id, live.stamp, ttl)
        if result.status == DONE:
            live.expires_at = now + ttl

    def _owner_of(self, session_id: str, header: RecordHeader, meta: m.Meta) -> Owner | None:
        """As the index needs it; None for a session of nobody."""
        settings = self.settings
        if header.owner_tag is None:
            return None
        descriptor = Descriptor(
            created_at=header.created_at,
            deadline=header.deadline,
            idle_timeout=header.idle_timeout,
            principal=m.text(meta, m.PRINCIPAL) or "",
            kind=m.text(meta, m.KIND),
            device=m.text(meta, m.DEVICE),
            address=m.text(meta, m.ADDRESS),
        )
        sealed = seal_descriptor(settings.keyring, settings.pepper, header.owner_tag, session_id, descriptor)
        return Owner(header.owner_tag, sealed, max(1, header.deadline - settings.clock.now()))

    def _next_header(self, header: RecordHeader, lifetime: Lifetime | None) -> RecordHeader:
        asked = lifetime or Lifetime()
        return header._replace(
            revision=next_revision(header.revision),
            idle_timeout=header.idle_timeout if asked.idle_timeout is None else asked.idle_timeout,
            deadline=header.deadline if asked.deadline is None else asked.deadline,
            # Data of a newer node keeps its version, or the newer node would migrate it twice.
            schema=max(header.schema, self.settings.version),
        )
