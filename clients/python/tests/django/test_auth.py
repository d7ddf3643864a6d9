"""Signing in and out by Django, and what other applications see of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import login
from django.test import RequestFactory, override_settings

from sojourn import SessionLimitError
from sojourn.django import SessionStore, sessions_of
from sojourn.django.configuration import ConfigurationError

from .browser import COOKIE, Browser, signed_in


def test_a_login_is_one_for_all_applications(ada: Any, node: Any) -> None:
    browser = Browser()
    browser.json("/put", cart="apple")
    before = browser.token
    answer = browser.json("/in", name="ada", password="lovelace")
    assert (answer["user"], answer["principal"], answer["data"]) == ("ada", str(ada.pk), {"cart": "apple"})
    assert browser.token != before
    assert node.open(before).is_new
    other = node.open(browser.token)
    assert (other.principal, other.id, dict(other)) == (str(ada.pk), answer["id"], {"cart": "apple"})
    (info,) = sessions_of(ada).list()
    assert (info.id, info.device, info.address) == (answer["id"], "Firefox", "127.0.0.1")
    assert browser.json("/see")["user"] == "ada"
    # The other application signs her out.
    other.logout()
    answer = browser.json("/see")
    assert (answer["user"], answer["principal"], answer["data"]) == (None, None, {})


def test_one_write_makes_the_session_of_a_login(ada: Any, server: Any) -> None:
    def written() -> int:
        return sum(each["calls"] for name, each in server.cli.info("commandstats").items() if "eval" in name)

    browser = Browser()
    browser.json("/see")
    before = written()
    browser.json("/in", name="ada", password="lovelace")
    assert written() - before == 1


def test_a_logout_ends_it_everywhere(ada: Any, node: Any) -> None:
    browser = signed_in()
    token = browser.token
    assert browser.json("/out")["user"] is None
    assert browser.token == ""
    assert node.open(token).is_new
    assert sessions_of(ada).list() == []
    # What is said after it is in a session of nobody.
    browser = signed_in()
    token = browser.token
    browser.json("/out", say="bye")
    assert browser.token not in ("", token)
    assert node.open(browser.token).principal is None


def test_another_user_gets_nothing_of_the_one_before(ada: Any, grace: Any, node: Any) -> None:
    browser = signed_in()
    browser.json("/put", secret="hers")
    former = browser.token
    answer = browser.json("/in", name="grace", password="hopper")
    assert (answer["user"], answer["data"]) == ("grace", {})
    assert node.open(former).is_new
    assert sessions_of(ada).list() == []
    # Again, as herself: a new key, and what she has.
    browser.json("/put", own="1")
    former = browser.token
    answer = browser.json("/in", name="grace", password="hopper")
    assert answer["data"] == {"own": "1"}
    assert browser.token != former
    assert len(sessions_of(grace).list()) == 1


def test_a_login_loses_nothing_that_another_request_stores_meanwhile(ada: Any) -> None:
    """Also what this one has never heard of."""
    token = signed_in().token
    request = RequestFactory().get("/")
    request.session = SessionStore(token)
    request.session["own"] = 1
    other = SessionStore(token)
    other["late"] = 2
    other["_late"] = 3
    other.save()
    ada.backend = "django.contrib.auth.backends.ModelBackend"
    login(request, ada)
    request.session.save()
    found = SessionStore(request.session.session_key)
    assert request.session.session_key != token
    assert (found["own"], found["late"], found["_late"]) == (1, 2, 3)


def test_limits(sojourn: Any, ada: Any) -> None:
    sojourn(MAX_SESSIONS=1, ON_LIMIT="reject")
    browser = signed_in()
    with pytest.raises(SessionLimitError):
        signed_in()
    second = Browser(raise_request_exception=False)
    assert second.get("/in", {"name": "ada", "password": "lovelace"}).status_code == 500
    assert second.json("/see")["user"] is None
    with override_settings(MIDDLEWARE=["sojourn.django.SessionMiddleware", *settings.MIDDLEWARE[1:]]):
        refused = Browser().get("/in", {"name": "ada", "password": "lovelace"})
        assert (refused.status_code, refused.content) == (409, b"ERR_SOJOURN_SESSION_LIMIT")
        assert COOKIE not in refused.cookies
    # A view that catches it goes on with a session of nobody.
    request = RequestFactory().get("/")
    request.session, request.user = SessionStore(), None
    request.session["cart"] = "apple"
    ada.backend = "django.contrib.auth.backends.ModelBackend"
    with pytest.raises(SessionLimitError):
        login(request, ada)
    request.session.save()
    assert (request.session.principal, dict(request.session.items())) == (None, {"cart": "apple"})
    assert request.user.is_anonymous
    # One's own is not one too many.
    browser.json("/in", name="ada", password="lovelace")
    sojourn(ON_LIMIT="evict-oldest")
    signed_in()
    assert browser.json("/see")["user"] is None


def test_more_about_a_login(sojourn: Any, ada: Any, node: Any) -> None:
    sojourn(LOGIN_OPTIONS=lambda request, user: {"level": 2, "kind": "web", "device": user.username})
    browser = signed_in()
    session = node.open(browser.token)
    assert session.level == 2
    (info,) = sessions_of(ada).list()
    assert (info.kind, info.device, info.address) == ("web", "ada", "127.0.0.1")
    store = SessionStore(browser.token)
    assert store.level == 2
    assert store.authenticated_within("1m")
    assert store.authenticated_at == session.authenticated_at
    store.step_up(3)
    assert store.session_key != browser.token
    assert node.open(store.session_key).level == 3
    assert node.open(browser.token).is_new


def test_remember_me(sojourn: Any, ada: Any, node: Any) -> None:
    sojourn(IDLE_TIMEOUT="30m", ABSOLUTE_TIMEOUT="30d")
    short, long = signed_in(age=0), signed_in(age=14 * 86_400)
    assert short.cookies[COOKIE]["max-age"] == ""
    assert not node.open(short.token).persistent
    assert long.cookies[COOKIE]["max-age"] == 14 * 86_400
    session = node.open(long.token)
    assert session.persistent
    assert session._state.live.header.idle_timeout == 14 * 86_400_000


def test_a_moment_that_is_set_with_each_request_costs_no_token(ada: Any) -> None:
    session = SessionStore(signed_in().token)
    session.set_expiry(timedelta(hours=2))
    session.save()
    key = session.session_key
    for _ in range(2):
        again = SessionStore(key)
        again.set_expiry(timedelta(hours=2))
        again.save()
        assert again.session_key == key, "a few milliseconds are not worth one"
    again.set_expiry(timedelta(hours=1))
    again.save()
    assert again.session_key != key


def test_a_new_password_keeps_this_session_and_ends_the_others(ada: Any, node: Any) -> None:
    one, two = signed_in(), signed_in()
    former = one.token
    assert one.json("/password", password="byron")["user"] == "ada"
    assert one.token != former
    assert node.open(former).is_new, "whoever has copied it has nothing now"
    assert one.json("/see")["user"] == "ada"
    assert two.json("/see")["user"] is None
    assert len(sessions_of(ada).list()) == 1


def test_a_request_that_comes_late_is_interrupted(ada: Any) -> None:
    browser = signed_in()
    late = SessionStore(browser.token)
    late["a"] = 1
    browser.json("/out")
    from django.contrib.sessions.exceptions import SessionInterrupted
    from django.contrib.sessions.middleware import SessionMiddleware
    from django.http import HttpResponse

    request = RequestFactory().get("/")
    request.session = late
    with pytest.raises(SessionInterrupted):
        SessionMiddleware(lambda request: HttpResponse()).process_response(request, HttpResponse())


def test_a_second_login_with_the_key_of_before_the_first(ada: Any) -> None:
    """A double click on the button: both are sign-ins, and the later cookie stays."""
    first, second = Browser(), Browser()
    first.json("/put", cart="apple")
    second.token = first.token
    first.json("/in", name="ada", password="lovelace")
    assert second.json("/in", name="ada", password="lovelace")["user"] == "ada"
    assert second.json("/see")["user"] == "ada"
    assert len(sessions_of(ada).list()) == 2


def test_login_options_that_are_none(sojourn: Any, ada: Any) -> None:
    sojourn(LOGIN_OPTIONS=lambda request, user: {"levels": 2})
    with pytest.raises(ConfigurationError, match="levels"):
        signed_in()


def test_an_end_that_is_set_before_the_login(ada: Any) -> None:
    request = RequestFactory().get("/")
    request.session = SessionStore()
    request.session.set_expiry(timedelta(seconds=-1))
    ada.backend = "django.contrib.auth.backends.ModelBackend"
    login(request, ada)
    request.session.save()
    assert request.session.session_key is None
    assert sessions_of(ada).list() == []
