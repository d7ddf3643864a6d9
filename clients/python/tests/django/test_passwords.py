"""A new password ends the other sessions of the user: in all applications, and also those that Django has not seen."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from io import StringIO
from types import ModuleType
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.management import call_command
from django.db import transaction
from django.test import AsyncClient, Client, override_settings
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from sojourn import StoreUnavailableError
from sojourn.django import SessionStore, sessions_of

from ..servers import free_port
from .browser import Browser, signed_in

DJANGOS = "django.contrib.sessions.middleware.SessionMiddleware"


@pytest.fixture(autouse=True, params=["sojourn.django.SessionMiddleware", DJANGOS], ids=["ours", "django"])
def middleware(request: pytest.FixtureRequest) -> Iterator[None]:
    with override_settings(MIDDLEWARE=[request.param, *settings.MIDDLEWARE[1:]]):
        yield


@pytest.fixture
def elsewhere(node: Any) -> Callable[[Any], Any]:
    """Signed in to another application, and never at Django."""

    def sign_in(user: Any) -> Any:
        session = node.open()
        session.login(str(user.pk))
        return session

    return sign_in


def user_at_django(session: Any) -> Any:
    browser = Browser()
    browser.token = session.token
    return browser.json("/see")["user"]


def test_by_oneself(ada: Any, grace: Any, elsewhere: Any, node: Any) -> None:
    unseen, another, mine, other = elsewhere(ada), elsewhere(grace), signed_in(), signed_in()
    assert mine.json("/password", password="byron")["user"] == "ada"
    assert node.open(unseen.token).is_new
    assert user_at_django(unseen) is None
    assert node.open(other.token).is_new
    assert mine.json("/see")["user"] == "ada"
    assert node.open(mine.token).principal == str(ada.pk)
    assert node.open(another.token).principal == str(grace.pk)


@pytest.mark.parametrize("outside", [[], ["tests.django.project.OnlySynchronous"]])
@pytest.mark.parametrize("view", ["/password", "/apassword"])
def test_by_oneself_under_asyncio(view: str, outside: list[str], ada: Any, elsewhere: Any, node: Any) -> None:
    unseen, mine = elsewhere(ada), signed_in()

    async def change() -> Any:
        browser = AsyncClient()
        browser.cookies["__Host-session"] = mine.token
        return await browser.get(view, {"password": "byron"})

    with override_settings(MIDDLEWARE=[*outside, *settings.MIDDLEWARE]):
        answer = async_to_sync(change)()
    assert answer.json()["user"] == "ada"
    assert node.open(unseen.token).is_new
    (info,) = sessions_of(ada).list()
    assert info.id == node.open(answer.cookies["__Host-session"].value).id


def test_in_the_admin(users: Any, ada: Any, elsewhere: Any, node: Any) -> None:
    unseen, seen, root = elsewhere(ada), signed_in(), Client()
    root.force_login(users.create_superuser("root", "root@example.org", "root"))
    page = f"/admin/auth/user/{ada.pk}/password/"
    new = {"password1": "byron", "password2": "byron", "usable_password": "true"}
    assert root.post(page, {**new, "password2": "bryon"}).status_code == 200
    assert not node.open(unseen.token).is_new, "the two were not the same"
    assert root.post(page, new).status_code == 302
    assert node.open(unseen.token).is_new
    assert node.open(seen.token).is_new
    assert root.get("/admin/").status_code == 200


def test_by_mail(ada: Any, elsewhere: Any, node: Any) -> None:
    unseen, browser = elsewhere(ada), Client()
    name = urlsafe_base64_encode(force_bytes(ada.pk))
    page = browser.get(f"/reset/{name}/{default_token_generator.make_token(ada)}/")
    new = {"new_password1": "byron", "new_password2": "byron"}
    assert browser.post(page.url, new).status_code == 302
    assert node.open(unseen.token).is_new


def test_by_a_command_after_a_request(ada: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """No request's session is one's own, not that of the one before either."""
    browser = signed_in()
    monkeypatch.setattr("getpass.getpass", lambda **_: "byron")
    call_command("changepassword", "ada", stdout=StringIO())
    assert sessions_of(ada).list() == []
    assert browser.json("/see")["user"] is None


def test_what_is_no_new_password(ada: Any, elsewhere: Any, node: Any) -> None:
    unseen = elsewhere(ada)
    ada.first_name = "Ada"
    ada.save()
    ada.set_password("byron")
    ada.save(update_fields=["first_name"])
    ada.refresh_from_db()
    with override_settings(
        PASSWORD_HASHERS=["django.contrib.auth.hashers.ScryptPasswordHasher", *settings.PASSWORD_HASHERS]
    ):
        assert ada.check_password("lovelace")
    ada.refresh_from_db()
    assert ada.password.startswith("scrypt"), "the hash is a better one now"
    assert not node.open(unseen.token).is_new


def test_what_is_not_stored_ends_nothing(ada: Any, elsewhere: Any, node: Any) -> None:
    unseen = elsewhere(ada)

    def change() -> None:
        with transaction.atomic():
            ada.set_password("byron")
            ada.save()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change()
    assert not node.open(unseen.token).is_new


def test_it_says_so_where_they_could_not_be_ended(ada: Any, sojourn: Any) -> None:
    sojourn(REDIS=f"redis://127.0.0.1:{free_port()}")
    ada.set_password("byron")
    with pytest.raises(StoreUnavailableError):
        ada.save()


def test_a_new_user_needs_no_redis(users: Any, sojourn: Any) -> None:
    sojourn(REDIS=f"redis://127.0.0.1:{free_port()}")
    user = users.model(username="new")
    user.set_password("password")
    user.save()
    call_command("createsuperuser", username="root", email="root@example.org", interactive=False, verbosity=0)


class OtherMiddleware(SessionMiddleware):
    """Makes sessions in its own way."""

    def process_request(self, request: Any) -> None:
        request.session = self.SessionStore(request.COOKIES.get(settings.SESSION_COOKIE_NAME))


class OtherStore(SessionStore):
    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key)


@pytest.mark.parametrize(
    "other",
    [
        {"MIDDLEWARE": ["tests.django.test_passwords.OtherMiddleware", *settings.MIDDLEWARE[1:]]},
        {"SESSION_ENGINE": "tests.django.other_engine"},
    ],
    ids=["middleware", "engine"],
)
def test_where_nobody_says_which_session_is_to_stay(
    other: Any, ada: Any, elsewhere: Any, node: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that Django knows end, by its hash, and no others."""
    engine = ModuleType("tests.django.other_engine")
    engine.SessionStore = OtherStore  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, engine.__name__, engine)
    with override_settings(**other):
        unseen, mine, other_one = elsewhere(ada), signed_in(), signed_in()
        assert mine.json("/password", password="byron")["user"] == "ada"
        assert mine.json("/see")["user"] == "ada"
        assert other_one.json("/see")["user"] is None
        assert node.open(unseen.token).principal == str(ada.pk)


def test_with_another_engine(ada: Any, elsewhere: Any, node: Any) -> None:
    with override_settings(SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies"):
        unseen = elsewhere(ada)
        ada.set_password("byron")
        ada.save()
        assert not node.open(unseen.token).is_new
