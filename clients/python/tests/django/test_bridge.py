"""Who is signed in elsewhere is signed in here: from principals to users, and from users to principals."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import override_settings

from sojourn import SessionAttributeError, Sessions
from sojourn.django import SessionStore, sessions_of
from sojourn.django.values import SIGN_IN

from .browser import COOKIE, Browser, signed_in


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


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "sojourn"]


def read_as(principal: str, node: Any) -> Any:
    session, browser = node.open(), Browser()
    session.login(principal)
    browser.token = session.token
    return browser.json("/see")["user"]


def test_a_bridge_to_a_user_of_another_name_is_told_of_once(
    sojourn: Any, ada: Any, node: Any, caplog: pytest.LogCaptureFixture
) -> None:
    by_name = {"BRIDGE": lambda principal: get_user_model().objects.filter(username=principal).first()}
    sojourn(**by_name, PRINCIPAL="username")
    assert [read_as("ada", node), read_as("nobody", node)] == ["ada", None]
    assert warnings_of(caplog) == []
    for principal in (None, lambda user: ""):
        sojourn(**by_name, PRINCIPAL=principal)
        assert [read_as("ada", node), read_as("ada", node)] == ["ada", "ada"]
        assert len(warnings_of(caplog)) == 1
        assert "two names" in caplog.text
        assert "'ada'" not in caplog.text
        caplog.clear()


def test_a_name_that_is_no_primary_key_is_told_of_once(
    sojourn: Any, ada: Any, node: Any, caplog: pytest.LogCaptureFixture
) -> None:
    assert [read_as(str(ada.pk), node), read_as("999", node)] == ["ada", None]
    assert warnings_of(caplog) == []
    assert [read_as("ada", node), read_as("grace", node)] == [None, None]
    (text,) = warnings_of(caplog)
    assert "SOJOURN['PRINCIPAL']" in text
    caplog.clear()
    # Where it was said, there may well be others.
    sojourn(PRINCIPAL="pk")
    assert read_as("ada", node) is None
    assert warnings_of(caplog) == []


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


def test_a_project_without_users(node: Any) -> None:
    session = node.open()
    session["cart"] = ["apple"]
    session.login("ada", keep=["cart"])
    with override_settings(AUTH_USER_MODEL="nothing.User"):
        assert dict(SessionStore(session.token).items()) == {"cart": ["apple"]}
