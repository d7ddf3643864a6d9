"""Sessions out of the store: verifying, following, opening.

Each read asks Redis. This is the seam for records that are kept near: whoever keeps to the rules of the protocol
(section 9, "Records kept near") puts another `Reader` in front of the store.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from . import meta as m
from .bounded import BoundedSet
from .errors import SessionElsewhereError
from .keyring import Key
from .lifetimes import Lifetimes
from .memo import RecordMemo
from .record import Opened, RecordHeader, Rejected, is_trail, open_record, stamp_of
from .revoke import revoke_by_id
from .steps import Op
from .store import Stored
from .token import Token, parse_token
from .trail import SUPERSEDED_FOR, Forward, is_superseded, read_forward, successor_of

if TYPE_CHECKING:
    from .events import EventHub
    from .options import Settings

#: Rotations make a chain of forwards; a longer one is not followed.
_MOST_FORWARDS = 64
#: Of so many former tokens it is remembered that their reuse has been told of.
_MOST_REUSED = 10_000
#: A token of a former secret is replaced at this age, milliseconds. Not at once: nodes that have the secrets in another
#: order, while a new one comes to one after the other, would replace each other's with each request.
_SECRET_PATIENCE = 10 * 60_000


class Live:
    """A session as it stands in the store, opened."""

    __slots__ = ("attributes", "expires_at", "former", "header", "key", "meta", "rotate_at", "stamp", "token")

    def __init__(
        self,
        token: Token,
        stamp: bytes,
        header: RecordHeader,
        key: Key,
        meta: m.Meta,
        attributes: dict[str, Any],
        expires_at: int,
    ) -> None:
        self.token = token
        self.stamp = stamp
        self.header = header
        #: That its record is sealed with.
        self.key = key
        self.meta = meta
        self.attributes = attributes
        #: When the store lets it go if nobody comes, milliseconds since the epoch. Moves with each touch.
        self.expires_at = expires_at
        #: When its token is to be replaced by another; infinite: never.
        self.rotate_at = float("inf")
        #: The id of before the rotation, whose forward is to end now that this token is used.
        self.former: str | None = None

    def until(self, expires_at: int) -> Live:
        """The same, of another request: what stands in it is shared, and never changed."""
        live = Live(self.token, self.stamp, self.header, self.key, self.meta, self.attributes, expires_at)
        live.rotate_at = self.rotate_at
        live.former = self.former
        return live


class Found(NamedTuple):
    live: Live
    #: A forward has led here whose time is over. Who was let in before may go on, but nobody is to get the token by it.
    over: Forward | None = None


@dataclass(frozen=True, slots=True)
class Nothing:
    """`reason`: `absent`, `superseded`, `reused`, or why the record does not open (see `Rejected`)."""

    reason: str
    #: The browser may have a newer cookie by now: nothing but a login may replace it.
    keeps_cookie: bool = False
    #: Of `superseded`: where the same session goes on, for those who have its token.
    successor: str | None = None


Loaded = Found | Nothing


class Reader:
    def __init__(self, settings: Settings, events: EventHub) -> None:
        self._settings = settings
        self._events = events
        #: Former ids whose reuse this process has told of: a client that asks on and on must not fill logs.
        self._reused = BoundedSet(_MOST_REUSED)
        self._lifetimes = Lifetimes(settings.touch_after)
        self._memo = RecordMemo()

    def token_of(self, text: str) -> Token | None:
        """As `parse_token`, which is not asked again about the token of a session that was read."""
        return self._memo.token(text) or parse_token(self._settings.keyring, text)

    def load(self, token: Token) -> Op[Loaded]:
        """Of a request that comes with the token. The token of the answer may be a successor."""
        if token.region != 0:
            raise SessionElsewhereError("session", token.region)
        found = yield from self._find(token)
        if isinstance(found, Found) and found.over is not None:
            found = yield from self._refuse(token, found.live, found.over)
        if isinstance(found, Nothing):
            self._memo.forget(token)
            self._events.emit("rejected", id=token.id, reason=found.reason)
        return found

    def _find(self, token: Token) -> Op[Loaded]:
        clock = self._settings.clock
        now = clock.now()
        left = self._lifetimes.left(token.id, now)
        if left is not None:
            record, _ = yield self._settings.store.peek(token.id)
            known = None if record is None else self._memo.find(token, record)
            if known is not None and known.header.deadline > clock.now() and self._lifetimes.is_of(token.id, known.header):
                return Found(known.until(now + left))
            found = yield from self.follow(token, None if record is None else Stored(record, left, is_heard=False))
            if isinstance(found, Nothing) or found.live.token.id != token.id:
                return found
            if self._lifetimes.is_of(token.id, found.live.header):
                return found
        return (yield from self.reload(token))

    def reload(self, token: Token) -> Op[Loaded]:
        """Of a request that was let in before. Also asks how long it lives."""
        stored = yield from self._settings.store.load(token.id)
        return (yield from self.follow(token, stored))

    def follow(self, asked: Token, stored: Stored | None) -> Op[Loaded]:
        """Opens what is stored at a token's id, or what a forward there leads to."""
        token = asked
        over: Forward | None = None
        for _ in range(_MOST_FORWARDS + 1):
            if stored is None:
                return Nothing("absent")
            if not is_trail(stored.record):
                live = self.open(token, stored)
                return live if isinstance(live, Nothing) else Found(live, over)
            if is_superseded(stored.record):
                return Nothing("superseded", keeps_cookie=True, successor=successor_of(stored.record))
            forward = read_forward(self._settings.keyring, token, stored.record)
            if forward is None:
                return Nothing("damaged")
            # Of several the one that says most.
            if forward.until <= self._settings.clock.now() and not (over is not None and over.is_used):
                over = forward
            token = forward.token
            stored = yield from self._settings.store.load(token.id)
        return Nothing("absent")

    def open(self, token: Token, stored: Stored) -> Live | Nothing:
        now = self._settings.clock.now()
        known = self._memo.find(token, stored.record)
        live = self._opened(token, stored.record, now) if known is None else known
        if isinstance(live, Nothing):
            return live
        if live.header.deadline <= now:
            return Nothing("absent")
        if stored.is_heard:
            self._lifetimes.note(token.id, live.header, now + stored.ttl)
        return live.until(now + stored.ttl)

    def _opened(self, token: Token, record: bytes, now: int) -> Live | Nothing:
        settings = self._settings
        opened = open_record(record, settings.keyring, token.id, token)
        if isinstance(opened, Rejected):
            return Nothing(opened.reason)
        if opened.header.deadline <= now:
            return Nothing("absent")
        try:
            attributes = settings.migrated(opened.attributes, opened.header.schema)
        except Exception as error:
            self._events.emit("error", operation="migrate", error=error)
            attributes = None
        if attributes is None:
            return Nothing("schema")
        live = self._live(token, record, opened, attributes, 0)
        # What a step of the application has made is not kept: the step runs each time, as it may look elsewhere.
        if attributes is opened.attributes:
            self._memo.keep(live, record)
        return live

    def written(self, token: Token, record: bytes, ttl: int) -> Live:
        """The session that a record just written stands for.

        From the bytes: the application goes on changing its own objects.
        """
        opened = open_record(record, self._settings.keyring, token.id, token)
        if isinstance(opened, Rejected):
            raise RuntimeError(f"own record does not open: {opened.reason}")
        expires_at = self._settings.clock.now() + ttl
        self._lifetimes.note(token.id, opened.header, expires_at)
        live = self._live(token, record, opened, opened.attributes, expires_at)
        self._memo.keep(live, record)
        return live.until(expires_at)

    def last(self, token: Token, record: bytes) -> Live | None:
        """What a session was at its end, if it opens."""
        live = self.open(token, Stored(record, 1, is_heard=False))
        self._memo.forget(token)
        return live if isinstance(live, Live) else None

    def _live(self, token: Token, record: bytes, opened: Opened, attributes: dict[str, Any], expires_at: int) -> Live:
        header, meta = opened.header, opened.meta
        live = Live(token, stamp_of(record), header, opened.key, meta, attributes, expires_at)
        live.rotate_at = self._rotate_at(opened)
        former = m.text(meta, m.FORMER)
        live.former = None if former is None else token.id[: -len(former)] + former
        return live

    def _rotate_at(self, opened: Opened) -> float:
        settings, made = self._settings, m.token_made_at(opened.meta)
        # Its token is signed with the secret of its record, or with that of before.
        is_of_first = opened.key is settings.keyring.primary and m.number(opened.meta, m.TOKEN_KEY) is None
        every = settings.rotate_every if is_of_first else min(settings.rotate_every, _SECRET_PATIENCE)
        return (opened.header.created_at if made is None else made) + every

    def _refuse(self, token: Token, live: Live, over: Forward) -> Op[Loaded]:
        """Of a forward whose time is over."""
        settings = self._settings
        if not over.is_used:
            # Its holder never came back in time, and nobody has the successor.
            return Nothing("absent")
        principal = m.text(live.meta, m.PRINCIPAL)
        if self._reused.add(token.id):
            self._events.emit("token-reuse", id=live.token.id, former_id=token.id, principal=principal)
        if settings.token_reuse == "end":
            ended = yield from revoke_by_id(settings.store, live.token.id)
            if ended is not None:
                self._events.emit("revoked", id=ended, principal=principal)
        # A request that was sent before the browser had the successor may come late.
        return Nothing("reused", keeps_cookie=settings.clock.now() - over.until < SUPERSEDED_FOR)
