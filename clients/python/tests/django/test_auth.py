"""Signing in and out: by Django, by another application, and what the one sees of the other."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import django
import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.conf import settings
from django.contrib.auth import get_user_model, login
from django.contrib.auth.signals import user_logged_in
from django.core.management import call_command
from django.test import AsyncClient, Client, RequestFactory, override_settings

from sojourn import NotSignedInError, SessionAttributeError, SessionLimitError, Sessions
from sojourn.django import SessionStore, asessions_of, sessions_of
from sojourn.django.configuration import ConfigurationError
from sojourn.django.values import SIGN_IN

COOKIE = "__Host-session"


class Browser(Client):
    def json(self, path: str, **query: Any) -> dict[str, Any]:
        answer = self.get(path, query, HTTP_USER_AGENT="Firefox")
        assert answer.status_code == 200, answer.content
        return answer.json()

    @property
    def token(self) -> str:
        return str(self.cookies[COOKIE].value) if COOKIE in self.cookies else ""

    @token.setter
    def token(self, token: str) -> None:
        self.cookies[COOKIE] = token


def signed_in(name: str = "ada", password: str = "lovelace", **query: Any) -> Browser:
    browser = Browser()
    browser.json("/in", name=name, password=password, **query)
    return browser


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


def test_who_is_signed_in_elsewhere_is_signed_in_here(ada: Any, node: Any) -> None:
    session = node.open()
    session["cart"] = ["apple"]
    session.login(str(ada.pk))
    browser = Browser()
    browser.token = session.token
    assert browser.json("/see") == {"user": "ada", "principal": str(ada.pk), "id": session.id, "data": {}}
    # Once made, Django's part is kept with the session.
    kept = SessionStore(session.token)
    assert [kept[name] for name in SIGN_IN] == [
        str(ada.pk),
        "django.contrib.auth.backends.ModelBackend",
        ada.get_session_auth_hash(),
    ]
    assert kept.modified is False
    assert dict(node.open(session.token)) == {}


def test_another_signs_in_elsewhere(ada: Any, grace: Any, node: Any) -> None:
    browser = signed_in()
    other = node.open(browser.token)
    other.login(str(grace.pk))
    browser.token = other.token
    assert browser.json("/see")["user"] == "grace"
    assert SessionStore(browser.token)["_auth_user_id"] == str(grace.pk)


def test_what_belongs_to_another_principal_is_ignored(ada: Any, grace: Any, node: Any) -> None:
    """Whoever has put it there: the session's principal decides."""
    session = node.open()
    session.login(str(grace.pk))
    for stale in (ada, None):
        state = session._state
        state.attributes.set("django:principal", str(ada.pk) if stale else None)
        for name, value in zip(
            SIGN_IN, (str(ada.pk), "django.contrib.auth.backends.ModelBackend", ada.get_session_auth_hash()), strict=True
        ):
            state.attributes.set(f"django:{name}", value)
        session.commit()
        browser = Browser()
        browser.token = session.token
        assert browser.json("/see")["user"] == "grace"
        session.refresh()
    # Nobody's.
    nobody = node.open()
    for name, value in zip(
        SIGN_IN, (str(ada.pk), "django.contrib.auth.backends.ModelBackend", ada.get_session_auth_hash()), strict=True
    ):
        nobody._state.attributes.set(f"django:{name}", value)
    nobody.commit()
    browser.token = nobody.token
    assert browser.json("/see")["user"] is None


def test_a_principal_without_a_user_is_nobody_here(ada: Any, node: Any) -> None:
    for principal in ("someone", "0" + str(ada.pk), "9" * 40):
        session = node.open()
        session.login(principal)
        session["theirs"] = 1
        session.commit()
        browser = Browser()
        browser.token = session.token
        answer = browser.json("/see")
        assert (answer["user"], answer["principal"]) == (None, principal)
        assert node.open(session.token).principal == principal, "it goes on for the others"
        # Who then signs in here gets nothing of theirs.
        answer = browser.json("/in", name="ada", password="lovelace")
        assert (answer["user"], answer["principal"], answer["data"]) == ("ada", str(ada.pk), {})
        assert node.open(session.token).is_new
        assert browser.json("/see")["user"] == "ada"


def test_principals_by_a_field(sojourn: Any, ada: Any, node: Any) -> None:
    sojourn(PRINCIPAL="username")
    browser = signed_in()
    assert node.open(browser.token).principal == "ada"
    session = node.open()
    session.login("ada")
    browser.token = session.token
    assert browser.json("/see")["user"] == "ada"
    assert len(sessions_of(ada).list()) == 2
    session.login("Ada")
    browser.token = session.token
    assert browser.json("/see")["user"] is None


