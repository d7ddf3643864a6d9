"""The ASGI middleware, over HTTP, as every adapter has to do it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sojourn import AsyncSessions, OptionError, SessionAttributeError, Sessions, StoreUnavailableError
from sojourn.asgi import SessionMiddleware

from .conftest import SECRETS
from .servers import Server
from .web import COOKIE, Call, Handler, Site, asynchronous, cookies_of, node, stored


async def unused(call: Call) -> None:
    await call.text("the same for all")


async def read(call: Call) -> None:
    await call.text(f"{call.session.get('n')} {call.session.principal}")


async def change(call: Call) -> None:
    call.session["n"] = call.session.get("n", 0) + 1
    await call.text("changed")


async def login(call: Call) -> None:
    await call.session.login("ada")
    await call.text("welcome")


async def logout(call: Call) -> None:
    await call.session.logout()
    await call.text("bye")


async def rotate(call: Call) -> None:
    await call.session.rotate()
    await call.text("rotated")


async def unstorable(call: Call) -> None:
    call.session["n"] = object()
    await call.text("the answer that is refused")


ROUTES: dict[str, Handler] = {
    "/unused": unused,
    "/read": read,
    "/change": change,
    "/login": login,
    "/logout": logout,
    "/rotate": rotate,
    "/unstorable": unstorable,
}


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
