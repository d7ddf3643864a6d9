"""Connections that wait for the next read outside of their pool."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
import redis.asyncio

from sojourn.clock import ServerClock
from sojourn.drivers import AsyncDriver, SyncDriver
from sojourn.kept import LONGEST
from sojourn.steps import Op, Read

from .conftest import SECRETS, maker
from .nodes import stored
from .servers import Server

KEYS = ("kept:1", "kept:2")


class Lab:
    """A driver with a clock that stands, on a client that notes what its pool lends."""

    def __init__(self, server: Server, loop: asyncio.AbstractEventLoop | None, is_own: bool) -> None:
        self.now = 1.0
        self.lent: list[Any] = []
        self._loop = loop
        clock = ServerClock(lambda: self.now)
        if loop is None:
            self.client: Any = redis.Redis(unix_socket_path=server.socket)
            self._run: Any = SyncDriver(self.client, clock, is_own)
        else:
            self.client = redis.asyncio.Redis(unix_socket_path=server.socket)
            self._run = AsyncDriver(self.client, clock, is_own)
        self.pool = self.client.connection_pool
        lend, lent = self.pool.get_connection, self.lent

        def noting() -> Any:
            lent.append(lend())
            return lent[-1]

        async def awaited() -> Any:
            lent.append(await lend())
            return lent[-1]

        # The client itself asks it too.
        self.pool.get_connection = noting if loop is None else awaited

    def wait(self, value: Any) -> Any:
        return value if self._loop is None else asyncio.run_coroutine_threadsafe(value, self._loop).result(30)

    def read(self, key: str) -> Any:
        def operation() -> Op[Any]:
            value, _ = yield Read(key, with_ttl=False)
            return value

        if self._loop is None:
            return self._run(operation())

        async def run() -> Any:
            return await self._run(operation())

        return self.wait(run())


Make = Callable[..., Lab]


@pytest.fixture(params=["sync", "async"])
def lab(request: pytest.FixtureRequest, server: Server, loop: asyncio.AbstractEventLoop) -> Iterator[Make]:
    made: list[Lab] = []

    def make(is_own: bool = True) -> Lab:
        made.append(Lab(server, None if request.param == "sync" else loop, is_own))
        made[-1].read(KEYS[0])
        # What has learned the clock, and what has read.
        made[-1].lent.clear()
        return made[-1]

    for key in KEYS:
        server.cli.set(key, key)
    yield make
    for each in made:
        each.wait(each.client.close() if request.param == "sync" else each.client.aclose())


def test_the_pool_is_asked_once_a_second(lab: Make) -> None:
    one = lab()
    assert [one.read(KEYS[0]) for _ in range(20)] == [b"kept:1"] * 20
    assert one.lent == []
    one.now += LONGEST
    assert [one.read(KEYS[0]) for _ in range(20)] == [b"kept:1"] * 20
    assert len(one.lent) == 1


def test_one_that_is_over_when_it_is_done_goes_back(lab: Make) -> None:
    one = lab()
    one.now += LONGEST
    assert one.read(KEYS[0]) == b"kept:1"
    real = one.lent[0].read_response

    def late(*args: Any, **options: Any) -> Any:
        one.now += LONGEST
        return real(*args, **options)

    one.lent[0].read_response = late
    assert one.read(KEYS[0]) == b"kept:1"
    assert one._run._kept.pop() is None


def test_none_is_kept_from_others(lab: Make) -> None:
    """A client that was given belongs to the application too, whose limit of connections may be one."""
    one = lab(is_own=False)
    assert [one.read(KEYS[0]) for _ in range(3)] == [b"kept:1"] * 3
    assert len(one.lent) == 3


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_answer_that_nobody_has_read_is_nobodys(lab: Make, error: type[BaseException]) -> None:
    one = lab()
    one.now += LONGEST
    assert one.read(KEYS[0]) == b"kept:1"
    connection = one.lent[0]

    def interrupted(*_: Any, **__: Any) -> Any:
        del connection.read_response
        raise error

    connection.read_response = interrupted
    if one._loop is None:
        with pytest.raises(error):
            one.read(KEYS[0])
    else:
        # Raised inside of the coroutine: an event loop does not survive a KeyboardInterrupt.
        async def run() -> None:
            with pytest.raises(error):
                await one._run._get(KEYS[0])

        one.wait(run())
    assert [one.read(key) for key in KEYS] == [b"kept:1", b"kept:2"]


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_limit_of_one_connection(kind: str, server: Server, prefix: str, loop: asyncio.AbstractEventLoop) -> None:
    made: list[Any] = []
    node = maker(kind, f"{server.url}?max_connections=1", prefix, loop, made)()
    session = stored(node, n=1)
    for i in range(3):
        assert node.open(session.token)["n"] == 1
        assert node.open(session.token)["n"] == 1
        # Scripts, the time, and a lifetime that is asked for.
        session["m"] = i
        session.commit()
        session.refresh()
        clock = node._repository.settings.clock if kind == "sync" else node._held._repository.settings.clock
        clock.forget()
    # One that dies while it waits.
    server.cli.client_kill_filter(_type="normal", skipme=True)
    assert node.open(session.token)["n"] == 1
    node.close()
    assert node.open(session.token)["m"] == 2
    node.close()


_FORKED = """
import os, sys
from sojourn import Sessions
url, secret, prefix, token = sys.argv[1:]
sessions = Sessions(url, secrets=[secret], prefix=prefix)
for _ in range(2):
    assert sessions.open(token)["n"] == 1
mine = sessions._run._kept._waiting[-1][0]
child = os.fork()
if child == 0:
    session = sessions.open(token)
    theirs = sessions._run._kept._waiting[-1][0]
    os._exit(0 if session["n"] == 1 and theirs is not mine and len(sessions._run._kept._waiting) == 1 else 1)
assert os.waitpid(child, 0)[1] == 0
assert sessions.open(token)["n"] == 1
assert sessions._run._kept._waiting[-1][0] is mine
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_has_connections_of_its_own(server: Server, prefix: str, loop: asyncio.AbstractEventLoop) -> None:
    made: list[Any] = []
    session = stored(maker("sync", server.url, prefix, loop, made)(), n=1)
    arguments = [sys.executable, "-c", _FORKED, server.url, SECRETS[0], prefix, session.token]
    assert subprocess.run(arguments, check=False).returncode == 0
    made[0].close()
