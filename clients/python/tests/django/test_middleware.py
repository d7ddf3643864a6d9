"""Answers and their cookies: by the SessionMiddleware of Django, and by the one of this package."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib.auth import login
from django.contrib.sessions.exceptions import SessionInterrupted
from django.contrib.sessions.middleware import SessionMiddleware as DjangosMiddleware
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory, override_settings
from redis import Redis

from sojourn import StoreUnavailableError
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
def test_another_secret_brings_its_key(middleware: Any, sojourn: Any) -> None:
    old, new = "a former secret: 0123456789abcdef0123", "a new secret: 0123456789abcdef0123456"
    sojourn(SECRETS=[old])
    former = stored(a=1).session_key
    sojourn(SECRETS=[new, old])
    assert call(middleware, read, former).cookies == {}
    later(10 * 60_000)
    token = call(middleware, read, former).cookies[COOKIE].value
    assert token != former
    assert call(middleware, read, former).cookies[COOKIE].value == token
    assert call(middleware, read, token).cookies == {}
    sojourn(SECRETS=[new])
    assert dict(SessionStore(token).items()) == {"a": 1}
    assert dict(SessionStore(former).items()) == {}


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


def test_who_has_to_be_signed_in_and_is_not() -> None:
    with override_settings(MIDDLEWARE=[OWN, *settings.MIDDLEWARE[1:]]):
        answer = Client().get("/others")
    assert (answer.status_code, answer.content) == (401, b"ERR_SOJOURN_NOT_SIGNED_IN")


@BOTH
def test_what_is_changed_in_place_is_not_lost_silently(middleware: Any) -> None:
    """Where each request is saved, that counts as a change."""
    session = stored(cart=[])

    def append(request: Any) -> None:
        request.session["cart"].append(1)
        SessionStore().delete(session.session_key)

    with override_settings(SESSION_SAVE_EVERY_REQUEST=True), pytest.raises(SessionInterrupted):
        call(middleware, append, session.session_key)


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


@BOTH
def test_requests_may_go_on_as_nobodys_while_redis_cannot_be_reached(middleware: Any, sojourn: Any, server: Server) -> None:
    token = stored(a=1).session_key
    sojourn(OUTAGE="anonymous", REDIS=f"redis://127.0.0.1:{free_port()}")
    asked: list[Any] = []

    def look(request: Any) -> None:
        asked.append((request.session.get("a"), request.session.session_key, request.session.is_empty()))

    answer = call(middleware, look, token)
    assert (asked, dict(answer.cookies)) == ([(None, token, False)], {}), "the cookie stays"

    async def aread() -> Any:
        return await SessionStore(token).aget("a", "nothing")

    assert async_to_sync(aread)() == "nothing"
    for change in (put(a=2), lambda request: request.session.flush()):
        if middleware is DjangosMiddleware:
            with pytest.raises(StoreUnavailableError):
                call(middleware, change, token)
        else:
            with override_settings(MIDDLEWARE=[OWN]):
                browser = Client()
                browser.cookies[COOKIE] = token or ""
                answer = browser.get("/out")
            assert (answer.status_code, dict(answer.cookies)) == (503, {})
    # Redis is back before the request is done: what it knows nothing of is not replaced.
    late = SessionStore(token)
    late["a"] = 2
    get_sessions()._run.client = Redis.from_url(server.url)
    with pytest.raises(StoreUnavailableError):
        late.save()
    sojourn(REDIS=server.url)
    assert SessionStore(token)["a"] == 1
    sojourn(OUTAGE="serve")
    with pytest.raises(ConfigurationError, match="OUTAGE"):
        SessionStore(token).load()


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


@pytest.mark.parametrize("is_asynchronous", [False, True])
def test_who_has_only_read_is_answered_whatever_becomes_of_the_renewal(
    sojourn: Any, server: Server, prefix: str, is_asynchronous: bool
) -> None:
    def answered(view: Callable[[Any], Any], token: str | None) -> HttpResponse:
        if not is_asynchronous:
            return call(SessionMiddleware, view, token)

        async def respond(request: HttpRequest) -> HttpResponse:
            await request.session.aget("a")
            view(request)
            return HttpResponse()

        request = RequestFactory().get("/")
        request.COOKIES[COOKIE] = token
        return async_to_sync(SessionMiddleware(respond))(request)

    heard: list[Any] = []

    def ends(request: Any) -> None:
        read(request)
        assert request.session.modified, "a renewal is due"
        get_sessions().revoke(request.session.public_id)

    def goes_away(request: Any) -> None:
        read(request)
        get_sessions().on("error", heard.append)
        server.cli.execute_command("ACL", "SETUSER", "default", "-evalsha")

    def due() -> SessionStore:
        session = stored(a=1)
        server.cli.pexpire(record_key(prefix, session.public_id or ""), 60_000)
        # A node that has not had a hand in it.
        sojourn()
        return session

    assert answered(ends, due().session_key).status_code == 200
    token = due().session_key
    try:
        assert answered(goes_away, token).status_code == 200
    finally:
        server.cli.execute_command("ACL", "SETUSER", "default", "+evalsha")
    assert [details["operation"] for details in heard] == ["save"]

    def ends_and_puts(request: Any) -> None:
        ends(request)
        request.session["a"] = 2

    with pytest.raises(SessionInterrupted):
        answered(ends_and_puts, due().session_key)
