"""The examples of docs/django.md run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.core import checks
from django.test import RequestFactory, override_settings

from sojourn.django import SessionStore, sessions_of

from ..conftest import SECRETS
from .test_auth import signed_in

TEXT = (Path(__file__).resolve().parents[4] / "docs" / "django.md").read_text(encoding="utf-8")
SETTINGS, SIGN_IN, PASSWORD, DEVICES, FORMER = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("SESSION_SECRET", SECRETS[0])
    scope: dict[str, Any] = {}
    exec(SETTINGS, scope)
    exec(FORMER, scope)
    return {name: value for name, value in scope.items() if name.isupper()}


def test_the_settings_are_right(settings: dict[str, Any]) -> None:
    with override_settings(**settings):
        assert checks.run_checks(tags=["sessions"], include_deployment_checks=True) == []


def request_of(browser: Any, user: Any) -> Any:
    request = RequestFactory().get("/")
    request.session, request.user = SessionStore(browser.token), user
    return request


def test_the_views(ada: Any, sojourn: Any) -> None:
    scope: dict[str, Any] = {}
    for code in (SIGN_IN, PASSWORD, DEVICES):
        exec(code, scope)
    first, second = signed_in(), signed_in()
    devices = scope["devices"](request_of(first, ada))
    assert [(device, current) for device, _, current in devices] == [("Firefox", True), ("Firefox", False)]
    request = request_of(first, ada)
    ada.set_password("byron")
    ada.save()
    scope["password_changed"](request, ada)
    request.session.save()
    assert second.json("/see")["user"] is None
    assert len(sessions_of(ada).list()) == 1
    sojourn(MAX_SESSIONS=1, ON_LIMIT="reject")
    scope["render"] = lambda request, template, status: status
    request = RequestFactory().get("/")
    request.session = SessionStore()
    ada.backend = "django.contrib.auth.backends.ModelBackend"
    assert scope["signed_in"](request, ada) == 409
    assert scope["sign_out_everywhere"](ada) == 1
    assert scope["signed_in"](request, ada).status_code == 302


def test_what_it_says_of_keys_holds() -> None:
    session = SessionStore()
    session["a"] = 1
    session.save()
    before = session.public_id
    session.cycle_key()
    assert session.public_id != before
