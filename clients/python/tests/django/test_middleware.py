"""Answers and their cookies: by the SessionMiddleware of Django, and by the one of this package."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import login
from django.contrib.sessions.exceptions import SessionInterrupted
from django.contrib.sessions.middleware import SessionMiddleware as DjangosMiddleware
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory, override_settings

from sojourn.django import SessionStore, get_sessions
from sojourn.django.configuration import ConfigurationError
from sojourn.django.middleware import SessionMiddleware
from sojourn.keys import record_key
from sojourn.token import create_token

from ..servers import Server, free_port
from .test_store import later, stored

COOKIE = "__Host-session"
OWN = "sojourn.django.middleware.SessionMiddleware"
BOTH = pytest.mark.parametrize("middleware", [DjangosMiddleware, SessionMiddleware])


def call(middleware: Any, view: Callable[[Any], Any], token: str | None = None) -> HttpResponse:
    request = RequestFactory().get("/")
    if token is not None:
        request.COOKIES[COOKIE] = token

    def respond(request: HttpRequest) -> HttpResponse:
        answer = view(request)
        return answer if isinstance(answer, HttpResponse) else HttpResponse()

    return middleware(respond)(request)


def put(**values: Any) -> Callable[[Any], None]:
    return lambda request: request.session.update(values)


def read(request: Any) -> None:
    request.session.get("a")


@BOTH
def test_a_new_session(middleware: Any) -> None:
    answer = call(middleware, put(a=1))
    cookie = answer.cookies[COOKIE]
    assert dict(SessionStore(cookie.value).items()) == {"a": 1}
    assert (cookie["path"], cookie["secure"], cookie["httponly"], cookie["samesite"]) == ("/", True, True, "Lax")
    assert 14 * 86_400 - 2 <= cookie["max-age"] <= 14 * 86_400
    assert answer["Vary"] == "Cookie"
    with override_settings(SESSION_EXPIRE_AT_BROWSER_CLOSE=True):
        assert call(middleware, put(a=1)).cookies[COOKIE]["max-age"] == ""


@BOTH
def test_nothing_is_asked_and_nothing_stored_where_nothing_is_used(middleware: Any, server: Server) -> None:
    token = stored(a=1).session_key
    before = server.cli.info("stats")["total_commands_processed"]
    answer = call(middleware, lambda request: None, token)
    assert server.cli.info("stats")["total_commands_processed"] - before == 1
    assert (answer.cookies, answer.get("Vary")) == ({}, None)
    answer = call(middleware, read)
    assert (answer.cookies, answer["Vary"]) == ({}, "Cookie")


@BOTH
def test_a_session_that_is_emptied_stays(middleware: Any) -> None:
    token = stored(a=1).session_key
    call(middleware, lambda request: request.session.pop("a"), token)
    assert SessionStore().exists(token)
    assert dict(SessionStore(token).items()) == {}


@BOTH
def test_a_failure_stores_nothing(middleware: Any) -> None:
    def fail(request: Any) -> HttpResponse:
        request.session["a"] = 2
        return HttpResponse(status=500)

    token = stored(a=1).session_key
    assert call(middleware, fail, token).cookies == {}
    assert SessionStore(token)["a"] == 1
    assert call(middleware, fail).cookies == {}


@BOTH
def test_a_session_that_ends_meanwhile(middleware: Any) -> None:
    token = stored(a=1).session_key

    def end(request: Any) -> None:
        request.session["a"] = 2
        SessionStore().delete(token)

    with pytest.raises(SessionInterrupted):
        call(middleware, end, token)
    assert not SessionStore().exists(token)


@BOTH
def test_a_sign_out_clears_the_cookie(middleware: Any) -> None:
    token = stored(a=1).session_key
    answer = call(middleware, lambda request: request.session.flush(), token)
    cookie = answer.cookies[COOKIE]
    assert (cookie.value, cookie["max-age"], cookie["path"]) == ("", 0, "/")


@BOTH
def test_who_comes_late_with_the_key_of_before_a_login_leaves_the_newer_cookie(middleware: Any, ada: Any) -> None:
    session = stored(a=1)
    former = session.session_key
    session.sign_in("1", {})
    answer = call(middleware, read, former)
    assert answer.cookies == {}
    with pytest.raises(SessionInterrupted):
        call(middleware, put(a=2), former)


@BOTH
def test_rotations_bring_their_key(middleware: Any, sojourn: Any) -> None:
    sojourn(ROTATE_EVERY="1h")
    session = stored(a=1)
    later(61 * 60_000)
    answer = call(middleware, read, session.session_key)
    token = answer.cookies[COOKIE].value
    assert token != session.session_key
    # One that was sent before: it is led on, and told as well.
    assert call(middleware, read, session.session_key).cookies[COOKIE].value == token
    assert call(middleware, read, token).cookies == {}


@BOTH
def test_use_keeps_it_alive(middleware: Any, sojourn: Any, server: Server, prefix: str) -> None:
    sojourn(IDLE_TIMEOUT="30m", ABSOLUTE_TIMEOUT="12h")
    session = stored(a=1)
    key = record_key(prefix, session.public_id or "")
    server.cli.pexpire(key, 20 * 60_000)
    later(10 * 60_000)
    answer = call(middleware, read, session.session_key)
    assert server.cli.pttl(key) > 29 * 60_000
    if middleware is DjangosMiddleware:
        assert answer.cookies[COOKIE]["max-age"] == 1800, "the cookie lasts as long as the session"
    else:
        assert answer.cookies == {}, "it has been there until the deadline from the start"


@BOTH
def test_a_request_that_has_outlasted_its_key(middleware: Any, sojourn: Any) -> None:
    sojourn(ROTATION_GRACE="1ms", ROTATION_PATIENCE="1ms")
    session = stored(a=1)
    new: list[str] = []

    def slow(request: Any) -> None:
        request.session["a"] = 2
        other = get_sessions().open(session.session_key)
        other.rotate()
        new.append(other.token or "")
        later(1000)

    if middleware is DjangosMiddleware:
        # It would put the former key over the newer one.
        with pytest.raises(SessionInterrupted):
            call(middleware, slow, session.session_key)
    else:
        assert call(middleware, slow, session.session_key).cookies == {}
    assert SessionStore(new[0])["a"] == 2, "stored it is"


def test_the_cookie_goes_out_only_where_it_is_new(ada: Any) -> None:
    """Of the middleware of this package alone."""
    token = stored(a=1).session_key
    assert call(SessionMiddleware, put(a=2), token).cookies == {}
    assert call(DjangosMiddleware, put(a=3), token).cookies[COOKIE].value == token

    def sign_in_and_fail(request: Any) -> HttpResponse:
        ada.backend = "django.contrib.auth.backends.ModelBackend"
        login(request, ada)
        return HttpResponse(status=500)

    answer = call(SessionMiddleware, sign_in_and_fail, token)
    assert SessionStore(answer.cookies[COOKIE].value).principal == str(ada.pk), "the sign-in is done, whatever failed then"
    # The former key, late: nothing is to be saved, and nothing is interrupted.
    with override_settings(SESSION_SAVE_EVERY_REQUEST=True):
        assert call(SessionMiddleware, lambda request: None, token).cookies == {}


@pytest.fixture
def other_engine() -> Iterator[None]:
    with override_settings(SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies"):
        yield


def test_it_serves_other_engines_as_well(other_engine: None) -> None:
    answer = call(SessionMiddleware, put(a=1))
    assert (
        call(SessionMiddleware, lambda request: HttpResponse(request.session["a"]), answer.cookies[COOKIE].value).content
        == b"1"
    )


def test_while_redis_is_out_of_order(sojourn: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Of the middleware of this package: 503, and no word about why."""
    browser = Client(raise_request_exception=False)
    browser.cookies[COOKIE] = stored(a=1).session_key or ""
    sojourn(REDIS=f"redis://127.0.0.1:{free_port()}")
    assert browser.get("/see").status_code == 500
    with override_settings(MIDDLEWARE=[OWN, *settings.MIDDLEWARE[1:]]):
        reader, writer = Client(), Client()
        reader.cookies[COOKIE] = create_token(get_sessions()._repository.settings.keyring).text
        for answer in (reader.get("/see"), writer.get("/put?a=1")):
            assert (answer.status_code, answer.content) == (503, b"ERR_SOJOURN_STORE_UNAVAILABLE")
            assert (answer["Retry-After"], answer["Cache-Control"], dict(answer.cookies)) == ("1", "no-store", {})
        assert "Redis cannot be reached" in caplog.text
        assert reader.get("/plain").status_code == 200
        reader.cookies[COOKIE] = "x" * 48
        assert reader.get("/see").status_code == 200, "no token, and so nothing is asked"


def test_wrong_settings_are_told_of_at_the_start(sojourn: Any) -> None:
    sojourn(IDLE_TIME="30m")
    with pytest.raises(ConfigurationError):
        SessionMiddleware(lambda request: HttpResponse())


def test_caches_are_told(sojourn: Any) -> None:
    def public(request: Any) -> HttpResponse:
        request.session["a"] = 1
        return HttpResponse(headers={"Cache-Control": "public, max-age=60", "CDN-Cache-Control": "max-age=60"})

    answer = call(SessionMiddleware, public)
    assert (answer["Cache-Control"], answer["Vary"]) == ("private, max-age=60", "Cookie")
    assert "CDN-Cache-Control" not in answer
    token = answer.cookies[COOKIE].value
    answer = call(SessionMiddleware, public, token)
    assert answer["Cache-Control"] == "public, max-age=60", "no cookie goes with it"
