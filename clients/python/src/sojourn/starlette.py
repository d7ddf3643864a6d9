"""Dependencies for FastAPI, and typed access for Starlette. The middleware is `sojourn.asgi.SessionMiddleware`."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from .asgi import SessionMiddleware
from .errors import NotSignedInError
from .session import AsyncSession

__all__ = ["SessionMiddleware", "get_principal", "get_session"]


async def get_session(connection: HTTPConnection) -> AsyncSession:
    """The session of a request or a WebSocket: `session: Annotated[AsyncSession, Depends(get_session)]`.

    Asynchronous, though it waits for nothing: FastAPI would run it in a thread.
    """
    session = connection.scope.get("session")
    if not isinstance(session, AsyncSession):
        raise RuntimeError("this request has no session: app.add_middleware(SessionMiddleware, sessions=...) comes first")
    return session


async def get_principal(connection: HTTPConnection) -> str:
    """Who is signed in. Raises NotSignedInError, which the middleware answers with 401."""
    principal = (await get_session(connection)).principal
    if principal is None:
        raise NotSignedInError("request")
    return principal
