"""A login that is refused changes nothing: who was signed in before is so still, with all that the session held."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import django
import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.signals import user_logged_in
from django.test import AsyncClient, RequestFactory, override_settings

from sojourn import SessionAttributeError, SessionLimitError
from sojourn.django import SessionStore, sessions_of
from sojourn.django.signals import _signed_in

from .browser import COOKIE, Browser, signed_in

OURS = ["sojourn.django.SessionMiddleware", *settings.MIDDLEWARE[1:]]
BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture(autouse=True)
def limit(sojourn: Any) -> None:
    sojourn(MAX_SESSIONS=1, ON_LIMIT="reject")


@pytest.fixture
def unheard() -> Iterator[None]:
    """`login` of Django whose signal does not reach us: another receiver has failed before."""
    user_logged_in.disconnect(dispatch_uid="sojourn.django")
    yield
    user_logged_in.connect(_signed_in, dispatch_uid="sojourn.django")


def request_of(browser: Browser, user: Any) -> Any:
    request = RequestFactory().get("/")
    request.session, request.user = SessionStore(browser.token), user
    return request


@pytest.mark.parametrize(("middleware", "status"), [(settings.MIDDLEWARE, 500), (OURS, 409)], ids=["django", "ours"])
def test_another_users_session_stays(ada: Any, grace: Any, middleware: list[str], status: int) -> None:
    signed_in()
    with override_settings(MIDDLEWARE=middleware):
        browser = Browser(raise_request_exception=False)
        browser.json("/in", name="grace", password="hopper")
        browser.json("/put", cart="apple")
        former = browser.token
        refused = browser.get("/in", {"name": "ada", "password": "lovelace"})
        assert (refused.status_code, COOKIE in refused.cookies) == (status, False)
        after = browser.json("/see")
    assert (after["user"], after["data"], browser.token) == ("grace", {"cart": "apple"}, former)
    assert [len(sessions_of(user).list()) for user in (ada, grace)] == [1, 1]


@pytest.mark.skipif(django.VERSION < (5, 0), reason="alogin is of Django 5")
def test_in_asyncio_too(ada: Any, grace: Any) -> None:
    signed_in()

    async def run() -> tuple[int, str, str]:
        client = AsyncClient(raise_request_exception=False)
        await client.get("/ain", {"name": "grace", "password": "hopper"})
        former = client.cookies[COOKIE].value
        refused = await client.get("/ain", {"name": "ada", "password": "lovelace"})
        return refused.status_code, former, client.cookies[COOKIE].value

    status, former, latter = async_to_sync(run)()
    assert (status, former) == (500, latter)
    assert SessionStore(former).principal == str(grace.pk)


def test_a_view_that_catches_it_goes_on_as_before(ada: Any, grace: Any) -> None:
    signed_in()
    browser = signed_in("grace", "hopper")
    request = request_of(browser, grace)
    request.session["pending"] = 1
    ada.backend = BACKEND
    with pytest.raises(SessionLimitError):
        login(request, ada)
    assert (request.user, request.session.session_key) == (grace, browser.token)
    assert dict(request.session.items())["pending"] == 1
    assert request.session.modified
    request.session.save()
    kept = SessionStore(browser.token)
    assert (kept.principal, kept["pending"], kept["_auth_user_id"]) == (str(grace.pk), 1, str(grace.pk))


def test_a_session_whose_principal_is_nobody_here(ada: Any, node: Any) -> None:
    signed_in()
    session = node.open(None)
    session["cart"] = "apple"
    session.login("somebody", keep=["cart"])
    browser = Browser(raise_request_exception=False)
    browser.token = session.token
    assert browser.get("/in", {"name": "ada", "password": "lovelace"}).status_code == 500
    request = request_of(browser, None)
    ada.backend = BACKEND
    with pytest.raises(SessionLimitError):
        login(request, ada)
    assert request.user.is_anonymous
    request.session["more"] = 1
    request.session.save()
    after = node.open(request.session.session_key)
    assert (after.principal, dict(after)) == ("somebody", {"cart": "apple", "more": 1})


def test_a_user_who_has_no_principal(sojourn: Any, ada: Any, grace: Any) -> None:
    sojourn(PRINCIPAL=lambda user: "" if user == ada else user.username, MAX_SESSIONS=None, ON_LIMIT=None)
    browser = signed_in("grace", "hopper")
    request = request_of(browser, grace)
    ada.backend = BACKEND
    with pytest.raises(SessionAttributeError):
        login(request, ada)
    assert (request.user, request.session.principal, request.session.session_key) == (grace, "grace", browser.token)


@pytest.mark.usefixtures("unheard")
def test_another_user_without_the_signal(ada: Any, grace: Any) -> None:
    """The save signs in, and ends the one before; a flush ends it too."""
    for is_flushed in (False, True):
        browser = Browser()
        browser.token = _made_for(ada)
        request = request_of(browser, ada)
        request.session["hers"] = 1
        request.session.save()
        grace.backend = BACKEND
        login(request, grace)
        assert "hers" not in request.session
        assert sessions_of(ada).list() != []
        if is_flushed:
            request.session.flush()
            assert sessions_of(ada).list() == []
        request.session.save()
        assert sessions_of(ada).list() == []
        assert request.session.principal == (None if is_flushed else str(grace.pk))
        assert "hers" not in request.session
        sessions_of(grace).revoke_all()


@pytest.mark.usefixtures("unheard")
def test_another_user_who_is_taken_out_again(ada: Any, grace: Any) -> None:
    browser = Browser()
    browser.token = _made_for(ada)
    request = request_of(browser, ada)
    grace.backend = BACKEND
    login(request, grace)
    del request.session["_auth_user_id"]
    request.session.save()
    assert (sessions_of(ada).list(), sessions_of(grace).list(), request.session.principal) == ([], [], None)


def _made_for(user: Any) -> str:
    session = SessionStore()
    session.update(
        {"_auth_user_id": str(user.pk), "_auth_user_backend": BACKEND, "_auth_user_hash": user.get_session_auth_hash()}
    )
    session.save()
    return str(session.session_key)


def test_the_same_user_after_a_new_password(ada: Any) -> None:
    """Django keeps nothing of that session."""
    browser = signed_in()
    request = request_of(browser, ada)
    request.session["cart"] = "apple"
    ada.set_password("another")
    ada.backend = BACKEND
    login(request, ada)
    request.session.save()
    assert dict(request.session.items()).keys() == {"_auth_user_id", "_auth_user_backend", "_auth_user_hash"}
    assert [info.id for info in sessions_of(ada).list()] == [request.session.public_id]
