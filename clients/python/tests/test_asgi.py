"""The ASGI middleware, over HTTP, as every adapter has to do it."""

from __future__ import annotations

import asyncio
from typing import Any

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
async def test_anonymous_requests_cost_nothing(server: Server, prefix: str) -> None:
    async def set_and_unset(call: Call) -> None:
        call.session["n"] = 1
        del call.session["n"]
        await call.text("nothing")

    async with node(server.url, prefix) as sessions:
        site = Site(sessions, {**ROUTES, "/": set_and_unset})
        async with site.browser() as client:
            for path in ("/unused", "/read", "/", "/logout"):
                answer = await client.get(path)
                assert (answer.status_code, cookies_of(answer)) == (200, [])
        assert site.steps == []
        assert list(server.cli.scan_iter(f"{prefix}:*")) == []


@asynchronous
async def test_a_session_from_request_to_request(server: Server, prefix: str) -> None:
    async with node(server.url, prefix) as sessions:
        site = Site(sessions, ROUTES)
        async with site.browser() as client:
            answer = await client.get("/change")
            token = site.token(client)
            assert cookies_of(answer) == [f"{COOKIE}={token}; Path=/; HttpOnly; SameSite=Lax; Secure"]
            assert site.steps == ["create"]
            for path in ("/read", "/unused", "/change", "/read"):
                site.steps.clear()
                assert cookies_of(await client.get(path)) == []
                assert site.steps == (["read", "commit"] if path == "/change" else ["read"]), "one round trip to open it"
            assert (await client.get("/read")).text == "2 None"
            head = await client.head("/change")
            assert head.status_code == 200
            assert (await client.get("/read")).text == "3 None"


@asynchronous
async def test_login_logout_and_rotation(server: Server, prefix: str) -> None:
    async with node(server.url, prefix) as sessions:
        site = Site(sessions, ROUTES)
        async with site.browser() as client:
            await client.get("/change")
            before = site.token(client)
            assert len(cookies_of(await client.get("/login"))) == 1
            assert (await client.get("/read")).text == "None ada"
            former = site.token(client)
            assert former != before
            assert len(cookies_of(await client.get("/rotate"))) == 1
            assert site.token(client) != former
            async with site.browser() as late:
                answer = await late.get("/read", headers={"cookie": f"{COOKIE}={before}"})
                assert (answer.text, cookies_of(answer)) == ("None None", [])
                answer = await late.get("/change", headers={"cookie": f"{COOKIE}={before}"})
                assert (answer.status_code, cookies_of(answer)) == (200, []), "the login's cookie stays"
                assert site.events[-1][1]["reason"] == "superseded"
                answer = await late.get("/read", headers={"cookie": f"{COOKIE}={former}"})
                assert answer.text == "None ada"
                assert site.token(late) == site.token(client), "the successor, for who comes late"
            last = site.token(client)
            answer = await client.get("/logout")
            clear = f"{COOKIE}=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/; HttpOnly; SameSite=Lax; Secure"
            assert cookies_of(answer) == [clear]
            assert answer.headers["cache-control"] == "private"
            assert site.token(client) is None
            assert await stored(sessions, last) is None


@asynchronous
async def test_ended_by_somebody_else_the_cookie_is_left_alone(server: Server, prefix: str) -> None:
    async with node(server.url, prefix) as sessions:

        async def revoked(call: Call) -> None:
            call.session["n"] = 99
            assert await sessions.revoke(call.session.id or "")
            await call.text("too late")

        site = Site(sessions, {**ROUTES, "/revoked": revoked})
        async with site.browser() as client:
            await client.get("/change")
            answer = await client.get("/revoked")
            assert (answer.status_code, cookies_of(answer)) == (200, [])
            assert [name for name, _ in site.events] == ["dropped"]


@asynchronous
async def test_a_token_that_is_old_is_replaced_whatever_is_asked(server: Server, prefix: str) -> None:
    async with node(server.url, prefix, rotate_every="15m") as sessions:
        site = Site(sessions, ROUTES)
        async with site.browser() as client:
            await client.get("/login")
            for path in ("/read", "/unused", "/change"):
                before = site.token(client)
                sessions._repository.settings.clock._offset += 15 * 60_000 + 1  # type: ignore[operator]
                answer = await client.get(path)
                assert len(cookies_of(answer)) == 1
                assert answer.headers["cache-control"] == "private"
                assert site.token(client) != before


CACHING = [
    (None, "private"),
    ("public", "private"),
    ("Public, S-MaxAge=600, max-age=60", "private, max-age=60"),
    ("max-age=60, s-maxage=600", "private, max-age=60"),
    ("no-store", "no-store"),
    ("private, max-age=5", "private, max-age=5"),
    ("no-cache", "private, no-cache"),
]


VARY = [
    ("accept-encoding", "accept-encoding, Cookie"),
    ("Cookie", "Cookie"),
    ("accept, COOKIE", "accept, COOKIE"),
    ("*", "*"),
]


