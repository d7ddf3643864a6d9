"""Whoever comes with a session of the engine that was used before goes on with it here."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth import get_user
from django.contrib.sessions.backends.cache import SessionStore as Former
from django.test import RequestFactory, override_settings

from sojourn.django import SessionStore, sessions_of

from .browser import COOKIE, Browser
from .test_store import later

ENGINE = "django.contrib.sessions.backends.cache"
OWN = "sojourn.django.middleware.SessionMiddleware"


@pytest.fixture(autouse=True)
def former(sojourn: Any) -> Iterator[None]:
    sojourn(FORMER={"ENGINE": ENGINE, "COOKIE_NAME": "sessionid"})
    yield
    from django.core.cache import cache

    cache.clear()


def of_before(user: Any = None, **values: Any) -> str:
    session = Former()
    session.update(values)
    if user is not None:
        session["_auth_user_id"] = str(user.pk)
        session["_auth_user_backend"] = "django.contrib.auth.backends.ModelBackend"
        session["_auth_user_hash"] = user.get_session_auth_hash()
    session.save()
    return str(session.session_key)


def with_own_middleware() -> Any:
    from django.conf import settings

    return override_settings(MIDDLEWARE=[OWN, *settings.MIDDLEWARE[1:]])


def test_who_was_signed_in_is(ada: Any, node: Any) -> None:
    key = of_before(ada, cart=["apple"])
    with with_own_middleware():
        browser = Browser()
        browser.cookies["sessionid"] = key
        answer = browser.json("/see")
        assert (answer["user"], answer["principal"], answer["data"]) == ("ada", str(ada.pk), {"cart": ["apple"]})
        assert browser.cookies["sessionid"].value == ""
        assert not Former().exists(key)
        other = node.open(browser.token)
        assert (other.principal, dict(other), other.authenticated_at) == (str(ada.pk), {"cart": ["apple"]}, None)
        assert [info.id for info in sessions_of(ada).list()] == [other.id]
        assert browser.json("/see")["user"] == "ada"
        # Signed out, nothing leads back.
        browser.json("/out")
        browser.cookies["sessionid"] = key
        assert browser.json("/see")["user"] is None
        assert sessions_of(ada).list() == []


def test_with_djangos_middleware_and_the_same_cookie(ada: Any, sojourn: Any) -> None:
    sojourn(FORMER={"engine": ENGINE})
    browser = Browser()
    browser.token = of_before(ada)
    assert browser.json("/see")["user"] == "ada"
    assert SessionStore(browser.cookies[COOKIE].value).principal == str(ada.pk)


def test_a_session_of_nobody(node: Any) -> None:
    key = of_before(cart=["apple"], _messages="hello")
    session = SessionStore(key)
    assert dict(session.items()) == {"cart": ["apple"], "_messages": "hello"}
    session["cart"].append("pear")
    session.save()
    assert node.open(session.session_key)["cart"] == ["apple", "pear"]
    assert not Former().exists(key)
    assert SessionStore(key).get("cart") is None


def test_requests_that_come_at_once_get_the_same_session(ada: Any) -> None:
    key = of_before(ada, cart=[])
    stores = [SessionStore(key) for _ in range(4)]
    for each in stores:
        each.load()
    assert len({each.public_id for each in stores}) == 1
    for number, each in enumerate(stores):
        each[f"n{number}"] = number
        each.save()
    assert len({each.session_key for each in stores}) == 1
    assert {f"n{number}" for number in range(4)} <= set(SessionStore(stores[0].session_key).keys())
    assert len(sessions_of(ada).list()) == 1


def test_in_threads_too() -> None:
    key = of_before(cart=[])
    found: list[Any] = []
    barrier = threading.Barrier(4)

    def work() -> None:
        session = SessionStore(key)
        barrier.wait()
        session.load()
        if session.modified:
            session.save()
        found.append(session.session_key)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    keys = set(found) - {None}
    assert len(keys) == 1, "whoever came when it was taken over already has nothing, and no second session"


def test_a_key_of_before_that_could_not_be_ended_leads_to_nothing_later() -> None:
    key = of_before(cart=["apple"])
    first = SessionStore(key)
    first.load()
    # Another request takes it over as well, before its time is over; nobody has ended it there.
    assert SessionStore(key).public_id == first.public_id
    later(6 * 60_000)
    late = SessionStore(key)
    assert (dict(late.items()), late.session_key) == ({}, None)


def test_in_asyncio() -> None:
    key = of_before(cart=["apple"])

    async def use() -> None:
        session = SessionStore(key)
        assert await session.aget("cart") == ["apple"]
        await session.asave()
        assert not await asyncio.to_thread(Former().exists, key)
        assert await SessionStore(session.session_key).aget("cart") == ["apple"]
        late = SessionStore(of_before(a=1))
        await late.aflush()

    asyncio.run(use())


def test_what_cannot_be_stored_is_left_behind(caplog: pytest.LogCaptureFixture) -> None:
    key = of_before(price=Decimal(1), cart=["apple"])
    with caplog.at_level(logging.WARNING, "sojourn"):
        assert dict(SessionStore(key).items()) == {"cart": ["apple"]}
    assert '"price"' in caplog.text


def test_a_former_sign_in_that_holds_no_more(ada: Any) -> None:
    key = of_before(ada)
    ada.set_password("byron")
    ada.save()
    request = RequestFactory().get("/")
    request.session = SessionStore(key)
    assert not get_user(request).is_authenticated, "the password is another since"
    assert not Former().exists(key)
    key = of_before(ada, cart=["apple"])
    ada.delete()
    assert dict(SessionStore(key).items()) == {"cart": ["apple"]}


def test_keys_that_are_nothing_there_either(sojourn: Any) -> None:
    session = SessionStore("0" * 32)
    assert session.is_empty() is False
    assert dict(session.items()) == {}
    assert (session.session_key, session.modified) == (None, False)
    key = of_before(a=1)
    sojourn(FORMER=None)
    assert dict(SessionStore(key).items()) == {}


@pytest.mark.parametrize(
    "given",
    [
        "x",
        {},
        {"ENGINE": "no.such"},
        {"ENGINE": "sojourn.django"},
        {"ENGINE": "django.contrib.sessions.backends.signed_cookies"},
        {"ENGINE": ENGINE, "NAME": "x"},
    ],
)
def test_settings(sojourn: Any, given: Any) -> None:
    from sojourn.django.configuration import ConfigurationError

    sojourn(FORMER=given)
    with pytest.raises(ConfigurationError, match="FORMER"):
        SessionStore().load()
