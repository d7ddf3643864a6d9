"""One request's session: nobody's yet, live, or ended. Its operations are the same for threads and for event loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import meta as m
from .answer import cookie_of
from .attributes import Attributes
from .cookie import SetCookie
from .errors import (
    HeadersSentError,
    NotSignedInError,
    SessionAttributeError,
    SessionEndedError,
    SojournError,
    StoreUnavailableError,
)
from .lifetimes import is_renewal_due
from .login import LoginPlan, login
from .reader import Found, Live
from .rebase import ABSENT, Delta, apply_delta
from .record import RecordHeader
from .repository import Ended, Lifetime, Repository, Wish
from .rotations import Rotation
from .steps import Op
from .token import Token, create_token


class SessionState:
    # What most requests leave as it is stands in the class: it is made for each.
    #: Set when the session was ended by someone else; what this request changes is dropped then.
    ended: str | None = None
    logged_out = False
    #: A forward has led here whose time is over: the request goes on, and its client is not told the token.
    concealed = False
    #: Whether the application has looked at it: then the answer is one user's.
    used = False
    #: No cookie can be set any more.
    headers_sent = False
    #: The store could not be asked whose it is: the client may have a session, which nothing may replace but a login.
    is_unknown = False
    _lifetime: Lifetime | None = None
    #: Of a session that is still to be made, from then on. Milliseconds.
    _absolute_timeout: int | None = None
    _rotation_due = False

    def __init__(self, repository: Repository, presented: Token | None, live: Live | None, superseded: bool) -> None:
        self.repository = repository
        self.live = live
        self.attributes = Attributes({} if live is None else live.attributes)
        #: The token that the request came with.
        self.presented = presented
        self.opened = live
        if superseded:
            self.ended = "superseded"
        #: A forward led here: the answer brings the successor, and a further rotation would bring another one.
        self._forwarded = live is not None and presented is not None and live.token.id != presented.id
        #: Stamps of own writes whose answers were lost.
        self._unknown: list[bytes] = []

    @property
    def _now(self) -> int:
        return self.repository.settings.clock.now()

    @property
    def dirty(self) -> bool:
        """Whether a commit would write anything."""
        return (self.live is not None and self._lifetime is not None) or self.attributes.dirty

    @property
    def blank(self) -> bool:
        """Whether a commit has nothing to do: then it does not ask the store at all."""
        return self.live is None and not self.attributes.dirty

    @property
    def write_due(self) -> bool:
        """Whether an answer has to wait for a commit: for changes, or for a new token that is due."""
        return self.dirty or (self.live is not None and self._rotation_due and not self.headers_sent)

    @property
    def persistent(self) -> bool:
        """As the next commit will have it."""
        if self._lifetime is not None and self._lifetime.persistent is not None:
            return self._lifetime.persistent
        return self.live is not None and m.is_persistent(self.live.meta)

    @property
    def touch_due(self) -> bool:
        """Whether enough of the idle timeout has passed for a renewal to be worth a write."""
        live = self.live
        touch_after = self.repository.settings.touch_after
        return live is not None and is_renewal_due(live.header, live.expires_at, self._now, touch_after)

    def set_lifetime(self, idle_timeout: int | None, absolute_timeout: int | None, persistent: bool | None) -> None:
        """Milliseconds; `absolute_timeout` since the session's creation."""
        self._refuse_late("set_lifetime")
        live = self.live
        deadline = None if live is None or absolute_timeout is None else live.header.created_at + absolute_timeout
        lifetime = Lifetime(idle_timeout, deadline, persistent)
        if live is None and absolute_timeout is not None:
            self._absolute_timeout = absolute_timeout
        if self._lifetime is None and live is not None and lifetime.is_of(live):
            return
        said = self._lifetime or Lifetime()
        self._lifetime = Lifetime(
            said.idle_timeout if lifetime.idle_timeout is None else lifetime.idle_timeout,
            said.deadline if lifetime.deadline is None else lifetime.deadline,
            said.persistent if lifetime.persistent is None else lifetime.persistent,
        )

    def commit(self) -> Op[None]:
        if self.live is not None and self._rotation_due and not self.headers_sent:
            return (yield from self._renew(self.live))
        if self.dirty:
            self._refuse_unknown("commit")
        if not self.dirty:
            if self.touch_due and self.live is not None:
                yield from self.repository.touch(self.live)
            return None
        if self.live is not None:
            return (yield from self._store(self.live))
        return (yield from self.create())

    def create(self) -> Op[None]:
        """Stores nobody's session, though nothing may be in it. One that is stored already is committed."""
        if self.live is not None:
            return (yield from self.commit())
        self._refuse_unknown("commit")
        delta = self.attributes.take()
        if self.ended is not None:
            return self._drop(delta, self.ended)
        if self.headers_sent:
            # Its cookie could not be sent: it would be nobody's.
            return self._drop(delta, "headers-sent")
        lifetime = self._lifetime
        try:
            live = yield from self._create(delta, lifetime or Lifetime())
        except BaseException:
            self.attributes.give_back()
            raise
        self._lifetime = None
        self._become(live, False)
        self.repository.events.emit("created", id=live.token.id)
        return None

    def update(self, name: str, make: Callable[[Any], Any], default: Any) -> Op[Any]:
        if self.ended is not None:
            raise SessionEndedError("update")

        def made(stored: Any) -> Any:
            value = make(default if stored is ABSENT else stored)
            if hasattr(value, "__await__"):
                close = getattr(value, "close", None)
                if callable(close):
                    close()
                raise SessionAttributeError(name, "the update is asynchronous; it runs again on conflict")
            return value

        before = self.attributes.pending_change(name)
        self.attributes.update(name, made)
        try:
            yield from self.commit()
        except BaseException:
            # Whoever asks again makes the change again: left pending it would count twice.
            self.attributes.restore(name, before)
            raise
        if self.ended is not None:
            raise SessionEndedError("update")
        return self.attributes.get(name)

    def rotate(self, rotation: Rotation = "forward") -> Op[None]:
        if self.ended is not None:
            raise SessionEndedError("rotate")
        self._refuse_late("rotate")
        before = self.live
        # Nobody holds a token yet: the first commit makes one.
        if before is None:
            return
        # New to this client already. Of two successors the browser keeps the one whose answer comes last.
        is_rotated = rotation == "forward" and (self._forwarded or self.concealed)
        self._forwarded = False
        if is_rotated:
            return (yield from self.commit())
        yield from self._store(before, rotation)
        if self.live is None:
            raise SessionEndedError("rotate")
        if rotation == "supersede":
            self.concealed = False

    def step_up(self, level: int) -> Op[None]:
        if self.ended is not None:
            raise SessionEndedError("step_up")
        self._refuse_late("step_up")
        before = self.live
        principal = None if before is None else m.text(before.meta, m.PRINCIPAL)
        if before is None or principal is None:
            raise NotSignedInError("step_up")
        at = self._now
        yield from self._store(before, "supersede", lambda meta: m.with_step_up(meta, level, at))
        if self.live is None:
            raise SessionEndedError("step_up")
        self.concealed = False
        self.repository.events.emit(
            "step-up", id=self.live.token.id, previous_id=before.token.id, principal=principal, level=level
        )

    def login(self, plan: LoginPlan) -> Op[None]:
        self._refuse_late("login")
        before, delta = self.live, self.attributes.take()
        try:
            live = yield from login(self.repository, before, delta, plan)
        except SessionEndedError:
            self._end(delta, "ended")
            raise
        except BaseException:
            self.attributes.give_back()
            raise
        self.ended = None
        self.is_unknown = False
        self._lifetime = None
        self._forwarded = self.concealed = self._rotation_due = False
        self._become(live, True)
        self.repository.events.emit(
            "login",
            id=live.token.id,
            previous_id=None if before is None else before.token.id,
            principal=plan.name.principal,
            kind=plan.kind,
            level=plan.level,
            device=plan.device,
            address=plan.address,
        )

    def logout(self) -> Op[None]:
        self._refuse_unknown("logout")
        live = self.live
        if live is not None:
            destroyed = yield from self.repository.destroy(live)
            if destroyed.status == "superseded":
                # A login elsewhere was first, and its cookie is not this request's to touch.
                self.ended = "superseded"
            else:
                self.logged_out = True
            if destroyed.status == "done":
                self.repository.events.emit("logout", id=destroyed.id, principal=m.text(live.meta, m.PRINCIPAL))
        self.become_nobodys()

    def touch(self) -> Op[None]:
        if self.live is not None:
            yield from self.repository.touch(self.live)

    def refresh(self) -> Op[None]:
        """What the store holds now. Changes that are not stored yet are stored, which asks it as well."""
        if self.dirty:
            return (yield from self.commit())
        if self.live is None:
            return
        loaded = yield from self.repository.reader.reload(self.live.token)
        if isinstance(loaded, Found):
            self.concealed = self.concealed or loaded.over is not None
            self._become(loaded.live, True)
        else:
            self._end({}, "superseded" if loaded.reason == "superseded" else "ended")

    def cookie(self) -> SetCookie | None:
        return cookie_of(self)

    def _renew(self, live: Live) -> Op[None]:
        """Its token is old: the commit brings a new one."""
        if self.dirty:
            return (yield from self._store(live, "forward"))
        # Nobody has asked for it: that it fails is no reason to refuse the request.
        try:
            yield from self._store(live, "forward")
        except SojournError as error:
            self._rotation_due = False
            self.repository.events.emit("error", operation="rotate", error=error)

    def _create(self, delta: Delta, lifetime: Lifetime) -> Op[Live]:
        settings = self.repository.settings
        now = self._now
        header = RecordHeader(
            revision=1,
            created_at=now,
            deadline=now + (self._absolute_timeout or settings.absolute_timeout),
            idle_timeout=settings.idle_timeout if lifetime.idle_timeout is None else lifetime.idle_timeout,
            schema=settings.version,
            owner_tag=None,
        )
        meta = m.with_persistent({}, lifetime.persistent is True)
        token = create_token(settings.keyring)
        return (yield from self.repository.create(token, header, apply_delta({}, delta), meta))

    def _store(
        self, live: Live, rotation: Rotation | None = None, change_meta: Callable[[m.Meta], m.Meta] | None = None
    ) -> Op[None]:
        delta = self.attributes.take()
        lifetime = self._lifetime
        if rotation is None and lifetime is not None and live.header.owner_tag is not None:
            # The index entry of a principal's session carries its lifetime; a rotation writes it anew.
            rotation = "forward"
        try:
            written = yield from self.repository.store(live, Wish(delta, lifetime, change_meta, self._unknown), rotation)
        except BaseException:
            self.attributes.give_back()
            raise
        if isinstance(written, Ended):
            return self._end(delta, written.reason)
        if self._lifetime is lifetime:
            self._lifetime = None
        self.concealed = self.concealed or written.is_over
        if rotation is not None:
            self._rotation_due = False
        self._become(written.live, written.rebased)
        session_id, events = written.live.token.id, self.repository.events
        if written.previous_id is not None:
            events.emit("rotated", id=session_id, previous_id=written.previous_id)
        if delta:
            events.emit("changed", id=session_id, attributes=list(delta))
        return None

    def _become(self, live: Live | None, rebased: bool) -> None:
        self.live = live
        self.attributes.settle({} if live is None else live.attributes, rebased)

    def become_nobodys(self) -> None:
        self.live = None
        self.attributes = Attributes({})
        self._lifetime = self._absolute_timeout = None
        # Of the session that was: a new one has a token of its own, and tells it.
        self.concealed = self._rotation_due = self._forwarded = False

    def _end(self, delta: Delta, reason: str) -> None:
        if delta:
            self._drop(delta, reason)
        else:
            self.attributes = Attributes({})
        self.ended = reason
        self.live = None
        self._lifetime = None

    def _drop(self, delta: Delta, reason: str) -> None:
        self.attributes = Attributes({})
        session_id = None if self.live is None else self.live.token.id
        self.repository.events.emit("dropped", id=session_id, reason=reason, attributes=list(delta))

    def has_ended(self) -> None:
        """It is known to have: what is changed from now on is dropped."""
        self._end({}, "ended")

    def _refuse_late(self, operation: str) -> None:
        if self.headers_sent:
            raise HeadersSentError(operation)

    def _refuse_unknown(self, operation: str) -> None:
        if self.is_unknown:
            raise StoreUnavailableError(f"{operation}: Redis could not be reached when this request came", False)

    def due_for_rotation(self) -> None:
        self._rotation_due = True
