"""Django's test clients, and what asyncio awaits."""

from __future__ import annotations

import re
from typing import Any

import django
import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.conf import settings
from django.core.management import call_command
from django.test import AsyncClient, override_settings

from sojourn.django import sessions_of

from .browser import COOKIE, Browser


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


def test_no_migrations_are_due() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
