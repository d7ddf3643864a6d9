"""What becomes of sessions when answers are lost, servers go away, and tokens of before come again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis
import redis.asyncio

from sojourn import (
    SessionLimit,
    SojournError,
    StoreRefusedError,
    StoreUnavailableError,
    counter,
)
from sojourn.clock import ServerClock
from sojourn.failures import store_error
from sojourn.keys import record_key
from sojourn.lua import script

from .conftest import Make, maker
from .servers import Server


class Losing:
    """A client that carries the next run of a script out, and then loses the answer; it may send it once more."""

    def __init__(self) -> None:
        self.next: str | None = None
        self.resends = False
        self.is_unsent = False

    def arm(self, name: str, resends: bool = False, is_unsent: bool = False) -> None:
        self.next, self.resends, self.is_unsent = name, resends, is_unsent

    def hits(self, args: tuple[Any, ...]) -> bool:
        if self.next is None or len(args) < 2 or args[1] not in (script(self.next).sha1, script(self.next).text):
            return False
        self.next = None
        return True


class LosingRedis(redis.Redis):
    losing: Losing

    def execute_command(self, *args: Any, **options: Any) -> Any:
        if not self.losing.hits(args):
            return super().execute_command(*args, **options)
        if self.losing.is_unsent:
            raise redis.ConnectionError("Error 111 connecting to nowhere")
        super().execute_command(*args, **options)
        if self.losing.resends:
            return super().execute_command(*args, **options)
        raise redis.ConnectionError("Connection closed by server.")


class AsyncLosingRedis(redis.asyncio.Redis):
    losing: Losing

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        if not self.losing.hits(args):
            return await super().execute_command(*args, **options)
        if self.losing.is_unsent:
            raise redis.ConnectionError("Error 111 connecting to nowhere")
        await super().execute_command(*args, **options)
        if self.losing.resends:
            return await super().execute_command(*args, **options)
        raise redis.ConnectionError("Connection closed by server.")


@pytest.fixture(params=["sync", "async"])
def lossy(request: pytest.FixtureRequest, server: Server, prefix: str, loop: Any) -> tuple[Make, Losing]:
    """Nodes whose answers can be lost."""
    for name in ("create", "commit", "rotate", "destroy", "settle"):
        server.cli.script_load(script(name).text)
    losing = Losing()
    cls: Any = LosingRedis if request.param == "sync" else AsyncLosingRedis
    client = cls.from_url(server.url)
    client.losing = losing
    made: list[Any] = []
    return maker(request.param, client, prefix, loop, made), losing


def commit_of(node: Any, **attributes: Any) -> Any:
    session = node.open()
    for name, value in attributes.items():
        session[name] = value
    session.commit()
    return session


def test_a_commit_whose_answer_is_lost_counts_once(lossy: tuple[Make, Losing]) -> None:
    make, losing = lossy
    one, two = make(merge={"n": counter}), make(merge={"n": counter})
    session = commit_of(one, n=0)
    losing.arm("commit")
    session["n"] += 1
    with pytest.raises(StoreUnavailableError) as caught:
        session.commit()
    assert caught.value.indeterminate
    assert one._repository.settings.clock.due, "the next connection may lead to another server"
    assert two.open(session.token)["n"] == 1, "it was carried out"
    session.commit()
    assert session["n"] == 1
    assert two.open(session.token)["n"] == 1
    # Another has written on top of it since: then nobody can know, and both count.
    losing.arm("commit")
    session["n"] += 1
    with pytest.raises(StoreUnavailableError):
        session.commit()
    session.commit()
    assert two.open(session.token)["n"] == 2


def test_a_client_that_sends_again_finds_its_own(lossy: tuple[Make, Losing]) -> None:
    make, losing = lossy
    one = make(merge={"n": counter}, max_sessions=SessionLimit(5))
    losing.arm("create", resends=True)
    session = commit_of(one, n=0)
    losing.arm("commit", resends=True)
    session["n"] += 1
    session.commit()
    assert one.open(session.token)["n"] == 1
    losing.arm("create", resends=True)
    session.login("ada", keep=["n"])
    losing.arm("destroy", resends=True)
    former = session.token
    session.login("ada", keep=["n"])
    assert one.open(former).ended
    assert [info.id for info in one.of("ada").list()] == [session.id]
    losing.arm("rotate", resends=True)
    session.rotate()
    assert one.open(former).ended
    losing.arm("rotate", resends=True)
    former = session.token
    session["n"] += 1
    session.step_up(2)
    assert (session.level, session["n"]) == (2, 2)
    assert one.open(former).is_new
    assert one.open(session.token)["n"] == 2
    losing.arm("destroy", resends=True)
    session.logout()
    assert one.open(session.token or former).is_new


def test_what_was_not_sent_is_known_not_to_be_carried_out(lossy: tuple[Make, Losing]) -> None:
    make, losing = lossy
    one = make()
    session = commit_of(one, n=0)
    losing.arm("commit", is_unsent=True)
    session["n"] = 1
    with pytest.raises(StoreUnavailableError) as caught:
        session.commit()
    assert not caught.value.indeterminate
    assert session.dirty
    session.commit()
    assert one.open(session.token)["n"] == 1


def test_a_login_whose_answer_is_lost_leaves_no_session(lossy: tuple[Make, Losing]) -> None:
    make, losing = lossy
    one = make()
    session = commit_of(one, n=1)
    losing.arm("create")
    with pytest.raises(StoreUnavailableError):
        session.login("ada", keep=["n"])
    assert one.of("ada").list() == [], "its token was given to nobody"
    assert one.open(session.token)["n"] == 1
    losing.arm("destroy")
    with pytest.raises(StoreUnavailableError):
        session.login("ada", keep=["n"])
    assert one.of("ada").list() == []


def test_an_update_whose_answer_is_lost_is_told_of(lossy: tuple[Make, Losing]) -> None:
    make, losing = lossy
    one = make()
    session = commit_of(one, n=0)
    losing.arm("commit")
    with pytest.raises(StoreUnavailableError):
        session.modify("n", lambda n: n + 1)
    assert not session.dirty, "whoever asks again makes the change again"


def test_a_settlement_that_fails_disturbs_nobody(lossy: tuple[Make, Losing]) -> None:
    make, losing = lossy
    one = make()
    heard: list[Any] = []
    one.on("error", heard.append)
    session = commit_of(one, n=1)
    session.rotate()
    losing.arm("settle", is_unsent=True)
    assert one.open(session.token)["n"] == 1
    assert [each["operation"] for each in heard] == ["settle"]


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_nothing_is_asked_where_nothing_is_to_be_known(kind: str, prefix: str, loop: Any) -> None:
    """Visitors without a session, and made-up tokens, cost the server nothing, and are served without one."""
    node = maker(kind, "unix:///nowhere/redis.sock", prefix, loop, [])()
    for token in (None, "", "x" * 48):
        session = node.open(token)
        session.set_lifetime(absolute_timeout="1h", persistent=True)
        session.commit()
        session.logout()
        assert session.cookie() is None
    session["n"] = 1
    with pytest.raises(StoreUnavailableError) as caught:
        session.commit()
    assert not caught.value.indeterminate
    assert session.dirty


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_server_that_goes_and_comes_back(kind: str, prefix: str, loop: Any) -> None:
    made: list[Any] = []
    with Server() as server:
        make = maker(kind, server.url, prefix, loop, made)
        one = make()
        session = commit_of(one, n=1)
        server.kill()
        for act in (lambda: one.open(session.token), session.refresh, one.of("ada").list):
            with pytest.raises(StoreUnavailableError) as caught:
                act()
            assert caught.value.status == 503
        assert one._repository.settings.clock.due, "another server may have another time"
        session["n"] = 2
        with pytest.raises(StoreUnavailableError):
            session.commit()
        server.start()
        assert one.open(session.token).is_new, "it was empty"
        session.commit()
        assert session.ended, "and nothing comes back"
        commit_of(one, n=3)
        for each in made:
            each.close()


def test_listeners_that_fail_harm_nobody(make: Make) -> None:
    one = make()

    def fail(_: Any) -> None:
        raise ValueError("a bug of the application")

    one.on("created", fail)
    heard: list[Any] = []
    off = one.on("created", heard.append)
    session = commit_of(one, n=1)
    assert heard == [{"id": session.id}]
    off()
    off()
    commit_of(one, n=1)
    assert len(heard) == 1


@pytest.mark.parametrize(
    ("error", "code", "detail"),
    [
        (redis.ConnectionError("Error 111 connecting to localhost:6379. Connection refused."), "UNAVAILABLE", False),
        (redis.ConnectionError("Connection closed by server."), "UNAVAILABLE", True),
        (redis.TimeoutError("Timeout reading from socket"), "UNAVAILABLE", True),
        (redis.TimeoutError("Timeout connecting to server"), "UNAVAILABLE", False),
        (redis.BusyLoadingError("Redis is loading the dataset in memory"), "UNAVAILABLE", False),
        (redis.exceptions.ClusterDownError("CLUSTERDOWN The cluster is down"), "UNAVAILABLE", False),
        (redis.exceptions.ClusterError("TTL exhausted."), "UNAVAILABLE", True),
        (redis.exceptions.SlotNotCoveredError('Slot "1" not covered by the cluster.'), "UNAVAILABLE", True),
        (redis.ResponseError("BUSY Redis is busy running a script"), "UNAVAILABLE", False),
        (redis.ReadOnlyError("You can't write against a read only replica."), "REFUSED", "READONLY"),
        (redis.OutOfMemoryError("command not allowed when used memory > 'maxmemory'."), "REFUSED", "OOM"),
        (redis.ResponseError("MISCONF Redis is configured to save RDB snapshots"), "REFUSED", "MISCONF"),
        (redis.AuthenticationError("invalid username-password pair"), "REFUSED", "NOAUTH"),
        (redis.exceptions.NoPermissionError("no permission for 'sj:{000}:s:x'"), "REFUSED", "NOPERM"),
        (redis.ResponseError("unknown command 'EVALSHA' with args beginning with: 'secret'"), "REFUSED", "ERR"),
    ],
)
def test_errors_of_the_client(error: Exception, code: str, detail: Any) -> None:
    found = store_error(error, "commit")
    assert found.code == f"ERR_SOJOURN_STORE_{code}"
    assert isinstance(found, SojournError)
    if isinstance(found, StoreUnavailableError):
        assert found.indeterminate is detail
    elif isinstance(found, StoreRefusedError):
        assert found.reason == detail
    assert "sj:{" not in str(found)
    assert "secret" not in str(found)


def test_the_clock_of_the_server() -> None:
    at = [10.0]
    clock = ServerClock(lambda: at[0])
    assert clock.due
    asked = clock.asked()
    at[0] = 10.2
    clock.learn(asked, 1_732_440_000, 500_000)
    assert clock.now() == 1_732_440_000_600, "the answer took 100 ms of the 200"
    assert not clock.due
    at[0] = 11.2
    assert clock.now() == 1_732_440_001_600
    clock.forget()
    assert clock.due
    at[0] = 80.0
    assert clock.now() == 1_732_440_070_400


def test_deadlines_are_of_the_servers_clock(
    make: Make, server: Server, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock of this machine may be wrong by hours."""
    monkeypatch.setattr("sojourn.clock.time.time", lambda: 12.0)
    one = make(idle_timeout="10s")
    session = commit_of(one, n=1)
    seconds, _ = server.cli.time()
    assert abs(session.created_at.timestamp() - seconds) < 2
    assert 9_000 < server.cli.pttl(record_key(prefix, session.id)) <= 10_000


