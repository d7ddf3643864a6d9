"""The application that is measured: one Django, its sessions by one of several systems, or none."""

from __future__ import annotations

import json
import secrets
from io import BytesIO
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path

SAMPLE: dict[str, Any] = json.loads((Path(__file__).parent.parent / "sample-session.json").read_text())
SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"


def systems(socket: str) -> dict[str, dict[str, Any]]:
    """Settings of each, as its documentation has them."""
    on_cache = {"MIDDLEWARE": [SESSIONS], "SESSION_ENGINE": "django.contrib.sessions.backends.cache"}
    sojourn = {
        "MIDDLEWARE": ["sojourn.django.SessionMiddleware"],
        "SESSION_ENGINE": "sojourn.django",
        "SOJOURN": {"REDIS": f"unix://{socket}", "SECRETS": [secrets.token_urlsafe(32)]},
    }
    return {
        "bare": {"MIDDLEWARE": []},
        "django-redis": {
            **on_cache,
            "CACHES": {"default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": f"unix://{socket}"}},
        },
        "django": {
            **on_cache,
            "CACHES": {
                "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": f"unix://{socket}"}
            },
        },
        "sojourn": sojourn,
        "sojourn-anew": sojourn,
    }


def seed(request: HttpRequest) -> HttpResponse:
    for name, value in SAMPLE.items():
        request.session[name] = value
    # No two sessions are the same.
    request.session["csrf"] = secrets.token_urlsafe(16)
    return HttpResponse("seeded")


def read(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.session["theme"])


def write(request: HttpRequest) -> HttpResponse:
    request.session["views"] = request.session.get("views", 0) + 1
    return HttpResponse("written")


def anonymous(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.session.get("views", 0))


def cart(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.session["cart"][0]["sku"])


def views(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(request.session.get("views", 0)))


class NoSession:
    """The bare application answers the same, out of a dict."""

    def __init__(self, get_response: Any) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.session = {"theme": SAMPLE["theme"], "cart": SAMPLE["cart"]}
        return self._get_response(request)


urlpatterns = [path(f"{view.__name__}/", view) for view in (seed, read, cart, write, anonymous, views)]


class Application:
    """Its WSGI handler, called as a server calls it."""

    def __init__(self, system: str, socket: str) -> None:
        own = systems(socket)[system]
        middleware = ["django.middleware.security.SecurityMiddleware"]
        middleware += own.pop("MIDDLEWARE") or ["app.NoSession"]
        middleware += ["django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware"]
        settings.configure(
            SECRET_KEY=secrets.token_urlsafe(32),
            ALLOWED_HOSTS=["localhost"],
            ROOT_URLCONF="app",
            INSTALLED_APPS=[],
            DATABASES={},
            DEBUG_PROPAGATE_EXCEPTIONS=True,
            MIDDLEWARE=middleware,
            **own,
        )
        django.setup()
        from django.core.wsgi import get_wsgi_application

        self._handle = get_wsgi_application()
        self._status = ""
        self._headers: list[tuple[str, str]] = []

    def _start(self, status: str, headers: list[tuple[str, str]], _: Any = None) -> None:
        self._status, self._headers = status, headers

    def ask(self, name: str, cookie: str | None = None) -> bytes:
        environ: dict[str, Any] = {
            "REQUEST_METHOD": "GET",
            "SCRIPT_NAME": "",
            "PATH_INFO": f"/{name}/",
            "QUERY_STRING": "",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": "localhost",
            "HTTP_USER_AGENT": "bench",
            "HTTP_ACCEPT": "*/*",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": BytesIO(),
            "wsgi.errors": None,
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
        }
        if cookie is not None:
            environ["HTTP_COOKIE"] = cookie
        response = self._handle(environ, self._start)
        body = b"".join(response)
        response.close()
        if self._status != "200 OK":
            raise RuntimeError(f"/{name}/ was answered {self._status}: {body[:200]!r}")
        return body

    def cookie(self) -> str | None:
        """That the last answer has set."""
        set_cookies = [value for name, value in self._headers if name == "Set-Cookie"]
        return set_cookies[0].split(";", 1)[0] if set_cookies else None
