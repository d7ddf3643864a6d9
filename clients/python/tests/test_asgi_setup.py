"""Where the middleware stands, and what it is given."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from sojourn import AsyncSessions, OptionError, Sessions
from sojourn.asgi import SessionMiddleware

from .conftest import SECRETS
from .servers import Server
from .web import (
    COOKIE,
    ROUTES,
    Call,
    Site,
    asynchronous,
    cookies_of,
    node,
    stored,
)


@asynchronous
async def test_only_some_requests_and_mounted_twice(server: Server, prefix: str) -> None:
    async def bare(call: Call) -> None:
        await call.text(str("session" in call.scope))

    async with node(server.url, prefix) as sessions:
        site = Site(sessions, {**ROUTES, "/static": bare}, only=lambda scope: scope["path"] != "/static")
        twice = SessionMiddleware(site.app, sessions)
        async with site.browser() as client:
            await client.get("/change")
            site.steps.clear()
            assert (await client.get("/static")).text == "False"
            assert site.steps == []
        async with site.browser(twice) as client:
            assert len(cookies_of(await client.get("/change"))) == 1
            assert (await client.get("/read")).text == "1 None"
            assert site.steps == ["create", "read"]


@asynchronous
async def test_two_sessions_under_two_cookies(server: Server, prefix: str) -> None:
    async def both(call: Call) -> None:
        call.session["inner"] = True
        outer[0]["outer"] = True
        await call.text("both")

    outer: list[Any] = []

    async with node(server.url, prefix) as admin, node(server.url, f"{prefix}b", cookie={"name": "__Host-b"}) as shop:
        inner = Site(admin, {"/": both})

        async def between(scope: Any, receive: Any, send: Any) -> None:
            outer.append(scope["session"])
            await inner.app(scope, receive, send)

        async with inner.browser(SessionMiddleware(between, shop)) as client:
            answer = await client.get("/")
            assert len(answer.headers.get_list("set-cookie")) == 2
            assert answer.headers.get_list("cache-control") == ["private"]
            assert await stored(admin, client.cookies[COOKIE]) == {"inner": True}
            assert await stored(shop, client.cookies["__Host-b"]) == {"outer": True}


@asynchronous
async def test_lifespan_closes_the_sessions(server: Server, prefix: str) -> None:
    sent: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert "session" not in scope
        for _ in range(2):
            message = await receive()
            await send({"type": f"{message['type']}.complete"})

    async def messages() -> AsyncIterator[dict[str, str]]:
        yield {"type": "lifespan.startup"}
        assert (await sessions.open("x")).is_new
        yield {"type": "lifespan.shutdown"}

    async def send(message: Any) -> None:
        if message["type"] == "lifespan.shutdown.complete":
            assert closed == [True]
        sent.append(message["type"])

    sessions = AsyncSessions(server.url, secrets=SECRETS, prefix=prefix)
    closed: list[bool] = []
    close = sessions.close

    async def noted() -> None:
        await close()
        closed.append(True)

    sessions.close = noted  # type: ignore[method-assign]
    received = messages()
    await SessionMiddleware(app, sessions)({"type": "lifespan"}, received.__anext__, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_options_that_are_wrong(server: Server) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None: ...

    with pytest.raises(OptionError, match="AsyncSessions"):
        SessionMiddleware(app, Sessions(server.url, secrets=SECRETS))  # type: ignore[arg-type]
    sessions = AsyncSessions(server.url, secrets=SECRETS)
    for option, value in [
        ("outage", "serve-cached"),
        ("only", True),
        ("origins", "https://a.example"),
        ("origins", ["a.example"]),
        ("origins", None),
    ]:
        with pytest.raises(OptionError) as caught:
            SessionMiddleware(app, sessions, **{option: value})  # type: ignore[arg-type]
        assert caught.value.option == option
