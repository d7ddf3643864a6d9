"""Records in Redis: each method is an operation of one script (protocol, section 9; the call sheets have the details)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from .errors import SojournError
from .keys import TAG_LENGTH, awaited_key, hash_within, index_key, record_key
from .limit import Limit, excess
from .lua import script
from .partitions import PARTITIONS, partition_tag
from .principal import descriptor_head
from .record import STAMP_LENGTH, stamp_of
from .steps import Op, Read, Run

DONE, CONFLICT, GONE, EXISTS, REJECTED, CROWDED = 1, 2, 3, 4, 5, 6
#: A lifetime without an end, the work of somebody's PERSIST: the record's own absolute deadline ends it.
_FOREVER = 2**53 - 1
#: From this attempt on a crowded index is looked through at once: better late than no login.
_CROWDED_ATTEMPTS = 3
_EVICTED_AT_ONCE = 500
#: One in so many sessions that are made has a partition looked through.
_SWEPT = 0.1
_SWEPT_AT_ONCE = 100
#: Milliseconds.
_SWEPT_FOR = 2_000
_OVERDUE = 86_400_000
#: Whose they were is known for so long after their end. Milliseconds.
_TOLD_WITHIN = 86_400_000


class Stored(NamedTuple):
    record: bytes
    #: Remaining lifetime, milliseconds.
    ttl: int
    #: Whether the store has just said so.
    is_heard: bool = True


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose session it is. `ttl`: milliseconds until the absolute deadline; the index lives at least that long."""

    tag: str
    descriptor: bytes
    ttl: int


@dataclass(frozen=True, slots=True)
class Trail:
    """Left at an id that is given up. `ttl`: milliseconds."""

    record: bytes
    ttl: int


@dataclass(frozen=True, slots=True)
class Written:
    """Of commit, touch, rotate and destroy. `status`: DONE, CONFLICT (then with what is stored) or GONE."""

    status: int
    stored: Stored | None = None
    #: Of `destroy` of any record: what was ended.
    ended: bytes | None = None


@dataclass(frozen=True, slots=True)
class Created:
    """`status`: DONE, EXISTS or REJECTED (then `by_kind` says whose limit it is)."""

    status: int
    evicted: tuple[str, ...] = ()
    by_kind: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    id: str
    descriptor: bytes
    ttl: int


