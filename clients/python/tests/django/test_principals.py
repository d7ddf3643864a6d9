"""All sessions of a user."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import RequestFactory

from sojourn import NotSignedInError
from sojourn.django import SessionStore, asessions_of, sessions_of

from .browser import signed_in


def test_sessions_of_a_user(ada: Any, grace: Any) -> None:
    browsers = [signed_in() for _ in range(3)]
    other = signed_in("grace", "hopper")
    request = RequestFactory().get("/")
    request.session = SessionStore(browsers[0].token)
    mine = sessions_of(request)
    assert [info.current for info in mine.list()] == [True, False, False]
    assert mine.revoke(mine.list()[2].id)
    assert mine.revoke_others() == 1
    assert [each.json("/see")["user"] for each in browsers] == ["ada", None, None]
    assert sessions_of(ada).revoke_all() == 1
    assert browsers[0].json("/see")["user"] is None
    assert other.json("/see")["user"] == "grace"
    for of in (sessions_of, asessions_of):
        request.session = SessionStore()
        with pytest.raises(NotSignedInError, match="sessions_of: nobody is signed in"):
            of(request)


def test_sessions_of_a_user_in_asyncio(ada: Any) -> None:
    browsers = [signed_in() for _ in range(2)]

    async def use() -> None:
        assert len(await asessions_of(ada).list()) == 2
        request = RequestFactory().get("/")
        request.session = SessionStore(browsers[0].token)
        await request.session.aload()
        assert await asessions_of(request).revoke_others() == 1
        assert await asessions_of(ada).revoke_all() == 1

    async_to_sync(use)()
