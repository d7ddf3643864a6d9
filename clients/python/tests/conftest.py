from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sojourn import AsyncPrincipalSessions, AsyncSession, AsyncSessions, Sessions

from . import servers

SECRETS = ["a secret of the tests: 0123456789abcdef", "a former one of the tests: 0123456789abc"]
_names = itertools.count(1)

Make = Callable[..., Any]


class Blocking:
    """What is awaited, as if it were called: so the same cases run on both."""

    def __init__(self, held: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._held = held
        self._loop = loop

    def _wrap(self, value: Any) -> Any:
        if isinstance(value, (AsyncSession, AsyncSessions, AsyncPrincipalSessions)):
            return Blocking(value, self._loop)
        return value

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._held, name)
        if not callable(value):
            return value

        def call(*args: Any, **options: Any) -> Any:
            given = [each._held if isinstance(each, Blocking) else each for each in args]
            result = value(*given, **options)
            if asyncio.iscoroutine(result):
                result = asyncio.run_coroutine_threadsafe(result, self._loop).result(30)
            return self._wrap(result)

        return call

    def __getitem__(self, name: str) -> Any:
        return self._held[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._held[name] = value

    def __delitem__(self, name: str) -> None:
        del self._held[name]

    def __contains__(self, name: str) -> bool:
        return name in self._held

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)


@pytest.fixture(scope="session")
def server() -> Iterator[servers.Server]:
    if not servers.command():
        pytest.skip("no redis-server and no valkey-server on PATH")
    with servers.Server() as started:
        yield started


@pytest.fixture(scope="session")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


@pytest.fixture
def prefix() -> str:
    """Of this case alone: no case sees another's sessions."""
    return f"t{next(_names)}"


def maker(kind: str, client: Any, prefix: str, loop: asyncio.AbstractEventLoop, made: list[Any]) -> Make:
    def make(**options: Any) -> Any:
        given = {"secrets": SECRETS, "prefix": prefix, **options}
        if kind == "sync":
            made.append(Sessions(client, **given))
        else:

            async def build() -> AsyncSessions:
                return AsyncSessions(client, **given)

            made.append(Blocking(asyncio.run_coroutine_threadsafe(build(), loop).result(30), loop))
        return made[-1]

    return make


@pytest.fixture(params=["sync", "async"])
def make(
    request: pytest.FixtureRequest, server: servers.Server, prefix: str, loop: asyncio.AbstractEventLoop
) -> Iterator[Make]:
    """Makes a node: each has connections of its own."""
    made: list[Any] = []
    yield maker(request.param, server.url, prefix, loop, made)
    for each in made:
        each.close()
