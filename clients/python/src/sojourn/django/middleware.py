"""A SessionMiddleware that sends the cookie only when the browser's is not right as it is.

That of Django works too; it sends the cookie with each answer that has changed the session, so that a slow one can bring
a former key after a login has brought a newer one.
"""

from __future__ import annotations

from typing import Any

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
from . import configuration, former
from .clients import verify
from .expiry import TokenKeptError
from .store import SessionStore

#: Of these the client can try again; others are the application's to handle.
_PASSING = (421, 503)


class SessionMiddleware(DjangoSessionMiddleware):
    """In place of `django.contrib.sessions.middleware.SessionMiddleware`. Settings are the same.

    While Redis is out of order requests that need their session are answered with 503. Raises ConfigurationError when the
    application starts.
    """

    def __init__(self, get_response: Any) -> None:
        super().__init__(get_response)
        if self.SessionStore is SessionStore:
            verify(configuration.read())

    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        if isinstance(request.session, SessionStore):
            former.from_its_cookie(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        """Of the view, and what is in between."""
        if isinstance(exception, SojournError) and exception.status in _PASSING:
            return _unavailable(request, exception)
        return None

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        session: Any = getattr(request, "session", None)
        if not isinstance(session, SessionStore):
            return super().process_response(request, response)
        try:
            self._save(session, response)
        except SojournError as error:
            if error.status not in _PASSING:
                raise
            return _unavailable(request, error)
        self._add_headers(session, response)
        former.clear_its_cookie(request, response)
        return response

    @staticmethod
    def _save(session: SessionStore, response: HttpResponseBase) -> None:
        # What a failed view has set is not saved; a sign-in or sign-out that is done keeps its cookie.
        if response.status_code >= 500 or not (session.modified or settings.SESSION_SAVE_EVERY_REQUEST):
            return
        if session.is_empty() or (not session.modified and session.ended):
            return
        try:
            session.save()
        except TokenKeptError:
            pass
        except UpdateError:
            raise SessionInterrupted(
                "The session was ended before this request was done: by a sign-out or a new sign-in, for example."
            ) from None

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
            patch_vary_headers(response, ("Cookie",))


def _unavailable(request: HttpRequest, error: SojournError) -> HttpResponse:
    """The code only: messages are for operators."""
    headers = {"Cache-Control": "no-store"}
    if error.status == 503:
        headers["Retry-After"] = "1"
    response = HttpResponse(error.code, "text/plain", error.status, headers=headers)
    log_response("%s: %s", request.path, error, response=response, request=request, exception=error)
    return response
