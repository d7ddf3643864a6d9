"""Requests that fail: by the application, by a value, by Redis."""

from __future__ import annotations

from typing import Any

import pytest

from sojourn import SessionAttributeError, StoreUnavailableError

from .servers import Server
from .web import (
    ROUTES,
    Call,
    Site,
    asynchronous,
    cookies_of,
    node,
    stored,
)


@asynchronous
async def test_a_handler_that_raises(server: Server, prefix: str) -> None:
    async def fail(call: Call) -> None:
        call.session["n"] = 7
        raise LookupError("a bug")

    async with node(server.url, prefix) as sessions:
        site = Site(sessions, {**ROUTES, "/fail": fail})
        async with site.browser() as client:
            await client.get("/change")
            with pytest.raises(LookupError):
                await client.get("/fail")
            assert await stored(sessions, site.token(client)) == {"n": 7}, "as with an answer"
        async with site.browser() as client:
            with pytest.raises(LookupError):
                await client.get("/fail")
        assert [details["reason"] for name, details in site.events if name == "dropped"] == ["headers-sent"]


@asynchronous
async def test_a_value_that_cannot_be_stored_is_a_mistake_of_the_application(server: Server, prefix: str) -> None:
    async def careful(call: Call) -> None:
        call.session["n"] = object()
        try:
            await call.text("refused")
        except SessionAttributeError:
            call.session["m"] = "of the error handler"
            await call.text("mended", 400)

    async def swallowed(call: Call) -> None:
        call.session["n"] = object()
        try:
            await call.text("refused")
        except SessionAttributeError:
            return

    async def stream(call: Call) -> None:
        call.session["n"] = object()
        for _ in range(3):
            try:
                await call.head() if _ == 0 else await call.part("refused")
            except SessionAttributeError as error:
                failures.append(error)
        raise OSError("as frameworks make of it")

    failures: list[Exception] = []
    async with node(server.url, prefix) as sessions:
        site = Site(sessions, {**ROUTES, "/careful": careful, "/swallowed": swallowed, "/stream": stream})
        async with site.browser() as client:
            for path in ("/unstorable", "/swallowed", "/stream"):
                with pytest.raises(SessionAttributeError, match='"n"'):
                    await client.get(path)
            assert len(failures) == 3, "who goes on is told each time"
            answer = await client.get("/careful")
            assert (answer.status_code, answer.text, cookies_of(answer)) == (400, "mended", [])
        assert list(server.cli.scan_iter(f"{prefix}:*")) == []


@asynchronous
async def test_failures_that_nobody_handles_say_what_they_mean(server: Server, prefix: str) -> None:
    async def step_up(call: Call) -> None:
        call.session["n"] = 1
        await call.session.step_up(2)

    async def unstorable_too(call: Call) -> None:
        call.session["n"] = object()
        await call.session.step_up(2)

    async with node(server.url, prefix, max_sessions=1, on_limit="reject") as sessions:
        site = Site(sessions, {**ROUTES, "/step-up": step_up, "/both": unstorable_too})
        async with site.browser() as first, site.browser() as second:
            await first.get("/login")
            answer = await second.get("/login")
            assert (answer.status_code, answer.json()) == (409, {"error": "ERR_SOJOURN_SESSION_LIMIT"})
            assert answer.headers["cache-control"] == "no-store"
            assert "retry-after" not in answer.headers
            answer = await second.get("/step-up")
            assert (answer.status_code, answer.json()) == (401, {"error": "ERR_SOJOURN_NOT_SIGNED_IN"})
            assert await stored(sessions, site.token(second)) == {"n": 1}, "what was changed before is stored"
            with pytest.raises(SessionAttributeError):
                await second.get("/both")


