"""Django's own tests of a session store and of its middleware, run on this engine."""

from __future__ import annotations

from typing import Any

import django
import pytest
from django.test import SimpleTestCase, override_settings

from sojourn.django import SessionStore

from .upstream import NotToBeHad, session_tests

try:
    _tests: Any = session_tests({"SessionTestsMixin", "SessionMiddlewareTests"})
except NotToBeHad as _error:
    pytest.skip(f"Django's own tests of sessions: {_error}", allow_module_level=True)

#: Their settings are Django's own defaults.
defaults = override_settings(SESSION_COOKIE_NAME="sessionid", SESSION_COOKIE_SECURE=False)


@defaults
class TestStore(_tests.SessionTestsMixin, SimpleTestCase):
    backend = SessionStore


@defaults
class TestDjangosMiddleware(_tests.SessionMiddlewareTests):
    #: Looks into the table of the database engine; test_middleware.py has the same for this one.
    test_empty_session_saved = None


def test_these_are_all_of_them() -> None:
    def count(cls: type) -> int:
        return sum(name.startswith("test_") and callable(getattr(cls, name)) for name in dir(cls))

    assert count(TestStore) >= (65 if django.VERSION >= (5, 2) else 37)
    assert count(TestDjangosMiddleware) >= 10
