"""A browser, and a user who has signed in with it."""

from __future__ import annotations

from typing import Any

from django.test import Client

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