def test_cancelled_commits_are_pending_again(server: Server, prefix: str, loop: Any) -> None:
    import asyncio

    from sojourn import AsyncSessions

    from .conftest import SECRETS

    async def case() -> None:
        async with AsyncSessions(server.url, secrets=SECRETS, prefix=prefix) as sessions:
            session = await sessions.open()
            session["n"] = 1
            server.cli.client_pause(300)
            task = asyncio.ensure_future(session.commit())
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert session.dirty
            await asyncio.sleep(0.3)
            await session.commit()
            assert (await sessions.open(session.token))["n"] == 1

    asyncio.run_coroutine_threadsafe(case(), loop).result(10)


def test_operations_of_one_session_run_one_after_the_other(server: Server, prefix: str, loop: Any) -> None:
    import asyncio

    from sojourn import AsyncSessions

    from .conftest import SECRETS

    async def case() -> None:
        async with AsyncSessions(server.url, secrets=SECRETS, prefix=prefix) as sessions:
            session = await sessions.open()
            session["n"] = 0
            increment: Callable[[int], int] = lambda n: n + 1  # noqa: E731
            await asyncio.gather(session.commit(), *(session.modify("n", increment) for _ in range(20)), session.rotate())
            assert session["n"] == 20
            new = await sessions.open()
            new["n"] = 1
            await asyncio.gather(new.commit(), new.commit(), new.logout())
            assert new.token is None
            assert (await sessions.open(session.token))["n"] == 20

    asyncio.run_coroutine_threadsafe(case(), loop).result(10)
