"""Starlette and FastAPI with the middleware: as they are used, over HTTP, over WebSockets and behind a real server."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import pytest
import uvicorn
from fastapi import BackgroundTasks, Depends, FastAPI, WebSocket
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from sojourn import AsyncSession, AsyncSessions, HeadersSentError, StoreUnavailableError
from sojourn.starlette import SessionMiddleware, get_principal, get_session

from .conftest import SECRETS
from .servers import Server, free_port
from .web import COOKIE, asynchronous, browser, cookies_of, node, stored

Current = Annotated[AsyncSession, Depends(get_session)]


def starlette(sessions: AsyncSessions, **options: Any) -> Starlette:
    async def visit(request: Request) -> Response:
        request.session["n"] = request.session.get("n", 0) + 1
        request.session.setdefault("cart", []).append("apple")
        return JSONResponse(dict(request.session))

    async def login(request: Request) -> Response:
        session = await get_session(request)
        await session.login("ada", keep=["cart"])
        return RedirectResponse("/visit", 303)

    async def stream(request: Request) -> Response:
        async def parts() -> AsyncIterator[str]:
            yield "early "
            request.session["late"] = True
            yield "late"

        return StreamingResponse(parts())

    async def refused(request: Request) -> Response:
        request.session["n"] = object()

        async def parts() -> AsyncIterator[str]:
            while True:
                yield "for ever"
                await asyncio.sleep(0)

        return StreamingResponse(parts())

    async def fail(request: Request) -> Response:
        request.session["n"] = -1
        raise LookupError("a bug")

    async def clear(request: Request) -> Response:
        request.session.clear()
        return PlainTextResponse("cleared")

    handlers = [visit, login, stream, refused, fail, clear]
    routes: list[Any] = [Route(f"/{handler.__name__}", handler, methods=["GET", "POST"]) for handler in handlers]
    routes.append(Mount("/below", routes=[Route("/visit", visit)]))
    return Starlette(routes=routes, middleware=[Middleware(SessionMiddleware, sessions=sessions)], **options)


@asynchronous
async def test_starlette(server: Server, prefix: str) -> None:
    async with node(server.url, prefix) as sessions, browser(starlette(sessions)) as client:
        assert (await client.get("/visit")).json() == {"n": 1, "cart": ["apple"]}
        assert (await client.get("/below/visit")).json() == {"n": 2, "cart": ["apple", "apple"]}
        before = client.cookies[COOKIE]
        answer = await client.post("/login")
        assert (answer.status_code, len(cookies_of(answer))) == (303, 1), "a redirect carries it too"
        assert client.cookies[COOKIE] != before
        assert (await client.get("/visit")).json() == {"cart": ["apple"] * 3, "n": 1}
        assert (await client.get("/stream")).text == "early late"
        assert (await sessions.open(client.cookies[COOKIE]))["late"] is True
        with pytest.raises(LookupError):
            await client.get("/fail")
        assert (await sessions.open(client.cookies[COOKIE]))["n"] == -1
        await client.get("/clear")
        assert (await sessions.open(client.cookies[COOKIE])).principal == "ada"
        assert await stored(sessions, client.cookies[COOKIE]) == {}


@asynchronous
async def test_what_is_refused_ends_a_stream_and_is_told(server: Server, prefix: str) -> None:
    async with node(server.url, prefix) as sessions, browser(starlette(sessions), raises=False) as client:
        answer = await asyncio.wait_for(client.get("/refused"), 5)
        assert (answer.status_code, answer.text) == (500, "Internal Server Error")


@asynchronous
async def test_handlers_of_the_application_come_first(prefix: str) -> None:
    async def out_of_order(_: Request, error: Exception) -> Response:
        assert isinstance(error, StoreUnavailableError)
        return PlainTextResponse("try again", 503)

    with Server() as own:
        async with node(own.url, prefix) as sessions:
            app = starlette(sessions, exception_handlers={StoreUnavailableError: out_of_order})
            async with browser(app) as client:
                own.kill()
                assert (await client.post("/login")).text == "try again"
                answer = await client.get("/visit")
                assert answer.json() == {"error": "ERR_SOJOURN_STORE_UNAVAILABLE"}, "its answer had begun already"


@asynchronous
async def test_behind_a_middleware_that_takes_answers_apart(server: Server, prefix: str) -> None:
    async def mark(request: Request, call_next: Any) -> Response:
        answer: Response = await call_next(request)
        answer.headers["x-n"] = str(request.session["n"])
        request.session["marked"] = True
        return answer

    async with node(server.url, prefix) as sessions:
        app = starlette(sessions)
        app.user_middleware.append(Middleware(BaseHTTPMiddleware, dispatch=mark))
        async with browser(app) as client:
            answer = await client.get("/visit")
            assert (answer.headers["x-n"], len(cookies_of(answer))) == ("1", 1)
            assert await stored(sessions, client.cookies[COOKIE]) == {"n": 1, "cart": ["apple"], "marked": True}


def fastapi(sessions: AsyncSessions, **options: Any) -> FastAPI:
    app = FastAPI()
    app.add_middleware(SessionMiddleware, sessions=sessions, **options)

    @app.post("/login/{name}")
    async def login(name: str, session: Current) -> dict[str, str | None]:
        await session.login(name, device="test")
        return {"principal": session.principal}

    @app.get("/me")
    async def me(principal: Annotated[str, Depends(get_principal)]) -> dict[str, str]:
        return {"principal": principal}

    @app.get("/devices")
    async def devices(session: Current) -> list[str | None]:
        return [info.device for info in await sessions.of(session).list()]

    @app.post("/everywhere")
    async def everywhere(session: Current) -> None:
        await sessions.of(session).revoke_all()

    @app.post("/logout")
    async def logout(session: Current) -> None:
        await session.logout()

    @app.get("/later")
    async def later(session: Current, tasks: BackgroundTasks) -> None:
        session["n"] = 1
        tasks.add_task(session.set, "task", True)

    @app.get("/threaded")
    def threaded(session: Current) -> int:
        session["n"] = session.get("n", 0) + 1
        n: int = session["n"]
        return n

    @app.websocket("/socket")
    async def socket(websocket: WebSocket, session: Current) -> None:
        session["seen"] = session.get("seen", 0) + 1
        await websocket.accept(headers=[(b"x-own", b"1")])
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                await websocket.send_json(await said(session, await websocket.receive_text()))

    async def said(session: AsyncSession, word: str) -> Any:
        if word == "login":
            with pytest.raises(HeadersSentError) as caught:
                await session.login("eve")
            return caught.value.code
        if word == "commit":
            session["word"] = word
            await session.commit()
        elif word == "refresh":
            await session.refresh()
        else:
            session["last"] = word
        return {"ended": session.ended, "principal": session.principal, **session}

    return app


@asynchronous
async def test_fastapi(server: Server, prefix: str) -> None:
    async with node(server.url, prefix) as sessions:
        app = fastapi(sessions)
        async with browser(app) as client, browser(app) as other:
            answer = await client.get("/me")
            assert (answer.status_code, answer.json()) == (401, {"error": "ERR_SOJOURN_NOT_SIGNED_IN"})
            assert (await client.post("/login/ada")).json() == {"principal": "ada"}
            assert (await other.post("/login/ada")).json() == {"principal": "ada"}
            assert (await client.get("/me")).json() == {"principal": "ada"}
            assert (await client.get("/devices")).json() == ["test", "test"]
            assert [(await client.get("/threaded")).json() for _ in range(2)] == [1, 2]
            await client.get("/later")
            assert await stored(sessions, client.cookies[COOKIE]) == {"n": 1, "task": True}
            assert (await client.post("/logout")).status_code == 200
            assert (await client.get("/me")).status_code == 401
            assert (await other.get("/me")).status_code == 200
            await other.post("/everywhere")
            assert (await other.get("/me")).status_code == 401


@asynchronous
async def test_without_the_middleware(server: Server) -> None:
    app = FastAPI()

    @app.get("/")
    async def root(session: Current) -> None: ...

    async with browser(app) as client:
        with pytest.raises(RuntimeError, match="add_middleware"):
            await client.get("/")


@contextlib.contextmanager
def client_of(url: str, prefix: str, **options: Any) -> Iterator[TestClient]:
    sessions = AsyncSessions(url, secrets=SECRETS, prefix=prefix)
    with TestClient(fastapi(sessions, **options), base_url="https://app.test") as client:
        yield client


def test_sockets(server: Server, prefix: str) -> None:
    with client_of(server.url, prefix) as client:
        client.post("/login/ada")
        token = client.cookies[COOKIE]
        with client.websocket_connect("wss://app.test/socket", headers={"cookie": f"{COOKIE}={token}"}) as socket:
            socket.send_text("hello")
            assert socket.receive_json() == {"ended": False, "principal": "ada", "seen": 1, "last": "hello"}
            socket.send_text("login")
            assert socket.receive_json() == "ERR_SOJOURN_HEADERS_SENT"
            socket.send_text("commit")
            assert socket.receive_json()["word"] == "commit"
            client.get("/threaded")
            socket.send_text("refresh")
            assert socket.receive_json()["n"] == 1
            socket.send_text("at the end")
            socket.receive_json()
        found = stored_of(client, token)
        assert found == {"seen": 1, "last": "at the end", "word": "commit", "n": 1}
        with client.websocket_connect("wss://app.test/socket", headers={"cookie": f"{COOKIE}={token}"}) as socket:
            client.post("/everywhere")
            socket.send_text("refresh")
            assert socket.receive_json() == {"ended": True, "principal": None}


def stored_of(client: TestClient, token: str) -> dict[str, Any] | None:
    """In the event loop of the application, where its connections are."""
    app: Any = client.app
    assert client.portal is not None
    found: dict[str, Any] | None = client.portal.call(stored, app.user_middleware[0].kwargs["sessions"], token)
    return found


def test_a_handshake_may_make_the_session(server: Server, prefix: str) -> None:
    with client_of(server.url, prefix) as client:
        with client.websocket_connect("wss://app.test/socket") as socket:
            headers = dict(socket.extra_headers)
        assert headers[b"x-own"] == b"1"
        cookie = headers[b"set-cookie"].decode()
        assert cookie.startswith(f"{COOKIE}=")
        token = cookie.split("=", 1)[1].split(";")[0]
        assert stored_of(client, token) == {"seen": 1}


ORIGINS = [
    ({}, None, True),
    ({}, "https://app.test", True),
    ({}, "https://app.test:443", True),
    ({}, "https://APP.test", True),
    ({}, "http://app.test", False),
    ({}, "https://app.test:8443", False),
    ({}, "https://evil.test", False),
    ({}, "https://app.test.evil.test", False),
    ({}, "null", False),
    ({}, "https://[", False),
    ({}, "", False),
    ({"origins": ["https://page.test"]}, "https://page.test", True),
    ({"origins": ["https://page.test"]}, "https://app.test", False),
    ({"origins": ["https://page.test"]}, None, True),
    ({"origins": lambda origin, scope: origin == "x" and scope["path"] == "/socket"}, "x", True),
    ({"origins": lambda origin, scope: False}, None, False),
]


@pytest.mark.parametrize(("options", "origin", "is_allowed"), ORIGINS)
def test_which_pages_may_open_a_socket(
    server: Server, prefix: str, options: Any, origin: str | None, is_allowed: bool
) -> None:
    headers = {} if origin is None else {"origin": origin}
    with client_of(server.url, prefix, **options) as client:
        if is_allowed:
            with client.websocket_connect("wss://app.test/socket", headers=headers):
                return
        with (
            pytest.raises(WebSocketDenialResponse) as caught,
            client.websocket_connect("wss://app.test/socket", headers=headers),
        ):
            pass
        assert caught.value.status_code == 403


def test_sockets_while_redis_is_out_of_order(prefix: str) -> None:
    with Server() as own, client_of(own.url, prefix) as client:
        client.post("/login/ada")
        own.kill()
        cookie = {"cookie": f"{COOKIE}={client.cookies[COOKIE]}"}
        for headers in (cookie, {}):
            with (
                pytest.raises(WebSocketDenialResponse) as caught,
                client.websocket_connect("wss://app.test/socket", headers=headers),
            ):
                pass
            assert (caught.value.status_code, caught.value.headers["retry-after"]) == (503, "1")


@contextlib.asynccontextmanager
async def served(app: Any) -> AsyncIterator[int]:
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="critical", lifespan="on"))
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield port
    finally:
        server.should_exit = True
        await running


def ask(port: int, path: str, cookie: str = "", method: str = "GET") -> tuple[int, list[str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(method, path, headers={"cookie": cookie} if cookie else {})
        answer = connection.getresponse()
        return answer.status, answer.headers.get_all("set-cookie") or [], answer.read()
    finally:
        connection.close()


@asynchronous
async def test_behind_uvicorn(prefix: str) -> None:
    async def late(request: Request) -> Response:
        async def parts() -> AsyncIterator[str]:
            yield "early"
            request.session["late"] = True
            own.kill()

        return StreamingResponse(parts())

    with Server() as own:
        sessions = AsyncSessions(own.url, secrets=SECRETS, prefix=prefix)
        app = starlette(sessions)
        app.routes.append(Route("/late", late))
        async with served(app) as port:
            status, cookies, body = await asyncio.to_thread(ask, port, "/visit")
            assert (status, len(cookies), body) == (200, 1, b'{"n":1,"cart":["apple"]}')
            cookie = cookies[0].split(";")[0]
            status, cookies, body = await asyncio.to_thread(ask, port, "/visit", cookie)
            assert (status, cookies) == (200, [])
            status, cookies, body = await asyncio.to_thread(ask, port, "/visit", cookie, "HEAD")
            assert (status, body) == (200, b"")
            with pytest.raises(http.client.IncompleteRead):
                await asyncio.to_thread(ask, port, "/late", cookie)
            status, cookies, body = await asyncio.to_thread(ask, port, "/visit", cookie)
            assert (status, cookies, body) == (503, [], b'{"error": "ERR_SOJOURN_STORE_UNAVAILABLE"}')
            own.start()
            assert (await asyncio.to_thread(ask, port, "/visit"))[0] == 200


SOCKET = {
    "upgrade": "websocket",
    "connection": "Upgrade",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@asynchronous
async def test_handshakes_behind_uvicorn(prefix: str) -> None:
    with Server() as own:
        sessions = AsyncSessions(own.url, secrets=SECRETS, prefix=prefix)

        def shake(port: int, **more: str) -> tuple[int, list[str]]:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            try:
                connection.request("GET", "/socket", headers={**SOCKET, **more})
                answer = connection.getresponse()
                return answer.status, answer.headers.get_all("set-cookie") or []
            finally:
                connection.close()

        async with served(fastapi(sessions)) as port:
            status, cookies = await asyncio.to_thread(shake, port)
            assert (status, len(cookies)) == (101, 1)
            cookie = cookies[0].split(";")[0]
            assert await asyncio.to_thread(shake, port, cookie=cookie, origin=f"http://127.0.0.1:{port}") == (101, [])
            assert await asyncio.to_thread(shake, port, cookie=cookie, origin="http://evil.test") == (403, [])
            own.kill()
            assert await asyncio.to_thread(shake, port, cookie=cookie) == (503, [])
            assert await asyncio.to_thread(shake, port) == (503, [])
