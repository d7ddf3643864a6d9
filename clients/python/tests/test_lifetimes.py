"""How long sessions live, and reads that do not ask for the TTL: while no renewal is due it is known well enough."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from sojourn.bounded import BoundedMap
from sojourn.keys import record_key
from sojourn.lifetimes import Lifetimes
from sojourn.record import RecordHeader

from .conftest import Make
from .nodes import later, signed_in, stored
from .servers import Server

MINUTE = 60_000


def asked(server: Server) -> int:
    """How often for a TTL."""
    stats: Any = server.cli.info("commandstats")
    return int(stats.get("cmdstat_pttl", {"calls": 0})["calls"])


def test_it_is_asked_for_when_a_renewal_may_be_due(make: Make, server: Server, prefix: str) -> None:
    one, two = make(), make()
    token = stored(one, n=1).token
    (key,) = server.cli.scan_iter(f"{prefix}:*:s:*")
    before = asked(server)
    for _ in range(5):
        one.open(token).keep_alive()
    assert asked(server) - before == 0, "it has just been written"
    for _ in range(5):
        two.open(token).keep_alive()
    assert asked(server) - before == 1, "a node that has not heard of it"

    def pass_time(minutes: int) -> None:
        for node in (one, two):
            later(node, minutes * MINUTE)
        server.cli.pexpire(key, server.cli.pttl(key) - minutes * MINUTE)

    pass_time(4)
    one.open(token).keep_alive()
    assert server.cli.pttl(key) > 29 * MINUTE, "renewed"
    touches = server.cli.info("commandstats")["cmdstat_evalsha"]["calls"]
    session = two.open(token)
    session.keep_alive()
    assert server.cli.info("commandstats")["cmdstat_evalsha"]["calls"] == touches, "another has just done so"
    assert session.expires_at - session.created_at > timedelta(minutes=33)
    pass_time(8 * 60)
    assert two.open(token).is_new


def test_other_lifetimes_of_another_node_are_noticed(make: Make) -> None:
    one, two = make(), make()
    token = signed_in(one).token
    one.open(token)
    session = two.open(token)
    session.set_lifetime(idle_timeout="1m")
    session.commit()
    token = session.token
    one.open(token)
    session = two.open(token)
    session.set_lifetime(absolute_timeout="5m")
    session.commit()
    found = one.open(session.token)
    assert found.expires_at - found.created_at < timedelta(minutes=2)
    assert found.deadline - found.created_at == timedelta(minutes=5)


def test_nobodys_session_with_another_lifetime_keeps_its_id(make: Make) -> None:
    one, two = make(), make()
    token = stored(one, n=1).token
    one.open(token)
    session = two.open(token)
    session.set_lifetime(idle_timeout="1m")
    session.commit()
    assert session.token == token
    found = one.open(token)
    assert found.expires_at - found.created_at < timedelta(minutes=2)


def test_forwards_and_ends_are_seen(make: Make) -> None:
    one, two = make(), make()
    token = stored(one, n=1).token
    one.open(token)
    session = two.open(token)
    session.rotate()
    assert one.open(token).token == session.token
    two.open(session.token).logout()
    assert one.open(session.token).is_new
    assert one.open(token).is_new


def test_without_a_threshold_it_is_always_asked(make: Make, server: Server) -> None:
    node = make(touch_after=0)
    token = stored(node, n=1).token
    before = asked(server)
    for _ in range(3):
        node.open(token)
    assert asked(server) - before == 3


def test_what_is_known() -> None:
    header = RecordHeader(1, 0, 10**9, 1_000, 1, None)
    lifetimes = Lifetimes(0.1)
    assert (lifetimes.left("a", 0), lifetimes.is_of("a", header)) == (None, False)
    lifetimes.note("a", header, 1_000)
    assert [lifetimes.left("a", now) for now in (0, 99, 100, 5_000)] == [1_000, 901, None, None]
    assert lifetimes.is_of("a", header)
    assert not lifetimes.is_of("a", RecordHeader(2, 0, 10**9, 999, 1, None))
    assert not lifetimes.is_of("a", RecordHeader(2, 0, 10**8, 1_000, 1, None))


def test_it_forgets_the_oldest() -> None:
    held: BoundedMap[int] = BoundedMap(2)
    for i, name in enumerate("abca"):
        held.put(name, i)
    assert [held.get(name) for name in "abc"] == [3, None, 2]


def test_lifetimes(make: Make, server: Server, prefix: str) -> None:
    one = make(idle_timeout="10s", absolute_timeout="20s")
    session = stored(one, n=1)
    key = record_key(prefix, session.id)
    assert 9_000 < server.cli.pttl(key) <= 10_000
    now = datetime.now(timezone.utc)
    assert timedelta(seconds=9) < session.expires_at - now <= timedelta(seconds=11)
    assert session.deadline - session.created_at == timedelta(seconds=20)
    session.set_lifetime(idle_timeout="15s", absolute_timeout="30s", persistent=True)
    assert session.dirty
    session.commit()
    assert session.cookie().max_age in (29, 30)
    assert 14_000 < server.cli.pttl(key) <= 15_000
    assert session.persistent
    found = one.open(session.token)
    assert found.deadline - found.created_at == timedelta(seconds=30)
    found.set_lifetime(persistent=True)
    assert not found.dirty, "it is so already"
    former = found.id
    found.rotate()
    assert server.cli.pttl(record_key(prefix, former)) <= 30_000, "of what has ended there is no reuse"
    found.set_lifetime(absolute_timeout="1ms")
    time.sleep(0.01)
    found.commit()
    assert found.ended
    assert one.open(session.token).is_new


def test_lifetimes_of_a_session_to_come(make: Make) -> None:
    one = make()
    session = one.open()
    session.set_lifetime(idle_timeout="1h", absolute_timeout="2h")
    session.set_lifetime(persistent=True)
    assert not session.dirty, "for that alone there is none"
    session["n"] = 1
    session.commit()
    found = one.open(session.token)
    assert found.deadline - found.created_at == timedelta(hours=2)
    assert timedelta(minutes=59) < found.expires_at - found.created_at <= timedelta(hours=1, seconds=1)
    assert found.persistent
    assert session.cookie().max_age in (7_199, 7_200)


def test_idle_sessions_end_and_used_ones_are_renewed(make: Make, server: Server, prefix: str) -> None:
    one = make(idle_timeout="20s")
    token = stored(one, n=1).token
    key = record_key(prefix, one.open(token).id)

    def left_after(act: Callable[[Any], Any], before: int) -> int:
        server.cli.pexpire(key, before)
        # On a node that has not heard of it yet.
        act(make(idle_timeout="20s").open(token))
        return int(server.cli.pttl(key))

    assert left_after(lambda session: session.commit(), 17_000) > 19_000
    assert left_after(lambda session: session.commit(), 19_900) <= 19_900, "too early to be worth a write"
    assert left_after(lambda session: session.touch(), 19_000) > 19_000
    session = one.open(token)
    session["n"] = 2
    assert left_after(lambda _: session.commit(), 5_000) > 19_000
    server.cli.pexpire(key, 1)
    time.sleep(0.01)
    assert one.open(token).is_new


def test_no_lifetime_reaches_past_the_deadline(make: Make, server: Server, prefix: str) -> None:
    one = make(idle_timeout="10s", absolute_timeout="10s")
    session = stored(one, n=1)
    time.sleep(0.05)
    session["n"] = 2
    session.commit()
    key = record_key(prefix, session.id)
    assert server.cli.pttl(key) <= 9_960
    server.cli.persist(key)
    assert one.open(session.token)["n"] == 2
    later(one, 10_000)
    assert one.open(session.token).is_new, "whatever its TTL"
    session["n"] = 3
    session.commit()
    assert session.ended
    assert not server.cli.exists(key)
