"""Many requests of one browser at once, on several nodes: what was acknowledged is there at the end, and nothing else."""

from __future__ import annotations

import random
import threading
from typing import Any

from sojourn import SojournError, counter

from .conftest import Make

WORKERS = 6
REQUESTS = 40


class Browser:
    """
    Keeps the cookie of the answer that came last, of those that were asked for since it has signed in: a token of
    before a login is good for nothing, and this test is not about answers that overtake each other.
    """

    def __init__(self) -> None:
        self.token: str | None = None
        self.logins = 0
        self.acknowledged = 0
        self.refused = 0
        self.failures: list[BaseException] = []
        self._lock = threading.Lock()

    def answered(self, session: Any, counts: int, asked_at: int, *, signed_in: bool = False) -> None:
        """`asked_at` is how often it had signed in when it asked."""
        with self._lock:
            cookie = session.cookie()
            if cookie is not None and asked_at == self.logins:
                self.token = cookie.value
            self.logins += signed_in
            if session.ended:
                self.refused += 1
            else:
                self.acknowledged += counts


def request(browser: Browser, node: Any, rng: random.Random, logs_in: bool) -> None:
    asked_at, token = browser.logins, browser.token
    session = node.open(token)
    if session.is_new:
        # Its token was superseded by the login between two looks: the next one has the new token.
        return
    kind = rng.randrange(10)
    if logs_in:
        session.login("ada", keep=["n", "m"])
        browser.answered(session, 0, asked_at, signed_in=True)
    elif kind < 3:
        session["n"] += 1
        session.rotate()
        browser.answered(session, 1, asked_at)
    elif kind < 6:
        session.modify("m", lambda m: m + 1)
        browser.answered(session, 1, asked_at)
    else:
        session["n"] += 1
        session.commit()
        browser.answered(session, 1, asked_at)


def test_nothing_acknowledged_is_lost(make: Make) -> None:
    nodes = [make(merge={"n": counter}) for _ in range(3)]
    browser = Browser()
    first = nodes[0].open()
    first["n"] = first["m"] = 0
    first.commit()
    browser.token = first.token

    def work(number: int) -> None:
        rng = random.Random(number)
        for i in range(REQUESTS):
            try:
                request(browser, nodes[number % 3], rng, logs_in=number == 0 and i in (10, 25))
            except SojournError as error:
                if error.code == "ERR_SOJOURN_ENDED":
                    browser.refused += 1
                else:
                    browser.failures.append(error)
            except BaseException as error:
                browser.failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert browser.failures == []
    session = nodes[0].open(browser.token)
    assert session.principal == "ada"
    assert session["n"] + session["m"] == browser.acknowledged
    assert browser.acknowledged > WORKERS * REQUESTS / 4
    assert [info.id for info in nodes[1].of("ada").list()] == [session.id]
    # And then it is gone, whoever comes with whichever token.
    late = [node.open(browser.token) for node in nodes]
    session.logout()
    for each in late:
        each["n"] += 1
        each.commit()
        assert each.ended
    assert all(node.open(browser.token).is_new for node in nodes)