def test_a_principal_that_two_users_have_is_nobodys(sojourn: Any, users: Any, node: Any) -> None:
    """The checks refuse such a field, but not all servers run them."""
    sojourn(PRINCIPAL="email")
    for name in ("one", "two"):
        users.create_user(name, "both@example.org", "x")
    session = node.open()
    session.login("both@example.org")
    browser = Browser()
    browser.token = session.token
    assert browser.json("/see")["user"] is None


def test_principals_by_functions(sojourn: Any, ada: Any, node: Any) -> None:
    sojourn(PRINCIPAL=lambda user: f"user-{user.pk}")
    browser = signed_in()
    assert node.open(browser.token).principal == f"user-{ada.pk}"
    sojourn(BRIDGE=lambda principal: get_user_model().objects.filter(pk=principal[5:]).first())
    session = node.open()
    session.login(f"user-{ada.pk}")
    browser.token = session.token
    assert browser.json("/see")["user"] == "ada"
    sojourn(PRINCIPAL=lambda user: "")
    with pytest.raises(SessionAttributeError, match="PRINCIPAL"):
        signed_in()


def test_users_who_are_not_active_are_nobody(ada: Any, node: Any) -> None:
    session = node.open()
    session.login(str(ada.pk))
    ada.is_active = False
    ada.save()
    browser = Browser()
    browser.token = session.token
    assert browser.json("/see")["user"] is None


def test_a_cookie_of_other_secrets_is_told_of_once(server: Any, prefix: str, caplog: pytest.LogCaptureFixture) -> None:
    with Sessions(server.url, secrets="the secret of an application elsewhere", prefix=prefix) as others:
        session = others.open()
        session.login("ada")
        token = str(session.token)
    browser = Browser()
    for _ in range(2):
        browser.token = token
        assert browser.json("/see")["principal"] is None
    (record,) = [each for each in caplog.records if each.name == "sojourn"]
    assert "SOJOURN['SECRETS']" in record.getMessage()
    assert COOKIE in record.getMessage()
    assert token not in record.getMessage()


def test_an_ended_session_is_no_mistake(ada: Any, caplog: pytest.LogCaptureFixture) -> None:
    browser = signed_in()
    sessions_of(ada).revoke_all()
    assert browser.json("/see")["user"] is None
    assert [each for each in caplog.records if each.name == "sojourn"] == []


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


def test_sessions_of_a_user(ada: Any, grace: Any) -> None:
    browsers = [signed_in() for _ in range(3)]
    other = signed_in("grace", "hopper")
    request = RequestFactory().get("/")
    request.session = SessionStore(browsers[0].token)
    mine = sessions_of(request)
    assert [info.current for info in mine.list()] == [True, False, False]
    assert mine.revoke(mine.list()[2].id)
    assert mine.revoke_others() == 1
    assert [each.json("/see")["user"] for each in browsers] == ["ada", None, None]
    assert sessions_of(ada).revoke_all() == 1
    assert browsers[0].json("/see")["user"] is None
    assert other.json("/see")["user"] == "grace"
    for of in (sessions_of, asessions_of):
        request.session = SessionStore()
        with pytest.raises(NotSignedInError, match="sessions_of: nobody is signed in"):
            of(request)


def test_sessions_of_a_user_in_asyncio(ada: Any) -> None:
    browsers = [signed_in() for _ in range(2)]

    async def use() -> None:
        assert len(await asessions_of(ada).list()) == 2
        request = RequestFactory().get("/")
        request.session = SessionStore(browsers[0].token)
        await request.session.aload()
        assert await asessions_of(request).revoke_others() == 1
        assert await asessions_of(ada).revoke_all() == 1

    async_to_sync(use)()


def test_a_user_id_set_by_hand(ada: Any, node: Any) -> None:
    session = SessionStore()
    session["a"] = 1
    session["_auth_user_id"] = str(ada.pk)
    session.save()
    other = node.open(session.session_key)
    assert (other.principal, dict(other)) == (str(ada.pk), {"a": 1})
    key = session.session_key
    del session["_auth_user_id"]
    session.save()
    assert node.open(key).is_new, "signed out"
    other = node.open(session.session_key)
    assert (other.principal, dict(other)) == (None, {"a": 1})
    session["_auth_user_id"] = "0"
    with pytest.raises(SessionAttributeError, match="no user"):
        session.save()


def test_clearing_a_session_signs_out(ada: Any, node: Any) -> None:
    browser = signed_in()
    session = SessionStore(browser.token)
    session.clear()
    session.save()
    assert node.open(browser.token).is_new
    assert node.open(session.session_key).principal is None


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


