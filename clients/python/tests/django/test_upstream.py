"""Django's own tests of a session store, and of what stands on one, run on this engine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import django
import pytest
from django.test import SimpleTestCase, override_settings

from sojourn.django import SessionStore

from ..servers import Server
from .upstream import NotToBeHad, folder, session_tests

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


#: Where this version has them: sign-in and its views, CSRF, messages, the test client.
SUITES = (
    "auth_tests.test_basic",
    "auth_tests.test_decorators",
    "auth_tests.test_login",
    "auth_tests.test_middleware",
    "auth_tests.test_remote_user",
    "auth_tests.test_signals",
    "auth_tests.test_views",
    "csrf_tests",
    "messages_tests",
    "test_client",
    "test_client_regress",
)
DIFFERENT = {
    # That a second sign-in of the same user keeps the key: here each sign-in brings a new one.
    "test_session_key_flushed_on_login_after_password_change",
    # That the session is one of two queries to the database: here it is none.
    "test_protected_view_logged_in_performance",
}


def test_what_stands_on_sessions(server: Server, prefix: str) -> None:
    here = Path(__file__).parent
    suites = [each for each in SUITES if (folder() / each.replace(".", "/")).with_suffix(".py").exists() or "." not in each]
    command = [sys.executable, "-W", "ignore", "runtests.py", "--settings=upstream_settings", "--parallel=1", *suites]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(here), str(Path(django.__file__).parents[1])]),
        "SOJOURN_TEST_REDIS": server.url,
        "SOJOURN_TEST_PREFIX": prefix,
    }
    done = subprocess.run(command, cwd=folder(), env=environment, capture_output=True, text=True, check=False)
    assert set(re.findall(r"^(?:FAIL|ERROR): (\w+)", done.stderr, re.MULTILINE)) <= DIFFERENT, done.stderr
    (count,) = re.findall(r"^Ran (\d+) tests", done.stderr, re.MULTILINE)
    assert int(count) >= 600
    assert list(server.cli.scan_iter(f"{prefix}:*"))


def test_these_are_all_of_them() -> None:
    def count(cls: type) -> int:
        return sum(name.startswith("test_") and callable(getattr(cls, name)) for name in dir(cls))

    assert count(TestStore) >= (65 if django.VERSION >= (5, 2) else 37)
    assert count(TestDjangosMiddleware) >= 10