@asynchronous
async def test_while_redis_is_out_of_order(prefix: str) -> None:
    async def careful(call: Call) -> None:
        call.session["n"] = 1
        try:
            await call.text("refused")
        except StoreUnavailableError as error:
            await call.text(error.code, 502)

    async def late(call: Call) -> None:
        await call.head()
        await call.part("early")
        call.session["n"] = 9
        own.kill()
        await call.part("late", more=False)

    with Server() as own:
        async with node(own.url, prefix) as sessions:
            site = Site(sessions, {**ROUTES, "/careful": careful, "/late": late})
            async with site.browser() as client, site.browser() as other:
                await client.get("/change")
                await other.get("/unused")
                with pytest.raises(StoreUnavailableError):
                    await client.get("/late")
                assert [details["operation"] for name, details in site.events if name == "error"] == ["commit"]
                for browser, path in ((client, "/unused"), (client, "/read"), (other, "/change"), (other, "/login")):
                    answer = await browser.get(path)
                    assert (answer.status_code, answer.json()) == (503, {"error": "ERR_SOJOURN_STORE_UNAVAILABLE"})
                    assert answer.headers["retry-after"] == "1"
                    assert cookies_of(answer) == []
                    assert int(answer.headers["content-length"]) == len(answer.content)
                answer = await other.get("/careful")
                assert (answer.status_code, answer.text) == (502, "ERR_SOJOURN_STORE_UNAVAILABLE")
                assert (await other.get("/unused")).status_code == 200, "without a cookie nothing is asked"
                own.start()
                assert (await other.get("/change")).status_code == 200
                assert (await other.get("/read")).text == "1 None"


@asynchronous
async def test_going_on_as_nobody_while_redis_is_out_of_order(prefix: str) -> None:
    async def outage(call: Call) -> None:
        await call.text(str(call.session.outage))

    async def caught(call: Call) -> None:
        call.session["n"] = 1
        for attempt in (call.session.commit, call.session.logout):
            with pytest.raises(StoreUnavailableError):
                await attempt()
        own.start()
        for attempt in (call.session.commit, call.session.logout):
            with pytest.raises(StoreUnavailableError, match="when this request came"):
                await attempt()
        await call.session.login("grace")
        call.session["n"] = 2
        await call.text(str(call.session.outage))

    def policy(scope: Any) -> str:
        return "fail" if scope["path"] == "/unused" else "anonymous"

    with Server() as own:
        async with node(own.url, prefix) as sessions:
            site = Site(sessions, {**ROUTES, "/outage": outage, "/caught": caught}, outage=policy)
            heard: list[Any] = []
            sessions.on("outage", heard.append)
            async with site.browser() as client:
                await client.get("/login")
                assert (await client.get("/outage")).text == "False"
                token = site.token(client)
                own.kill()
                assert (await client.get("/outage")).text == "True"
                assert [details["policy"] for details in heard] == ["anonymous"]
                assert str(token) not in str(heard)
                answer = await client.get("/read")
                assert (answer.status_code, answer.text, cookies_of(answer)) == (200, "None None", [])
                for path in ("/change", "/logout", "/unused"):
                    answer = await client.get(path)
                    assert (path, answer.status_code, cookies_of(answer)) == (path, 503, [])
                assert site.token(client) == token
                answer = await client.get("/caught")
                assert (answer.text, len(cookies_of(answer))) == ("False", 1), "a login may replace the cookie"
                assert (await client.get("/read")).text == "2 grace"


@asynchronous
async def test_a_commit_that_fails_at_the_head_lets_nothing_out(prefix: str) -> None:
    sent: list[Any] = []

    async def dies(call: Call) -> None:
        call.session["n"] = 2
        own.kill()
        await call.text("the answer that is refused", etag='"x"')

    with Server() as own:
        async with node(own.url, prefix) as sessions:
            site = Site(sessions, {**ROUTES, "/dies": dies})
            async with site.browser() as client:
                await client.get("/change")

                async def watched(scope: Any, receive: Any, send: Any) -> None:
                    async def noted(message: Any) -> None:
                        sent.append(message)
                        await send(message)

                    await site.app(scope, receive, noted)

                async with site.browser(watched) as watching:
                    watching.cookies = client.cookies
                    answer = await watching.get("/dies")
            assert answer.status_code == 503
            assert "etag" not in answer.headers
            assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