def test_the_test_client(ada: Any, node: Any) -> None:
    browser = Browser()
    session = browser.session
    session["cart"] = "apple"
    session.save()
    assert browser.json("/see")["data"] == {"cart": "apple"}
    browser.force_login(ada)
    assert browser.json("/see")["user"] == "ada"
    assert browser.session["cart"] == "apple"
    assert node.open(browser.token).principal == str(ada.pk)
    browser.logout()
    assert browser.json("/see")["user"] is None
    assert browser.login(username="ada", password="lovelace")
    assert browser.json("/see")["user"] == "ada"
    assert sessions_of(ada).revoke_all() == 1


def test_the_asynchronous_test_client(ada: Any, node: Any) -> None:
    async def use() -> None:
        browser = AsyncClient()
        if hasattr(browser, "aforce_login"):
            await browser.aforce_login(ada)
        else:
            await sync_to_async(browser.force_login)(ada)
        answer = (await browser.get("/aput", {"cart": "apple"})).json()
        assert answer["user"] == "ada"
        found = node.open(browser.cookies[COOKIE].value)
        assert (found.principal, dict(found), found.id) == (str(ada.pk), {"cart": "apple"}, answer["id"])

    async_to_sync(use)()


@pytest.mark.skipif(django.VERSION < (5, 0), reason="alogin is of Django 5")
@pytest.mark.parametrize("middleware", ["django.contrib.sessions.middleware", "sojourn.django.middleware"])
def test_signing_in_and_out_in_asyncio(ada: Any, node: Any, middleware: str) -> None:
    async def use() -> None:
        browser = AsyncClient()
        await browser.get("/aput", {"cart": "apple"})
        answer = (await browser.get("/ain", {"name": "ada", "password": "lovelace"})).json()
        token = browser.cookies[COOKIE].value
        found = node.open(token)
        assert (found.principal, found.id, dict(found)) == (str(ada.pk), answer["id"], {"cart": "apple"})
        assert (await browser.get("/aput")).json()["user"] == "ada"
        # Another application signs the same browser in as somebody Django does not know yet.
        found.login(str(ada.pk), keep=["cart"])
        browser.cookies[COOKIE] = found.token
        assert (await browser.get("/aput")).json()["user"] == "ada"
        assert (await browser.get("/aout")).json() == {"principal": None}
        assert node.open(found.token).is_new
        assert not browser.cookies[COOKIE].value

    with override_settings(MIDDLEWARE=[f"{middleware}.SessionMiddleware", *settings.MIDDLEWARE[1:]]):
        async_to_sync(use)()


@override_settings(CSRF_USE_SESSIONS=True)
def test_csrf_tokens_in_the_session(ada: Any, node: Any) -> None:
    """A form of before the login is refused after it, and the token of a login is a new one."""
    browser = Browser(enforce_csrf_checks=True)

    def token() -> str:
        answer = browser.get("/admin/login/")
        return re.findall(r'name="csrfmiddlewaretoken" value="(.+?)"', answer.content.decode())[0]

    form = {"username": "ada", "password": "lovelace", "next": "/see"}
    ada.is_staff = True
    ada.save()
    headers = {"secure": True, "HTTP_REFERER": "https://testserver/admin/login/"}
    assert browser.post("/admin/login/", form, **headers).status_code == 403
    before = token()
    assert browser.post("/admin/login/", {**form, "csrfmiddlewaretoken": before}, **headers).status_code == 302
    assert node.open(browser.token).principal == str(ada.pk)
    assert browser.json("/see")["user"] == "ada"
    assert browser.post("/admin/logout/", {"csrfmiddlewaretoken": before}, **headers).status_code == 403
    assert browser.json("/see")["user"] == "ada"


def test_a_sign_in_that_leaves_nothing_in_the_session_is_none_of_it(ada: Any) -> None:
    """Packages for tokens of APIs send the signal as well."""
    request = RequestFactory().get("/")
    request.session = SessionStore()
    for is_opened in (False, True):
        user_logged_in.send(sender=type(ada), request=request, user=ada)
        assert request.session.opened == is_opened
        assert request.session.session_key is None
        request.session["a"] = 1
    assert sessions_of(ada).list() == []


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


def test_a_user_who_is_taken_out_of_the_data_stays_out(ada: Any, node: Any) -> None:
    for change in (
        lambda session: session.modify("n", lambda n: n + 1, 0),
        lambda session: (session.cycle_key(), session.save()),
        lambda session: (session.step_up(2), session.save()),
    ):
        browser = signed_in()
        session = SessionStore(browser.token)
        del session["_auth_user_id"]
        change(session)
        assert node.open(browser.token).is_new
        assert SessionStore(session.session_key).principal is None
        assert SessionStore(session.session_key).get("_auth_user_id") is None


def test_a_project_without_users(node: Any) -> None:
    session = node.open()
    session["cart"] = ["apple"]
    session.login("ada", keep=["cart"])
    with override_settings(AUTH_USER_MODEL="nothing.User"):
        assert dict(SessionStore(session.token).items()) == {"cart": ["apple"]}


def test_no_migrations_are_due() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
