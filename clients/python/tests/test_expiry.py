"""Sessions whose time is over are told of, to one who listens, at least once."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sojourn import ExpiredSession, OptionError, Sessions
from sojourn.expiry import INTERVAL, LEASE, MOST_LEASES, Expiry
from sojourn.keys import awaited_key, listens_key, record_key, turn_key
from sojourn.partitions import place_of_tag
from sojourn.telling import _Teller

from . import servers
from .conftest import SECRETS, Make
from .nodes import signed_in, stored, told
from .servers import Server


@pytest.fixture
def node(make: Make) -> Any:
    return make(expiry="reliable")


class Watch:
    """Looks by hand, with a clock that is moved."""

    def __init__(self, server: Server, prefix: str, **options: Any) -> None:
        self.now = 100.0
        self.sessions = Sessions(server.url, secrets=SECRETS, prefix=prefix, expiry="reliable", **options)
        self.sessions._repository.settings.clock._monotonic = lambda: self.now
        self.expiry = Expiry(self.sessions._repository.settings, is_cluster=False)

    def claim(self) -> Any:
        return self.sessions._run(self.expiry.next())

    def claim_all(self) -> list[Any]:
        """Those of all partitions: a call looks at some."""
        found: list[Any] = []
        while claimed := self.claim():
            self.acknowledge(claimed, claimed)
            found += claimed
        return found

    def acknowledge(self, claimed: Any, done: Any) -> None:
        self.sessions._run(self.expiry.acknowledge(claimed, done))


@pytest.fixture
def watch(server: Server, prefix: str) -> Iterator[Callable[..., Watch]]:
    made: list[Watch] = []

    def make(**options: Any) -> Watch:
        made.append(Watch(server, prefix, **options))
        return made[-1]

    yield make
    for each in made:
        each.sessions.close()


def expire(server: Server, prefix: str, session_id: str) -> None:
    """As if nobody had come, for as long as it lives."""
    assert server.cli.delete(record_key(prefix, session_id)) == 1
    due(server, prefix, session_id)


def due(server: Server, prefix: str, session_id: str, at: float = 1) -> None:
    key = awaited_key(prefix, session_id[:3])
    members: Any = server.cli.zrange(key, 0, -1)
    for member in members:
        if member.startswith(session_id[3:].encode()):
            server.cli.zadd(key, {member: at}, xx=True)
            return
    raise AssertionError("its expiry is not told of")


def test_told_once_whose_it_was(node: Any, watch: Any, server: Server, prefix: str) -> None:
    nobodys = stored(node, n=1)
    adas = signed_in(node, "ada", device="Firefox", address="10.0.0.1", kind="web")
    adas.rotate()
    out, living = signed_in(node, "bob"), signed_in(node, "eve")
    gone = out.id
    out.logout()
    for each in (nobodys, adas):
        expire(server, prefix, each.id)
    assert not server.cli.exists(record_key(prefix, gone))
    due(server, prefix, living.id)
    one = watch()
    claimed = one.claim_all()
    assert {each.session for each in claimed} == {
        ExpiredSession(nobodys.id),
        ExpiredSession(adas.id, "ada", "web", "Firefox", "10.0.0.1"),
    }
    server.cli.delete(turn_key(prefix))
    one.now += 2 * INTERVAL
    assert one.claim() == []
    assert server.cli.zcard(awaited_key(prefix, adas.id[:3])) == 0
    eves = awaited_key(prefix, living.id[:3])
    scores: Any = server.cli.zrange(eves, 0, -1, withscores=True)
    assert scores[0][1] > 1, "it is looked at again when it would end"


def test_sessions_that_are_not_to_be_told_of(make: Make, server: Server, prefix: str) -> None:
    node = make()
    session = signed_in(node, "ada")
    assert not server.cli.exists(awaited_key(prefix, session.id[:3]))
    # A new token by who wants it told of.
    make(expiry="reliable").open(session.token).rotate()
    assert server.cli.zcard(awaited_key(prefix, session.id[:3])) == 1


def test_a_lifetime_that_is_shorter_now(node: Any, server: Server, prefix: str) -> None:
    session = stored(node, n=1)
    key = awaited_key(prefix, session.id[:3])
    before: Any = server.cli.zscore(key, session.id[3:])
    session.set_lifetime(idle_timeout="1m")
    session.commit()
    after: Any = server.cli.zscore(key, session.id[3:])
    assert before - after == pytest.approx(29 * 60_000, abs=5_000)


def test_indexes_live_a_day_longer(node: Any, make: Make, server: Server, prefix: str) -> None:
    session = signed_in(node, "ada")
    (index,) = server.cli.keys(f"{prefix}:*:p:*")
    assert server.cli.pttl(index) == pytest.approx((12 + 24) * 3_600_000, abs=10_000)
    session.rotate()
    assert server.cli.pttl(index) == pytest.approx((12 + 24) * 3_600_000, abs=10_000)


def test_where_nobody_listens_nothing_stays(node: Any, server: Server, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds, micros = server.cli.time()
    day_ago = seconds * 1000 + micros / 1000 - 86_400_000
    long_ago, lately = signed_in(node, "ada"), signed_in(node, "ada")
    for session, at in ((long_ago, day_ago - 1_000), (lately, day_ago + 60_000)):
        expire(server, prefix, session.id)
        due(server, prefix, session.id, at)
    key = awaited_key(prefix, long_ago.id[:3])
    monkeypatch.setattr("sojourn.store.random.random", lambda: 0.1)
    stored(node, n=1)
    assert server.cli.zcard(key) == 2
    monkeypatch.setattr("sojourn.store.random.random", lambda: 0.09)
    monkeypatch.setattr("sojourn.store.random.randrange", lambda _: (place_of_tag(long_ago.id[:3]) or (0, 0))[0])
    stored(node, n=1)
    left: Any = server.cli.zrange(key, 0, -1)
    assert lately.id[3:].encode() in [member[:22] for member in left]
    assert long_ago.id[3:].encode() not in [member[:22] for member in left]
    # What is amiss with it harms nobody's session.
    server.cli.delete(key)
    server.cli.set(key, "none of ours")
    assert stored(node, n=1).id is not None


def test_what_is_not_done_with_is_told_of_again(node: Any, watch: Any, server: Server, prefix: str) -> None:
    session = signed_in(node, "ada")
    expire(server, prefix, session.id)
    one, other = watch(), watch()
    (first,) = one.claim()
    server.cli.delete(turn_key(prefix))
    assert other.claim() == [], "one has it in hand"
    one.acknowledge([first], [])
    assert not one.expiry.is_over(first)
    one.now += LEASE
    assert one.expiry.is_over(first)
    # By the server's clock its lease is over as well.
    due(server, prefix, session.id, 1 + 1 / 64)
    server.cli.delete(turn_key(prefix))
    other.now += 2 * INTERVAL
    (again,) = other.claim()
    assert (again.session, first.leases, again.leases) == (first.session, 0, 1)
    assert again.until - other.now == 2 * LEASE


def test_nodes_take_turns(watch: Any, node: Any, server: Server, prefix: str) -> None:
    session = stored(node, n=1)
    one, other = watch(), watch()
    assert one.claim() == []
    assert server.cli.ttl(listens_key(prefix)) == pytest.approx(86_400, abs=60)
    assert server.cli.persist(turn_key(prefix)) == 1
    expire(server, prefix, session.id)
    assert other.claim() == [], "it is the turn of one"
    assert 0.3 <= other.expiry.wait <= 0.7
    server.cli.delete(turn_key(prefix))
    other.now += 0.7
    assert [each.session.id for each in other.claim()] == [session.id]


def test_what_is_due_before_the_next_look(watch: Any, node: Any, server: Server, prefix: str) -> None:
    session = stored(node, n=1)
    seconds: Any
    seconds, micros = server.cli.time()
    soon = (seconds * 1000 + micros / 1000) + 1_000
    server.cli.delete(record_key(prefix, session.id))
    due(server, prefix, session.id, soon)
    one = watch()
    assert one.claim() == []
    assert 0 < one.expiry.wait <= 1.001
    # Its turn is not asked for, and nothing else is looked at.
    server.cli.set(turn_key(prefix), "1")
    due(server, prefix, session.id)
    one.now += one.expiry.wait
    assert [each.session.id for each in one.claim()] == [session.id]


def test_as_many_at_once_as_are_told_in_a_lease(watch: Any, node: Any, server: Server, prefix: str) -> None:
    sessions = [signed_in(node, "ada") for _ in range(40)]
    for session in sessions:
        expire(server, prefix, session.id)
    one = watch()
    first = one.claim()
    assert len(first) == 10
    one.acknowledge(first, first)
    second = one.claim()
    assert len(second) == 20
    one.now += LEASE
    one.acknowledge(second, second[:3])
    assert len(one.claim()) == 3


def until_told(node: Any, listener: Any, is_done: Callable[[], bool]) -> None:
    """Runs the loop, of threads or of asyncio, until it is done."""
    if isinstance(node, Sessions):
        stop = threading.Event()
        thread = threading.Thread(target=node.tell_expired, args=(listener, stop))
        thread.start()
        try:
            servers.until(is_done)
        finally:
            stop.set()
            thread.join(10)
        assert not thread.is_alive()
        return

    async def begin() -> Any:
        return asyncio.ensure_future(node._held.tell_expired(listener))

    async def end() -> None:
        while not task.done():
            # Python 3.10 may lose one, and cannot know.
            task.cancel()
            await asyncio.wait([task], timeout=5)

    task = asyncio.run_coroutine_threadsafe(begin(), node._loop).result(10)
    try:
        servers.until(is_done)
    finally:
        asyncio.run_coroutine_threadsafe(end(), node._loop).result(10)
        assert task.cancelled(), task.exception()


def test_the_loop(node: Any, server: Server, prefix: str) -> None:
    sessions = [signed_in(node, "ada") for _ in range(30)]
    for session in sessions:
        expire(server, prefix, session.id)
    seen: list[ExpiredSession] = []
    failing = {sessions[0].id}

    def listener(session: ExpiredSession) -> None:
        if session.id in failing:
            raise ZeroDivisionError
        seen.append(session)

    key = awaited_key(prefix, sessions[0].id[:3])
    until_told(node, listener, lambda: server.cli.zcard(key) == 1 and len(seen) == 29)
    assert {each.principal for each in seen} == {"ada"}
    # After its lease.
    failing.clear()
    server.cli.delete(turn_key(prefix))
    due(server, prefix, sessions[0].id, 1 + 1 / 64)
    until_told(node, listener, lambda: server.cli.zcard(key) == 0)
    assert [each.id for each in seen][29:] == [sessions[0].id]


def test_listeners_may_be_asynchronous(make: Make, server: Server, prefix: str) -> None:
    node = make(expiry="reliable")
    if isinstance(node, Sessions):
        return
    session = stored(node, n=1)
    expire(server, prefix, session.id)
    seen: list[str] = []

    async def listener(expired: ExpiredSession) -> None:
        await asyncio.sleep(0)
        seen.append(expired.id)

    until_told(node, listener, lambda: not server.cli.exists(awaited_key(prefix, session.id[:3])))
    assert seen == [session.id]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="a task does not know")
def test_a_cancellation_that_is_lost_ends_the_loop(make: Make, server: Server, prefix: str) -> None:
    node = make(expiry="reliable")
    if isinstance(node, Sessions):
        return
    expire(server, prefix, stored(node, n=1).id)
    seen: list[str] = []

    async def run() -> None:
        begun = asyncio.Event()

        async def listener(expired: ExpiredSession) -> None:
            begun.set()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)
            seen.append(expired.id)

        task = asyncio.ensure_future(node._held.tell_expired(listener))
        await begun.wait()
        task.cancel()
        await asyncio.wait([task], timeout=10)
        assert task.cancelled()

    asyncio.run_coroutine_threadsafe(run(), node._loop).result(30)
    assert len(seen) == 1
    assert not server.cli.exists(*server.cli.keys(f"{prefix}:*:x") or ["none"])


def test_an_interrupted_loop_is_done_with_what_it_has_told(server: Server, prefix: str, make: Make) -> None:
    node = make(expiry="reliable")
    if not isinstance(node, Sessions):
        return
    for session in [signed_in(node, "ada") for _ in range(5)]:
        expire(server, prefix, session.id)
    seen: list[str] = []

    def listener(expired: ExpiredSession) -> None:
        if len(seen) == 3:
            raise KeyboardInterrupt
        seen.append(expired.id)

    with pytest.raises(KeyboardInterrupt):
        node.tell_expired(listener)
    left: Any = server.cli.zcard(awaited_key(prefix, seen[0][:3]))
    assert left == 2


def test_who_fails_for_a_day_is_given_up(node: Any, watch: Any) -> None:
    one = watch()
    heard = told(one.sessions, "error")
    teller = _Teller(one.sessions._repository, one.sessions._run)
    session = ExpiredSession("0" * 25)
    assert not teller.has_failed(_claimed(session, MOST_LEASES - 1))
    assert heard == []
    assert teller.has_failed(_claimed(session, MOST_LEASES))
    assert "given up" in str(heard[0][1]["error"])


def _claimed(session: ExpiredSession, leases: int) -> Any:
    from sojourn.expiry import Claimed

    return Claimed(session, "key", b"member", leases, 0)


def test_while_redis_is_away(prefix: str) -> None:
    with Server() as own:
        sessions = Sessions(f"{own.url}?socket_timeout=0.5", secrets=SECRETS, prefix=prefix, expiry="reliable")
        heard: list[Any] = []
        sessions.on("error", heard.append)
        session = stored(sessions, n=1)
        own.kill()
        seen: list[str] = []

        def come_back() -> bool:
            own.start()
            again = Sessions(own.url, secrets=SECRETS, prefix=prefix, expiry="reliable")
            made = stored(again, n=1)
            expire(own, prefix, made.id)
            again.close()
            return True

        stop = threading.Event()
        thread = threading.Thread(target=sessions.tell_expired, args=(lambda each: seen.append(each.id), stop))
        thread.start()
        try:
            servers.until(lambda: bool(heard))
            assert come_back()
            servers.until(lambda: len(seen) == 1)
        finally:
            stop.set()
            thread.join(10)
        sessions.close()
    assert session.id not in seen
    assert [event["operation"] for event in heard] == ["expiry"]


def test_it_has_to_be_the_same_everywhere(make: Make) -> None:
    node = make()
    with pytest.raises(OptionError, match="`expiry`: has to be 'reliable'"):
        node.tell_expired(lambda _: None)
    with pytest.raises(OptionError, match="'notify' is Node's alone"):
        make(expiry="notify")
