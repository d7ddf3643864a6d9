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
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers

from .expiry import TokenKeptError
from .store import SessionStore


class SessionMiddleware(DjangoSessionMiddleware):
    """In place of `django.contrib.sessions.middleware.SessionMiddleware`. Settings are the same."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        session: Any = getattr(request, "session", None)
        if not isinstance(session, SessionStore):
            return super().process_response(request, response)
        is_due = session.modified or (settings.SESSION_SAVE_EVERY_REQUEST and not session.ended)
        # What a failed view has set is not saved; a sign-in or sign-out that is done keeps its cookie.
        if is_due and response.status_code < 500 and not session.is_empty():
            try:
                session.save()
            except TokenKeptError:
                pass
            except UpdateError:
                raise SessionInterrupted(
                    "The session was ended before this request was done: by a sign-out or a new sign-in, for example."
                ) from None
        self._send_cookie(session, response)
        if session.accessed:
            patch_vary_headers(response, ("Cookie",))
        return response

    @staticmethod
    def _send_cookie(session: SessionStore, response: HttpResponseBase) -> None:
        cookie = session.cookie()
        if cookie is None:
            return
        place = {"path": settings.SESSION_COOKIE_PATH, "domain": settings.SESSION_COOKIE_DOMAIN}
        if cookie.max_age == 0:
            response.delete_cookie(cookie.name, samesite=settings.SESSION_COOKIE_SAMESITE, **place)
            return
        response.set_cookie(
            cookie.name,
            cookie.value,
            max_age=cookie.max_age,
            secure=settings.SESSION_COOKIE_SECURE or None,
            httponly=settings.SESSION_COOKIE_HTTPONLY or None,
            samesite=settings.SESSION_COOKIE_SAMESITE,
            **place,
        )