@asynchronous
async def test_caching(server: Server, prefix: str) -> None:
    said: dict[str, Any] = {}

    async def told(call: Call) -> None:
        call.session["n"] = call.session.get("n", 0) + 1
        await call.text("changed", **said)

    async def looked(call: Call) -> None:
        await call.text(str("n" in call.session), **said)

    async with node(server.url, prefix) as sessions:
        site = Site(sessions, {**ROUTES, "/told": told, "/looked": looked})
        for given, sent in CACHING:
            said = {"cdn_cache_control": "max-age=600", "surrogate_control": "max-age=600"}
            if given is not None:
                said["cache_control"] = given
            async with site.browser() as client:
                headers = (await client.get("/told")).headers
                assert headers.get_list("cache-control") == [sent]
                assert headers["vary"] == "Cookie"
                assert "cdn-cache-control" not in headers
                assert "surrogate-control" not in headers
                again = (await client.get("/told")).headers
                assert again.get("cache-control") == given, "no cookie goes out with it"
        async with site.browser() as client:
            await client.get("/change")
            assert "vary" not in (await client.get("/unused")).headers
            for given, sent in VARY:
                said = {"vary": given}
                assert (await client.get("/looked")).headers.get_list("vary") == [sent]
            assert (await client.get("/read")).headers["vary"] == "Cookie"


STRANGE = [
    "",
    "A" * 48,
    "A" * 6_000,
    "../../../../etc/passwd",
    "__proto__",
    "%00%0d%0a",
    "+/" * 24,
]


@asynchronous
async def test_strange_cookies_are_anonymous_without_asking_redis(server: Server, prefix: str) -> None:
    async with node(server.url, prefix) as sessions:
        site = Site(sessions, ROUTES)
        async with site.browser() as client:
            await client.get("/change")
            token = site.token(client) or ""
        site.steps.clear()
        for value in [*STRANGE, token[:-1], f'"{token}"', token[:20] + " " + token[20:], token[:-1] + "é"]:
            async with site.browser() as client:
                answer = await client.get("/read", headers={b"cookie": f"{COOKIE}={value}".encode()})
                assert (answer.text, cookies_of(answer)) == ("None None", [])
        assert site.steps == []
        good, forged = f"{COOKIE}={token}", f"{COOKIE}={'A' * 48}"
        doubles = [f"{forged}; {good}", f"{good}; {forged}", f"{good};{good}", f"{COOKIE}=; {good}", f"x{good[1:]}; {good}"]
        for cookie in [*doubles, "; ".join([*(f"{COOKIE}{i}=x; my{COOKIE}={i}" for i in range(150)), good])]:
            async with site.browser() as client:
                assert (await client.get("/read", headers={"cookie": cookie})).text == "1 None"
        async with site.browser() as client:
            answer = await client.get("/read", headers=[("cookie", "a=b"), ("cookie", good)])
            assert answer.text == "1 None", "HTTP/2 may send several lines"


@asynchronous
async def test_of_two_cookies_the_one_that_is_alive(server: Server, prefix: str) -> None:
    async with node(server.url, prefix) as sessions:
        site = Site(sessions, ROUTES)
        async with site.browser() as one, site.browser() as two:
            await one.get("/change")
            await two.get("/change")
            await two.get("/change")
            ended, alive = site.token(one), site.token(two)
        await (await sessions.open(ended)).logout()
        async with site.browser() as client:
            cookie = f"{COOKIE}={ended}; {COOKIE}={alive}"
            assert (await client.get("/read", headers={"cookie": cookie})).text == "2 None"


@asynchronous
async def test_changes_in_a_stream(server: Server, prefix: str) -> None:
    codes: list[str] = []

    async def stream(call: Call) -> None:
        await call.head()
        await call.part("early ")
        call.session["late"] = True
        for attempt in (call.session.login("ada"), call.session.rotate(), call.session.step_up(1)):
            try:
                await attempt
            except Exception as error:
                codes.append(getattr(error, "code", repr(error)))
        await call.part("late", more=False)
        call.session["after"] = True

    async with node(server.url, prefix) as sessions:
        site = Site(sessions, {**ROUTES, "/stream": stream})
        async with site.browser() as client:
            await client.get("/change")
            assert (await client.get("/stream")).text == "early late"
            assert codes == ["ERR_SOJOURN_HEADERS_SENT"] * 3
            assert await stored(sessions, site.token(client)) == {"n": 1, "late": True, "after": True}
        async with site.browser() as client:
            answer = await client.get("/stream")
            assert (answer.text, cookies_of(answer)) == ("early late", [])
            reasons = [details["reason"] for name, details in site.events if name == "dropped"]
            assert reasons == ["headers-sent", "headers-sent"], "its cookie is too late"


@asynchronous
async def test_the_lifetime_is_renewed_after_the_answer(server: Server, prefix: str) -> None:
    async with node(server.url, prefix) as sessions:
        site = Site(sessions, ROUTES)
        async with site.browser() as client:
            await client.get("/change")
            (key,) = server.cli.scan_iter(f"{prefix}:*:s:*")
            server.cli.pexpire(key, 20 * 60_000)
            sessions._repository.settings.clock._offset += 10 * 60_000  # type: ignore[operator]
            site.steps.clear()
            await client.get("/read")
            assert site.steps == ["read", "touch"]
            assert server.cli.pttl(key) > 29 * 60_000


@asynchronous
async def test_parallel_requests_of_one_session(server: Server, prefix: str) -> None:
    async def count(call: Call) -> None:
        name = call.scope["query_string"].decode()
        call.session[name] = True
        await call.session.modify("n", lambda n: n + 1, 0)
        await call.text("counted")

    async with node(server.url, prefix) as sessions:
        site = Site(sessions, {**ROUTES, "/count": count})
        async with site.browser() as client:
            await client.get("/change")
            await asyncio.gather(*(client.get(f"/count?{i}") for i in range(20)))
            found = await stored(sessions, site.token(client))
            assert found == {"n": 21, **{str(i): True for i in range(20)}}
