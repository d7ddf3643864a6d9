"""For tests of adapters: a browser, and nodes whose round trips are counted."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import httpx

from sojourn import AsyncSession, AsyncSessions
from sojourn.asgi import SessionMiddleware

from .conftest import SECRETS

Handler = Callable[["Call"], Coroutine[Any, Any, None]]
COOKIE = "__Host-session"


def asynchronous(case: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """A case that awaits, in an event loop of its own."""

    @functools.wraps(case)
    def run(*args: Any, **options: Any) -> None:
        asyncio.run(case(*args, **options))

    return run


class Call:
    """A request to a plain ASGI application."""

    def __init__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scope = scope
        self.receive = receive
        self.raw_send = send

    @property
    def session(self) -> AsyncSession:
        session: AsyncSession = self.scope["session"]
        return session

    async def head(self, status: int = 200, **headers: str) -> None:
        pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        await self.raw_send({"type": "http.response.start", "status": status, "headers": pairs})

    async def part(self, text: str, more: bool = True) -> None:
        await self.raw_send({"type": "http.response.body", "body": text.encode(), "more_body": more})

    async def text(self, text: str, status: int = 200, **headers: str) -> None:
        await self.head(status, **headers)
        await self.part(text, more=False)


class Site:
    """Plain ASGI behind the middleware. `steps`: what was asked of Redis."""

    def __init__(self, sessions: AsyncSessions, routes: dict[str, Handler], **options: Any) -> None:
        self.sessions = sessions
        self.events: list[tuple[str, dict[str, Any]]] = []
        for name in ("dropped", "error", "rejected", "token-reuse"):
            sessions.on(name, functools.partial(self._note, name))
        self.steps: list[str] = []
        carry_out = sessions._run._carry_out

        async def counted(step: Any) -> Any:
            self.steps.append(step.script.name if hasattr(step, "script") else type(step).__name__.lower())
            return await carry_out(step)

        sessions._run._carry_out = counted  # type: ignore[method-assign]

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await routes[scope["path"]](Call(scope, receive, send))

        self.app = SessionMiddleware(app, sessions, **options)

    def _note(self, name: str, details: Any) -> None:
        self.events.append((name, dict(details)))

    def browser(self, app: Any = None, *, raises: bool = True) -> httpx.AsyncClient:
        return browser(self.app if app is None else app, raises=raises)

    def token(self, client: httpx.AsyncClient) -> str | None:
        return client.cookies.get(COOKIE)


def browser(app: Any, *, raises: bool = True) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=raises)
    return httpx.AsyncClient(transport=transport, base_url="https://app.test")


def cookies_of(answer: httpx.Response) -> list[str]:
    return [value for value in answer.headers.get_list("set-cookie") if value.startswith(COOKIE)]


@contextlib.asynccontextmanager
async def node(url: str, prefix: str, **options: Any) -> AsyncIterator[AsyncSessions]:
    async with AsyncSessions(url, **{"secrets": SECRETS, "prefix": prefix, **options}) as sessions:
        yield sessions


async def stored(sessions: AsyncSessions, token: str | None) -> dict[str, Any] | None:
    """What another request finds; None where there is no session."""
    session = await sessions.open(token)
    return None if session.is_new else dict(session)


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
