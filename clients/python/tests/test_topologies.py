"""A Cluster and Sentinels: the same sessions there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
import redis
import redis.asyncio
import redis.asyncio.retry
import redis.asyncio.sentinel
import redis.backoff
import redis.retry
import redis.sentinel

from sojourn import StoreRefusedError, StoreUnavailableError
from sojourn.keys import awaited_key, record_key

from . import servers
from .conftest import maker
from .nodes import stored
from .test_expiry import until_told

pytestmark = pytest.mark.skipif(not servers.command(), reason="no redis-server and no valkey-server on PATH")


def walk_through(make: Any) -> Any:
    """From a first visit to a sign-out everywhere, on two nodes."""
    one, two = make(), make()
    sessions = []
    for i in range(30):
        session = one.open()
        session["n"] = i
        session.commit()
        assert two.open(session.token)["n"] == i
        session.login(f"user-{i % 3}", keep=["n"])
        session.rotate()
        found = two.open(session.token)
        found["m"] = i
        found.commit()
        sessions.append(session)
    assert [len(one.of(f"user-{i}").list()) for i in range(3)] == [10, 10, 10]
    assert two.of("user-0").revoke_all() == 10
    assert [two.open(session.token).is_new for session in sessions[:2]] == [True, False]
    session = sessions[1]
    session.step_up(2)
    assert two.revoke(session.id)
    assert one.open(session.token).is_new
    limited = make(max_sessions=2)
    last = limited.open()
    last.login("user-2")
    assert len(one.of("user-2").list()) == 2
    last.logout()
    assert len(one.of("user-2").list()) == 1
    return sessions


@pytest.fixture(scope="module")
def nodes() -> Iterator[list[servers.Server]]:
    with servers.cluster() as started:
        yield started


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_cluster(kind: str, nodes: list[servers.Server], prefix: str, loop: Any) -> None:
    made: list[Any] = []
    cls = redis.RedisCluster if kind == "sync" else redis.asyncio.RedisCluster
    client: Any = cls(host="127.0.0.1", port=nodes[0].port)
    walk_through(maker(kind, client, prefix, loop, made))
    counts = [len(node.cli.keys(f"{prefix}:*")) for node in nodes]
    assert all(count > 0 for count in counts), "sessions are on all masters"
    if kind == "sync":
        client.close()


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_expiry_on_a_cluster(kind: str, nodes: list[servers.Server], prefix: str, loop: Any) -> None:
    made: list[Any] = []
    cls = redis.RedisCluster if kind == "sync" else redis.asyncio.RedisCluster
    client: Any = cls(host="127.0.0.1", port=nodes[0].port)
    sessions = maker(kind, client, prefix, loop, made)(expiry="reliable")
    ids = [stored(sessions, n=i).id for i in range(20)]
    for session_id in ids:
        key = awaited_key(prefix, session_id[:3])
        holder = next(node.cli for node in nodes if _holds(node, key))
        holder.delete(record_key(prefix, session_id))
        holder.zadd(key, {session_id[3:]: 1}, xx=True)
    seen: list[str] = []
    until_told(sessions, lambda session: seen.append(session.id), lambda: len(seen) == len(ids))
    assert sorted(seen) == sorted(ids)
    if kind == "sync":
        client.close()


def _holds(node: servers.Server, key: str) -> bool:
    with contextlib.suppress(redis.ResponseError):
        return bool(node.cli.exists(key))
    return False


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_cluster_that_has_lost_a_master(kind: str, prefix: str, loop: Any) -> None:
    """What the client raises has many names; what sessions raise has one."""
    made: list[Any] = []
    with servers.cluster() as nodes:
        cls: Any = redis.RedisCluster if kind == "sync" else redis.asyncio.RedisCluster
        retry: Any = redis.retry.Retry if kind == "sync" else redis.asyncio.retry.Retry
        client = cls(host="127.0.0.1", port=nodes[0].port, retry=retry(redis.backoff.NoBackoff(), 1), socket_timeout=0.5)
        node = maker(kind, client, prefix, loop, made)()
        tokens = []
        for i in range(20):
            session = node.open()
            session["n"] = i
            session.commit()
            tokens.append(session.token)
        nodes[2].kill()
        refused = 0
        for token in tokens:
            try:
                node.open(token)
            except StoreUnavailableError:
                refused += 1
        assert refused > 0
        if kind == "sync":
            client.close()


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_sentinel(kind: str, prefix: str, loop: Any) -> None:
    made: list[Any] = []
    with servers.sentinel("sojourn-test") as (primary, replica, watcher):
        module: Any = redis.sentinel if kind == "sync" else redis.asyncio.sentinel
        client = module.Sentinel([("127.0.0.1", watcher.port)], socket_timeout=0.5).master_for("sojourn-test")
        make = maker(kind, client, prefix, loop, made)
        session = walk_through(make)[4]
        servers.until(lambda: replica.cli.dbsize() == primary.cli.dbsize())
        watcher.cli.execute_command("SENTINEL", "FAILOVER", "sojourn-test")
        servers.until(lambda: replica.cli.info("replication")["role"] == "master")
        node = make()
        found: list[Any] = []

        def is_served() -> bool:
            with contextlib.suppress(StoreUnavailableError, StoreRefusedError):
                opened = node.open(session.token)
                opened["after"] = True
                opened.commit()
                found.append(opened)
                return True
            return False

        servers.until(is_served)
        assert found[0].principal == session.principal
        assert node.open(session.token)["after"] is True
