"""One process of the benchmark: answers questions on stdin, a line of JSON each. Arguments: a system, and Redis' socket."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import django
import redis
from app import SAMPLE, Application

EXPECTED = {
    "read": SAMPLE["theme"].encode(),
    "cart": SAMPLE["cart"][0]["sku"].encode(),
    "write": b"written",
    "anonymous": b"0",
}


class Row:
    def __init__(self, system: str, socket: str) -> None:
        self._system = system
        self._app = Application(system, socket)
        self._cookies: list[str] = []
        self._next = 0
        self._writes = 0
        if system == "sojourn-anew":
            # As for one whose requests go to another process each time, or are written there in between.
            from sojourn.django import get_sessions
            from sojourn.memo import RecordMemo

            get_sessions()._repository.reader._memo = RecordMemo(0, 0)

    def seed(self, sessions: int) -> None:
        for i in range(sessions):
            self._app.ask("seed")
            cookie = self._app.cookie()
            if cookie is None and self._system != "bare":
                raise RuntimeError("no cookie was set")
            # The bare application is sent one of the same kind, and does nothing with it.
            self._cookies.append(cookie or f"sessionid={i:032}")

    def burst(self, scenario: str, requests: int) -> dict[str, float]:
        """Microseconds a request. Every answer is checked."""
        ask, expected = self._app.ask, EXPECTED[scenario]
        cookies: list[str | None] = [None] * requests
        if scenario != "anonymous":
            cookies = [self._cookies[(self._next + i) % len(self._cookies)] for i in range(requests)]
            self._next += requests
        cpu, wall = time.process_time(), time.perf_counter()
        for cookie in cookies:
            if ask(scenario, cookie) != expected:
                raise RuntimeError(f"{scenario}: a wrong answer")
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        if scenario == "anonymous" and self._app.cookie() is not None:
            raise RuntimeError("anonymous: a cookie was set")
        self._writes += requests if scenario == "write" else 0
        return {"cpu": cpu / requests * 1e6, "wall": wall / requests * 1e6}

    def check(self) -> None:
        """Every write that was handled is stored."""
        if self._system == "bare":
            return
        stored = sum(int(self._app.ask("views", cookie)) for cookie in self._cookies)
        if stored != self._writes:
            raise RuntimeError(f"{self._writes} writes were handled, {stored} are stored")

    def versions(self) -> dict[str, str]:
        return {"python": sys.version.split()[0], "django": django.get_version(), "redis": redis.__version__}


def main() -> None:
    row = Row(*sys.argv[1:])
    for line in sys.stdin:
        question: dict[str, Any] = json.loads(line)
        answer = getattr(row, question["name"])(*question["args"])
        print(json.dumps(answer), flush=True)


main()
