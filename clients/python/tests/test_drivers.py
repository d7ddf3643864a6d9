"""Reads that go to a connection of the client's pool, and those that do not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from types import MethodType
from typing import Any

import pytest
import redis
import redis.asyncio

from sojourn import StoreRefusedError
from sojourn.drivers import _plain_command
from sojourn.keys import record_key

from .conftest import maker
from .nodes import stored
from .servers import Server

Open = Callable[..., Any]


@pytest.fixture(params=["sync", "async"])
def node_of(request: pytest.FixtureRequest, server: Server, prefix: str, loop: asyncio.AbstractEventLoop) -> Iterator[Open]:
    """Makes a node on a client with these options."""
    clients: list[Any] = []

    def make(change: Callable[[Any], None] = lambda _: None, **options: Any) -> Any:
        kind: Any = redis.Redis if request.param == "sync" else redis.asyncio.Redis
        client = kind(unix_socket_path=server.socket, **options)
        clients.append(client)
        change(client)
        return maker(request.param, client, prefix, loop, [])()

    yield make
    for client in clients:
        if request.param == "sync":
            client.close()
        else:
            asyncio.run_coroutine_threadsafe(client.aclose(), loop).result(30)


def calls(server: Server, command: str) -> int:
    stats: Any = server.cli.info("commandstats")
    return int(stats.get(f"cmdstat_{command}", {"calls": 0})["calls"])


def test_connections_go_back_whatever_the_answer_is(node_of: Open, server: Server, prefix: str) -> None:
    node = node_of(max_connections=1)
    session = stored(node, n=1)
    key = record_key(prefix, session.id)
    assert [node.open(session.token)["n"] for _ in range(3)] == [1, 1, 1]
    record: Any = server.cli.get(key)
    server.cli.delete(key)
    server.cli.hset(key, "a", "b")
    for _ in range(3):
        with pytest.raises(StoreRefusedError, match="WRONGTYPE"):
            node.open(session.token)
    server.cli.delete(key)
    assert node.open(session.token).is_new
    server.cli.set(key, record)
    assert node.open(session.token)["n"] == 1


def test_a_connection_that_has_died_is_not_noticed(node_of: Open, server: Server) -> None:
    node = node_of(max_connections=1)
    session = stored(node, n=1)
    for _ in range(3):
        assert node.open(session.token)["n"] == 1
        server.cli.client_kill_filter(_type="normal", skipme=True)


@pytest.mark.parametrize("options", [{}, {"single_connection_client": True}, {"protocol": 2}], ids=str)
def test_one_command_whatever_the_client(node_of: Open, server: Server, options: dict[str, Any]) -> None:
    node = node_of(**options)
    session = stored(node, n=1)
    before = calls(server, "get")
    assert [node.open(session.token)["n"] for _ in range(3)] == [1, 1, 1]
    assert calls(server, "get") - before == 3


def spied(real: Any, seen: list[str]) -> Callable[..., Any]:
    def execute_command(self: Any, *args: Any, **options: Any) -> Any:
        seen.append(args[0])
        return real(self, *args, **options)

    return execute_command


def test_tracing_sees_reads(node_of: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def traced(client: Any) -> None:
        client.execute_command = MethodType(spied(type(client).execute_command, seen), client)

    node = node_of(traced)
    session = stored(node, n=1)
    node.open(session.token)
    assert seen.count("GET") == 1

    # What is put into the class, after the client was made.
    node = node_of()
    assert node.open(session.token)["n"] == 1
    for kind in (redis.Redis, redis.asyncio.Redis):
        monkeypatch.setattr(kind, "execute_command", spied(kind.execute_command, seen))
    assert node.open(session.token)["n"] == 1
    assert seen.count("GET") == 2


def test_pools_that_have_to_be_told_the_command() -> None:
    class Old(redis.ConnectionPool):
        def get_connection(self, command_name: str, *keys: Any, **options: Any) -> Any:  # type: ignore[override]
            return super().get_connection()

    assert _plain_command(redis.Redis(connection_pool=Old())) is None
    assert _plain_command(redis.Redis()) is redis.Redis.execute_command
