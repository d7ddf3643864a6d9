"""The examples of docs/django.md run."""

from __future__ import annotations

import json
import re
import unittest
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.core import checks
from django.test import RequestFactory, override_settings

from sojourn import ExpiredSession
from sojourn.django import SessionStore, get_sessions, session_expired, sessions_of

from ..conftest import SECRETS
from .browser import Browser, signed_in

TEXT = (Path(__file__).resolve().parents[4] / "docs" / "django.md").read_text(encoding="utf-8")
SETTINGS, SIGN_IN, DEVICES, EXPIRED, TEST_CASE, FIXTURE, FORMER = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("SESSION_SECRET", SECRETS[0])
    scope: dict[str, Any] = {}
    exec(SETTINGS, scope)
    exec(FORMER, scope)
    return {name: value for name, value in scope.items() if name.isupper()}


def test_the_settings_are_right(given: dict[str, Any]) -> None:
    with override_settings(**given):
        assert checks.run_checks(tags=["sessions"], include_deployment_checks=True) == []


def request_of(browser: Browser, user: Any, **posted: str) -> Any:
    request: Any = RequestFactory().post("/", posted) if posted else RequestFactory().get("/")
    request.session, request.user = SessionStore(browser.token or None), user
    request._dont_enforce_csrf_checks = True
    return request


def run(code: str) -> dict[str, Any]:
    scope: dict[str, Any] = {}
    exec(code, scope)
    return scope


def test_a_users_sessions(ada: Any) -> None:
    first, second = signed_in(), signed_in()
    scope = run(DEVICES)
    shown = json.loads(scope["devices"](request_of(first, ada)).content)["sessions"]
    assert [(device, current) for device, _, current in shown] == [("Firefox", True), ("Firefox", False)]
    with override_settings(LOGIN_URL="/in"):
        assert scope["devices"](request_of(Browser(), AnonymousUser())).url == "/in?next=/"
    assert scope["sign_out_everywhere"](ada) == 2
    assert second.json("/see")["user"] is None


def test_expired_sessions(capsys: pytest.CaptureFixture[str]) -> None:
    scope = run(EXPIRED)
    session_expired.send(ExpiredSession, session=ExpiredSession("an-id", "ada", device="Firefox"))
    session_expired.disconnect(scope["release_cart"])
    assert capsys.readouterr().out == "an-id ada Firefox\n"


def test_a_login_that_is_one_too_many(ada: Any, grace: Any, sojourn: Any) -> None:
    view = run(SIGN_IN)["SignIn"].as_view(success_url="/see", template_name="registration/logged_out.html")
    sojourn(MAX_SESSIONS=1, ON_LIMIT="reject")

    def post(browser: Browser) -> Any:
        request = request_of(browser, AnonymousUser(), username="ada", password="lovelace")
        answer = view(request)
        request.session.save()
        return request, answer

    signed_in()
    request, answer = post(Browser())
    assert "too many devices" in str(answer.context_data["form"].non_field_errors())
    assert request.session.principal is None
    nobodys = Browser()
    nobodys.json("/put", cart="apple")
    request, _ = post(nobodys)
    assert dict(SessionStore(request.session.session_key).items()) == {"cart": "apple"}
    assert request.session.session_key == nobodys.token
    request, _ = post(signed_in("grace", "hopper"))
    assert request.session.principal == str(grace.pk)
    assert len(sessions_of(grace).list()) == 1
    sessions_of(ada).revoke_all()
    request, answer = post(Browser())
    assert answer.status_code == 302
    assert request.session.principal == str(ada.pk)


def test_tests_with_sessions_of_their_own() -> None:
    base: Any = run(TEST_CASE)["SessionsTestCase"]
    prefixes = [settings.SOJOURN["PREFIX"]]

    class Case(base):
        def test_one(self) -> None:
            prefixes.append(get_sessions()._repository.settings.store.prefix)
            user = get_user_model().objects.create_user("ada", password="lovelace")
            self.client.force_login(user)
            assert self.client.get("/see").json()["user"] == "ada"
            other = Browser()
            other.force_login(user)
            user.set_password("byron")
            with (
                override_settings(MIDDLEWARE=["sojourn.django.SessionMiddleware", *settings.MIDDLEWARE[1:]]),
                self.captureOnCommitCallbacks(execute=True),
            ):
                user.save()
            assert sessions_of(user).list() == []

        test_two = test_one

    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(Case).run(result)
    assert (result.testsRun, result.errors, result.failures) == (2, [], [])
    assert len(set(prefixes)) == 3
    assert settings.SOJOURN["PREFIX"] == prefixes[0]


def test_the_fixture() -> None:
    """With what pytest-django hands it, as far as it uses that."""
    handed = SimpleNamespace(SOJOURN={"REDIS": "redis://127.0.0.1", "PREFIX": "sj"})
    run(FIXTURE)["own_sessions"].__wrapped__(handed)
    assert handed.SOJOURN["PREFIX"].startswith("test-")
    assert handed.SOJOURN["REDIS"] == "redis://127.0.0.1"


def test_what_it_says_of_keys_holds() -> None:
    session = SessionStore()
    session["a"] = 1
    session.save()
    before = session.public_id
    session.cycle_key()
    assert session.public_id != before
