"""Who looks for sessions that have expired, and which they are (protocol, section 11; docs/decisions/0022)."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from .errors import OptionError, StoreRefusedError
from .keys import HASH_LENGTH, awaited_key, listens_key, turn_key
from .lua import script
from .partitions import PARTITIONS, partition_tag
from .principal import open_descriptor
from .steps import Command, Op, Run

if TYPE_CHECKING:
    from .options import Settings

#: Seconds between two looks at all partitions; in between it is looked where something is due.
INTERVAL = 2.0
_JITTER = 0.2
#: So far a look sees: until the next one.
_WINDOW = INTERVAL * (1 + _JITTER)
#: No other node looks for so long: less than the shortest interval, or the next look of the same node would fall out.
_TURN = 1.5
#: Until it is asked again whether another node's turn is over: it may have died.
_ASK_AGAIN = 0.5
#: What is due about the same time is looked at together.
_STEP = 0.25
#: What one node has in hand is left to it for so long, for twice as long each further time.
LEASE = 2.0
_LONGEST_LEASE = 3600.0
#: Who has said that it listens is taken to come back for so long, and says it again after so long.
_LISTENS = 86_400.0
_LISTENS_AGAIN = 60.0
#: Below half a millisecond of the server's time where nothing is due.
_PARTITIONS_AT_ONCE = 128
_MOST_AT_ONCE = 100
_FIRST_AT_ONCE = 10
#: Then a listener has failed for about a day: most leases are an hour.
MOST_LEASES = 32


def check_expiry(expiry: Any) -> bool:
    """Whether expiry is told of. Raises OptionError."""
    if expiry == "off":
        return False
    if expiry == "reliable":
        return True
    raise OptionError("expiry", "takes 'off' or 'reliable'; 'notify' is Node's alone")


@dataclass(frozen=True, slots=True)
class ExpiredSession:
    """A session whose time was over. None where it was nobody's, or where that is not known any more."""

    id: str
    principal: str | None = None
    kind: str | None = None
    device: str | None = None
    address: str | None = None


class Claimed(NamedTuple):
    session: ExpiredSession
    key: str
    member: bytes
    #: How often it has been claimed before.
    leases: int
    #: By the clock: others may have it after that.
    until: float


class Expiry:
    """One node that tells. `next` and `acknowledge` in turns; where there are none, `wait` seconds."""

    def __init__(self, settings: Settings, is_cluster: bool) -> None:
        self._settings = settings
        self._prefix = settings.store.prefix
        # On a Cluster the partitions are in different slots.
        self._keys_at_once = 1 if is_cluster else _PARTITIONS_AT_ONCE
        self._partitions = {awaited_key(self._prefix, partition_tag(i)): i for i in range(PARTITIONS)}
        self._now = settings.clock.asked
        #: Still to be looked at.
        self._keys: list[str] = []
        #: Where something will be due before the next look, and when.
        self._due: dict[str, float] = {}
        self._look_at = self._now()
        self._say_at = self._look_at
        #: As many as were told in one lease last time.
        self._at_once = _FIRST_AT_ONCE

    @property
    def wait(self) -> float:
        """Seconds until it is worth asking again."""
        if self._keys:
            return 0
        now = self._now()
        due = max(min(self._due.values(), default=self._look_at), now + _STEP)
        return max(0, min(due, self._look_at) - now)

    def postpone(self) -> None:
        """Something has failed: the next look is one of all partitions."""
        self._keys, self._due = [], {}
        self._plan(INTERVAL)

    def next(self) -> Op[list[Claimed]]:
        """Some that have expired, for nobody else to tell of until their leases end. None: there are none now."""
        if not self._keys:
            yield from self._choose()
        while self._keys:
            claimed = yield from self._claim()
            if claimed:
                return claimed
        return []

    def is_over(self, one: Claimed) -> bool:
        return self._now() >= one.until

    def acknowledge(self, claimed: Iterable[Claimed], told: list[Claimed]) -> Op[None]:
        """`told`: those of the claimed that are done with. The others are told of again, by whoever claims them."""
        is_late = any(self.is_over(one) for one in claimed)
        self._at_once = max(1, len(told)) if is_late else min(2 * self._at_once, _MOST_AT_ONCE)
        step = 1 if self._keys_at_once == 1 else _MOST_AT_ONCE
        for i in range(0, len(told), step):
            some = told[i : i + step]
            yield Run(script("ack"), tuple(one.key for one in some), tuple(one.member for one in some))

    def _plan(self, interval: float) -> None:
        self._look_at = self._now() + interval * random.uniform(1 - _JITTER, 1 + _JITTER)

    def _choose(self) -> Op[None]:
        now = self._now()
        if now < self._look_at:
            self._keys = [key for key, at in self._due.items() if at <= now]
            for key in self._keys:
                del self._due[key]
            return
        self._due = {}
        self._plan(INTERVAL)
        if now >= self._say_at:
            # Who only keeps an audit leaves it to us.
            yield from _set(listens_key(self._prefix), _LISTENS)
            self._say_at = now + _LISTENS_AGAIN
        if (yield from _set(turn_key(self._prefix), _TURN, "NX")):
            self._keys = list(self._partitions)
        else:
            self._plan(_ASK_AGAIN)

    def _claim(self) -> Op[list[Claimed]]:
        keys = self._keys[: self._keys_at_once]
        arguments = (self._at_once, int(LEASE * 1000), 0, int(_WINDOW * 1000))
        # Before the server does: our lease is over first.
        now = self._now()
        rest, flat, coming, _lag = yield Run(script("claim"), tuple(keys), arguments)
        # From the key on where there are more.
        del self._keys[: rest - 1 if rest else len(keys)]
        for number, ms in zip(coming[::2], coming[1::2], strict=True):
            self._due[keys[number - 1]] = now + ms / 1000
        each = zip(flat[::4], flat[1::4], flat[2::4], flat[3::4], strict=True)
        return [self._claimed(keys[number - 1], member, known, leases, now) for number, member, known, leases in each]

    def _claimed(self, key: str, member: bytes, descriptor: bytes, leases: int, now: float) -> Claimed:
        text = member.decode("latin-1")
        session_id = partition_tag(self._partitions[key]) + text[:HASH_LENGTH]
        known = None
        if descriptor:
            known = open_descriptor(self._settings.keyring, text[HASH_LENGTH:], session_id, descriptor)
        session = ExpiredSession(session_id)
        if known is not None:
            session = ExpiredSession(session_id, known.principal, known.kind, known.device, known.address)
        return Claimed(session, key, member, leases, now + min(LEASE * 2**leases, _LONGEST_LEASE))


def _set(key: str, seconds: float, *how: str) -> Op[bool]:
    """Sessions that are done with leave memory to a server that is full: it is looked all the same."""
    try:
        return (yield Command(("SET", key, "1", *how, "PX", int(seconds * 1000)))) is not None
    except StoreRefusedError as error:
        if error.reason != "OOM":
            raise
        return True
