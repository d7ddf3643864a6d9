"""A SessionMiddleware that sends the cookie only when the browser's is not right as it is.

That of Django works too; it sends the cookie with each answer that has changed the session, so that a slow one can bring
a former key after a login has brought a newer one.
"""

from __future__ import annotations

from typing import Any, TypeGuard

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.exceptions import SessionInterrupted
from django.contrib.sessions.middleware import SessionMiddleware as DjangoSessionMiddleware
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.log import log_response

from ..caching import CDN_HEADERS, without_shared_caching
from ..errors import SojournError
from . import former
from .clients import verify
from .engine import configured, get_sessions
from .expiry import TokenKeptError
from .store import SessionStore


class SessionMiddleware(DjangoSessionMiddleware):
    """In place of `django.contrib.sessions.middleware.SessionMiddleware`. Settings are the same.

    Errors of sessions that no view handles are answered with their status and code: 503 while Redis is out of order, 409
    where a login is one too many. Raises ConfigurationError when the application starts.
    """

    def __init__(self, get_response: Any) -> None:
        super().__init__(get_response)
        if self.SessionStore is SessionStore:
            verify(configured())

    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        if isinstance(request.session, SessionStore):
            former.from_its_cookie(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        """What no view has handled."""
        return _answer_to(request, exception) if _is_answered(exception) else None

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        session = getattr(request, "session", None)
        if not isinstance(session, SessionStore):
            return super().process_response(request, response)
        is_losing = _has_changes(session)
        try:
            if _is_due(session, response):
                session.save()
        except (UpdateError, SojournError) as error:
            response = _not_saved(request, response, error, is_losing)
        return self._answered(request, response)

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        """As the two above, without a thread."""
        self.process_request(request)
        response = await self.get_response(request)
        session = getattr(request, "session", None)
        if not isinstance(session, SessionStore):
            return await sync_to_async(super().process_response)(request, response)
        is_losing = _has_changes(session)
        try:
            if _is_due(session, response):
                await session.asave()
        except (UpdateError, SojournError) as error:
            response = _not_saved(request, response, error, is_losing)
        return self._answered(request, response)

    def _answered(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        self._add_headers(request.session, response)
        former.clear_its_cookie(request, response)
        return response

    @staticmethod
    def _add_headers(session: SessionStore, response: HttpResponseBase) -> None:
        """The cookie, and what keeps caches from giving one user's answer to another."""
        cookie = session.cookie()
        if cookie is not None:
            place = {"path": settings.SESSION_COOKIE_PATH, "domain": settings.SESSION_COOKIE_DOMAIN}
            if cookie.max_age == 0:
                response.delete_cookie(cookie.name, samesite=settings.SESSION_COOKIE_SAMESITE, **place)
            else:
                response.set_cookie(
                    cookie.name,
                    cookie.value,
                    max_age=cookie.max_age,
                    secure=settings.SESSION_COOKIE_SECURE or None,
                    httponly=settings.SESSION_COOKIE_HTTPONLY or None,
                    samesite=settings.SESSION_COOKIE_SAMESITE,
                    **place,
                )
            response["Cache-Control"] = without_shared_caching(response.get("Cache-Control", ""))
            for name in CDN_HEADERS:
                response.headers.pop(name, None)
        if cookie is not None or session.accessed:
            if response.has_header("Vary"):
                patch_vary_headers(response, ("Cookie",))
            else:
                response.headers["Vary"] = "Cookie"


def _is_due(session: SessionStore, response: HttpResponseBase) -> bool:
    """What a failed view has set is not saved; a sign-in or sign-out that is done keeps its cookie."""
    if response.status_code >= 500 or not (session.modified or settings.SESSION_SAVE_EVERY_REQUEST):
        return False
    return not session.is_empty() and (session.changed or not session.ended)


def _has_changes(session: SessionStore) -> bool:
    """Whether the application has something to lose."""
    return session.changed or (settings.SESSION_SAVE_EVERY_REQUEST and session.dirty)


def _not_saved(request: HttpRequest, response: HttpResponseBase, error: Exception, is_losing: bool) -> HttpResponseBase:
    if isinstance(error, TokenKeptError):
        return response
    if not is_losing:
        # Only a renewal, or a new key: nobody has asked for it.
        if isinstance(error, SojournError):
            get_sessions().report_error("save", error)
        return response
    if isinstance(error, UpdateError):
        raise SessionInterrupted(
            "The session was ended before this request was done: by a sign-out or a new sign-in, for example."
        ) from None
    if _is_answered(error):
        return _answer_to(request, error)
    raise error


def _is_answered(error: Exception) -> TypeGuard[SojournError]:
    """Those with status 500, as a value that cannot be stored, are mistakes of the application, and raised."""
    return isinstance(error, SojournError) and error.status != 500


def _answer_to(request: HttpRequest, error: SojournError) -> HttpResponse:
    """The code only: messages are for operators."""
    headers = {"Cache-Control": "no-store"}
    if error.status == 503:
        headers["Retry-After"] = "1"
    response = HttpResponse(error.code, "text/plain", error.status, headers=headers)
    log_response("%s: %s", request.path, error, response=response, request=request, exception=error)
    return response