class Store:
    """`is_awaited`: whether the expiry of sessions that are made here is told of."""

    def __init__(self, prefix: str, is_awaited: bool = False) -> None:
        self.prefix = prefix
        self._awaited = ("x",) if is_awaited else ()
        self._listed_for = _TOLD_WITHIN if is_awaited else 0

    def load(self, session_id: str) -> Op[Stored | None]:
        record, ttl = yield Read(record_key(self.prefix, session_id))
        # It may expire or be destroyed between the two: then it is gone.
        return None if record is None or ttl == -2 else Stored(record, _lifetime(ttl))

    def peek(self, session_id: str) -> Read:
        """The step of `load`, where the remaining lifetime is known."""
        return Read(record_key(self.prefix, session_id), with_ttl=False)

    def create(
        self, session_id: str, record: bytes, ttl: int, owner: Owner | None = None, limit: Limit | None = None
    ) -> Op[Created]:
        """Enters it in the owner's index and enforces the limit in the same step."""
        partition = session_id[:TAG_LENGTH]
        keys: tuple[str, ...] = (record_key(self.prefix, session_id),)
        args: tuple[bytes | str | int, ...] = (record, ttl)
        if owner is not None:
            keys += (index_key(self.prefix, partition, owner.tag),)
            args += (owner.descriptor, owner.ttl + self._listed_for)
            if limit is not None:
                args += (limit.max, limit.max_of_kind or 0, limit.policy_number, hash_within(partition, limit.replaces))
        evicted: list[str] = []
        attempt = 1
        while True:
            ordered: tuple[bytes | str | int, ...] = ("1",) if attempt >= _CROWDED_ATTEMPTS else ()
            answer = yield Run(script("create"), keys, args + ordered + self._awaited)
            status = int(answer[0])
            if status == DONE:
                if self._awaited and random.random() < _SWEPT:
                    yield from self._sweep(partition_tag(random.randrange(PARTITIONS)))
                return Created(DONE, tuple(evicted + _ids(partition, answer[2])))
            if status == EXISTS:
                # A client that has lost the answer sends it again, and finds its own.
                stored = yield from self.load(session_id)
                is_own = stored is not None and stamp_of(stored.record) == stamp_of(record)
                return Created(DONE if is_own else EXISTS, tuple(evicted))
            if status == REJECTED:
                return Created(REJECTED, tuple(evicted), bool(answer[1]))
            if status != CROWDED or owner is None or limit is None:
                raise RuntimeError("unknown answer of a script")
            room = yield from self._make_room(partition, owner, limit)
            if room.status == REJECTED:
                return room
            evicted += room.evicted
            attempt += 1

    def _sweep(self, partition: str) -> Op[None]:
        """Clears away whom nobody has told of for a day: where nobody listens they would stay in Redis for good."""
        key = awaited_key(self.prefix, partition)
        try:
            answer = yield Run(script("claim"), (key,), (_SWEPT_AT_ONCE, _SWEPT_FOR, _OVERDUE, 0))
            members = tuple(answer[1][1::4])
            if members:
                yield Run(script("ack"), (key,) * len(members), members)
        except SojournError:
            # The session was made, and the next that is made does this too.
            return

    def _make_room(self, partition: str, owner: Owner, limit: Limit) -> Op[Created]:
        """Brings an index that is too large for one step down to the limit: those go that are too many already."""
        listed = yield from self.listed(partition, owner.tag)
        others = [session for session in listed if session.id != limit.replaces]
        kind = descriptor_head(owner.descriptor).kind
        if limit.policy == "reject":
            _, passed = excess(others, limit, kind, 1)
            return Created(DONE) if passed is None else Created(REJECTED, by_kind=passed == "kind")
        surplus, _ = excess(others, limit, kind, 0)
        evicted: list[str] = []
        for start in range(0, len(surplus), _EVICTED_AT_ONCE):
            evicted += yield from self.evict(partition, owner.tag, surplus[start : start + _EVICTED_AT_ONCE])
        return Created(DONE, tuple(evicted))

    def commit(self, session_id: str, base: bytes, record: bytes, ttl: int | None, sooner: bool = False) -> Op[Written]:
        """Replaces the record if the stored stamp is `base`. `ttl`: None leaves the lifetime as it is.

        `sooner`: a session of nobody may end sooner than it was to so far.
        """
        key = record_key(self.prefix, session_id)
        args: tuple[bytes | str | int, ...] = ("" if ttl is None else ttl, base + record)
        answer = yield Run(script("commit"), (key,), args + self._awaited if sooner else args)
        return _written(answer)

    def touch(self, session_id: str, base: bytes, ttl: int) -> Op[Written]:
        answer = yield Run(script("touch"), (record_key(self.prefix, session_id),), (base, ttl))
        return _written(answer)

    def rotate(
        self, source: str, base: bytes, to: str, record: bytes, ttl: int, trail: Trail, owner: Owner | None
    ) -> Op[Written]:
        keys: tuple[str, ...] = (record_key(self.prefix, source), record_key(self.prefix, to))
        args: tuple[bytes | str | int, ...] = (base, record, ttl, trail.record, trail.ttl)
        if owner is not None:
            keys += (index_key(self.prefix, source[:TAG_LENGTH], owner.tag),)
            args += (owner.descriptor, owner.ttl + self._listed_for)
        answer = yield Run(script("rotate"), keys, args + self._awaited)
        return _written(answer)

    def settle(self, session_id: str, until: int) -> Op[None]:
        """The successor that a forward leads to has been used. `until`: milliseconds since the epoch."""
        yield Run(script("settle"), (record_key(self.prefix, session_id),), (until,))

    def destroy(
        self,
        session_id: str,
        owner_tag: str | None = None,
        base: bytes | None = None,
        any_record: bool = False,
        trail: Trail | None = None,
    ) -> Op[Written]:
        """`base`: only if this stamp is stored. `any_record`: whoever has written it, but no trail."""
        keys: tuple[str, ...] = (record_key(self.prefix, session_id),)
        if owner_tag is not None:
            keys += (index_key(self.prefix, session_id[:TAG_LENGTH], owner_tag),)
        args: tuple[bytes | str | int, ...] = ("", 0) if trail is None else (trail.record, trail.ttl)
        if base is not None:
            args += (base[:STAMP_LENGTH],)
        elif any_record:
            args += ("record",)
        answer = yield Run(script("destroy"), keys, args)
        if int(answer[0]) == DONE and len(answer) > 2:
            return Written(DONE, ended=answer[2])
        return _written(answer)

    def listed(self, partition: str, owner_tag: str) -> Op[list[Listed]]:
        """The principal's live sessions, oldest first."""
        key = index_key(self.prefix, partition, owner_tag)
        found: dict[str, Listed] = {}
        cursor = b"0"
        while True:
            cursor, flat = yield Run(script("list"), (key,), (cursor,))
            for i in range(0, len(flat) - 2, 3):
                session_id = partition + flat[i].decode("latin-1")
                found[session_id] = Listed(session_id, flat[i + 1], _lifetime(flat[i + 2]))
            if cursor == b"0":
                break
        return sorted(found.values(), key=lambda session: descriptor_head(session.descriptor).created_at)

    def revoke_all(self, partition: str, owner_tag: str, keep: str | None = None) -> Op[list[str]]:
        """Ends all of a principal's sessions but `keep`; answers with the ids that were live."""
        key = index_key(self.prefix, partition, owner_tag)
        ended: list[str] = []
        left = 1
        while left:
            left, ids = yield Run(script("revoke-all"), (key,), (hash_within(partition, keep),))
            ended += _ids(partition, ids)
        return ended

    def evict(self, partition: str, owner_tag: str, ids: Sequence[str]) -> Op[list[str]]:
        """At most 500. Answers with those that were live."""
        key = index_key(self.prefix, partition, owner_tag)
        answer = yield Run(script("evict"), (key,), tuple(hash_within(partition, each) for each in ids))
        return _ids(partition, answer)


def _written(answer: Any) -> Written:
    status = int(answer[0])
    if status == CONFLICT:
        return Written(CONFLICT, Stored(answer[1], _lifetime(answer[2])))
    if status in (DONE, GONE):
        return Written(status)
    raise RuntimeError("unknown answer of a script")


def _lifetime(pttl: int) -> int:
    """PTTL as a lifetime. 0 is the last fraction of a millisecond."""
    return _FOREVER if pttl == -1 else max(int(pttl), 1)


def _ids(partition: str, answer: Any) -> list[str]:
    return [partition + each.decode("latin-1") for each in answer]
