"""The examples of docs/python.md run."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask_login import UserMixin, current_user, login_user
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from .conftest import SECRETS
from .servers import Server
from .test_expiry import expire
from .web import COOKIE, asynchronous, browser

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "python.md").read_text(encoding="utf-8")
FASTAPI, SOCKETS, FLASK, FLASK_LOGIN, EXPIRY = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture
def scope(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    monkeypatch.setenv("SESSION_SECRET", SECRETS[0])
    yield {"__name__": "example", "url": server.url}
    # They have no prefix of their own.
    server.cli.flushall()


def run(code: str, scope: dict[str, Any]) -> None:
    exec(code.replace("redis://127.0.0.1:6379", scope["url"]), scope)


@asynchronous
async def test_fastapi(scope: dict[str, Any]) -> None:
    run(FASTAPI, scope)
    async with scope["sessions"] as sessions, browser(scope["app"]) as client:
        assert (await client.post("/cart/apple")).json() == ["apple"]
        assert (await client.get("/me")).status_code == 401
        await client.post("/login")
        assert (await client.post("/cart/pear")).json() == ["apple", "pear"]
        assert (await client.get("/me")).json() == "ada"
        (info,) = await sessions.of("ada").list()
        assert info.device.startswith("python-httpx")
        assert (await client.post("/logout-everywhere")).status_code == 200
        assert (await client.get("/me")).status_code == 401


def test_sockets(scope: dict[str, Any]) -> None:
    run(FASTAPI, scope)
    fastapi = scope["app"]
    run(SOCKETS, scope)
    with TestClient(fastapi, base_url="https://testserver") as client:
        client.post("/login")
        assert client.portal is not None
        # One event loop for both: the sessions' connections are of it.
        client.app = scope["app"]
        client._transport.app = scope["app"]
        cookie = {"cookie": f"{COOKIE}={client.cookies[COOKIE]}"}
        with client.websocket_connect("wss://testserver/", headers=cookie) as socket:
            socket.send_text("hello")
            assert socket.receive_text() == "stored"
            client.portal.call(scope["sessions"].of("ada").revoke_all)
            socket.send_text("bye")
            with pytest.raises(WebSocketDisconnect):
                socket.receive_text()


def test_flask(scope: dict[str, Any]) -> None:
    run(FLASK, scope)
    client = scope["app"].test_client()

    def ask(method: str, path: str) -> Any:
        return client.open(path, method=method, base_url="https://app.test")

    assert ask("POST", "/cart/apple").json == ["apple"]
    assert ask("GET", "/me").status_code == 401
    ask("POST", "/login")
    assert ask("POST", "/cart/pear").json == ["apple", "pear"]
    assert ask("GET", "/me").text == "ada"
    assert [info.device for info in scope["sessions"].of("ada").list()] == ["Firefox on Linux"]
    ask("POST", "/logout-everywhere")
    assert ask("GET", "/me").status_code == 401
    scope["sessions"].close()


def test_flask_login(scope: dict[str, Any]) -> None:
    class User(UserMixin):
        def __init__(self, name: str) -> None:
            self.id = name

        by_principal = classmethod(lambda cls, principal: cls(principal))

    run(FLASK, scope)
    scope["User"] = User
    run(FLASK_LOGIN, scope)
    app = scope["app"]
    app.secret_key = "for Flask-Login's remember cookie"

    @app.get("/in")
    def sign_in() -> Any:
        login_user(User("ada"))
        return current_user.id

    with app.test_client() as client:
        assert client.get("/in", base_url="https://app.test").text == "ada"
        assert client.get("/me", base_url="https://app.test").text == "ada"
    scope["sessions"].close()


def test_expired_sessions(scope: dict[str, Any], server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    run(EXPIRY, scope)
    session, stop = scope["sessions"].open(), threading.Event()
    session.login("ada", device="Firefox")
    expire(server, "sj", session.id)
    release = scope["release_cart"]

    def release_and_stop(expired: Any) -> None:
        release(expired)
        stop.set()

    scope["release_cart"] = release_and_stop
    scope["work"](stop)
    assert capsys.readouterr().out == f"{session.id} ada Firefox\n"
    scope["sessions"].close()
