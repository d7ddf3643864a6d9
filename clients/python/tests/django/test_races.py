"""Many requests of one browser at once, through views and middleware: what was answered with 200 is there at the end."""

from __future__ import annotations

import random
import threading
from typing import Any

import pytest
from django.contrib.auth import login
from django.contrib.sessions.exceptions import SessionInterrupted
from django.contrib.sessions.middleware import SessionMiddleware as DjangosMiddleware
from django.http import HttpResponse
from django.test import RequestFactory

from sojourn.django import SessionMiddleware, SessionStore, sessions_of
from sojourn.django.values import SIGN_IN

from .test_middleware import COOKIE

WORKERS = 6
REQUESTS = 20


class Browser:
    def __init__(self, middleware: Any, token: str) -> None:
        self.middleware = middleware
        self.token = token
        self.tokens = {token}
        self.put: set[str] = set()
        self.interrupted = 0
        self.failures: list[BaseException] = []
        self._lock = threading.Lock()

    def ask(self, view: Any, name: str | None = None) -> None:
        """`name`: what the view puts; None for a sign-in."""
        sent = self.token
        request = RequestFactory().get("/")
        request.COOKIES[COOKIE] = sent
        try:
            answer = self.middleware(lambda request: view(request) or HttpResponse())(request)
        except SessionInterrupted:
            self.interrupted += 1
            return
        except BaseException as error:
            self.failures.append(error)
            return
        with self._lock:
            if COOKIE in answer.cookies:
                self.tokens.add(answer.cookies[COOKIE].value)
                # An answer that a sign-in has overtaken would bring a former key back: that is no loss of data, and
                # would leave the rest of the test with nobody's session.
                if name is None or self.token == sent:
                    self.token = answer.cookies[COOKIE].value
            if name is not None:
                self.put.add(name)


@pytest.mark.parametrize("middleware", [DjangosMiddleware, SessionMiddleware])
@pytest.mark.parametrize("signs_in", [False, True])
def test_nothing_acknowledged_is_lost(middleware: Any, signs_in: bool, ada: Any) -> None:
    ada.backend = "django.contrib.auth.backends.ModelBackend"
    first = SessionStore()
    first["start"] = 0
    first.sign_in(str(ada.pk), {})
    first.update(zip(SIGN_IN, (str(ada.pk), ada.backend, ada.get_session_auth_hash()), strict=True))
    first.save()
    browser = Browser(middleware, first.session_key or "")

    def work(number: int) -> None:
        rng = random.Random(number)
        for i in range(REQUESTS):
            name = f"n{number}_{i}"

            def put(request: Any, name: str = name) -> None:
                if request.session.get("start") is None:
                    # Its key was given up by a sign-in between two looks: the next one has the new key.
                    raise SessionInterrupted
                request.session[name] = 1

            def put_and_rotate(request: Any, name: str = name) -> None:
                put(request, name)
                request.session.rotate()

            if signs_in and number == 0 and i in (6, 14):
                browser.ask(lambda request: login(request, ada))
            else:
                browser.ask(put_and_rotate if rng.randrange(4) == 0 else put, name)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert browser.failures == []
    (session,) = (each for each in map(SessionStore, browser.tokens) if each.exists(each.session_key))
    missing = browser.put - set(session.keys())
    assert missing == set()
    assert len(browser.put) > WORKERS * REQUESTS / 4
    assert session.principal == str(ada.pk)
    assert len(sessions_of(ada).list()) == 1
