"""Signing in, and once more at a higher level."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from sojourn import (
    NotSignedInError,
    OptionError,
    SessionAttributeError,
    SessionEndedError,
    Sessions,
    counter,
)
from sojourn.repository import Repository

from .conftest import SECRETS, Make
from .nodes import signed_in, stored, told
from .servers import Server


def test_login(make: Make) -> None:
    one, two = make(), make()
    heard = told(one, "login", "logout")
    session = stored(one, cart=[1], secret="x")
    first, first_id = session.token, session.id
    session["theme"] = "dark"
    session.login("ada", keep=["cart", "theme"], device="Firefox", kind="web", address="192.0.2.1", level=1)
    assert session.principal == "ada"
    assert session.level == 1
    assert session.authenticated_within("5s")
    assert {name: session[name] for name in session} == {"cart": [1], "theme": "dark"}
    assert session.token != first
    assert two.open(first).is_new, "the former is refused at once"
    late = two.open(first)
    late["x"] = 1
    late.commit()
    assert late.cookie() is None, "and overwrites no cookie"
    assert two.open(session.token).principal == "ada"
    assert heard[0][1]["previous_id"] == first_id
    session.login("bob")
    assert list(session) == []
    assert session.principal == "bob"
    with pytest.raises(SessionAttributeError):
        session.login("")
    for option, value in {
        "level": 256,
        "kind": "",
        "device": 1,
        "keep": "cart",
        "persistent": 1,
        "idle_timeout": "13h",
        "max_sessions": 0,
    }.items():
        with pytest.raises(OptionError, match=option):
            session.login("ada", **{option: value})
    assert session.principal == "bob"
    session.login("ada", device="x" * 300 + "\ud800", idle_timeout="13h", absolute_timeout="14h", persistent=True)
    assert session.deadline - session.created_at == timedelta(hours=14)
    (info,) = one.of("ada").list()
    assert info.device == "x" * 256


def test_login_carries_over_what_others_store_meanwhile(make: Make) -> None:
    one, two = make(merge={"n": counter}), make(merge={"n": counter})
    token = stored(one, n=1, cart=["a"]).token
    mine, theirs = one.open(token), two.open(token)
    theirs["n"] = 5
    theirs["cart"] = ["a", "b"]
    theirs.commit()
    mine["n"] = 2
    mine.login("ada", keep=["n", "cart"])
    assert (mine["n"], mine["cart"]) == (6, ["a", "b"])
    assert two.open(mine.token)["n"] == 6


def test_login_of_a_session_that_another_has_ended(make: Make) -> None:
    one, two = make(), make()
    token = stored(one, cart=["a"]).token
    mine = one.open(token)
    mine["own"] = 1
    two.open(token).logout()
    mine.login("ada", keep=["cart", "own"])
    assert {name: mine[name] for name in mine} == {"own": 1}


def test_a_login_whose_session_is_revoked_before_it_is_done(
    make: Make, server: Server, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = make(), make()
    token = stored(one, cart=["a"]).token
    mine, theirs = one.open(token), two.open(token)
    theirs["cart"] = ["b"]
    theirs.commit()
    create = Repository.create
    with Sessions(server.url, secrets=SECRETS, prefix=prefix) as others:

        def revoked(*args: Any, **options: Any) -> Any:
            created = yield from create(*args, **options)
            others.of("ada").revoke_all()
            return created

        monkeypatch.setattr(Repository, "create", revoked)
        with pytest.raises(SessionEndedError):
            mine.login("ada", keep=["cart"])
    assert mine.ended
    assert two.open(token).is_new, "the former one is ended all the same"
    assert one.of("ada").list() == []


def test_step_up(make: Make) -> None:
    one, two = make(), make()
    session = signed_in(one, level=1)
    first, first_id = session.token, session.id
    former = two.open(first)
    session["n"] = 1
    session.step_up(2)
    assert (session.level, session["n"]) == (2, 1)
    assert session.token != first
    assert two.open(first).is_new, "refused at once"
    assert [info.id for info in one.of("ada").list()] == [session.id]
    assert two.revoke(first_id), "a revocation by the former id reaches it"
    assert one.open(session.token).is_new
    with pytest.raises(NotSignedInError):
        one.open().step_up(2)
    with pytest.raises(SessionEndedError):
        former.step_up(2)


def test_a_sign_out_reaches_what_a_step_up_has_moved(make: Make) -> None:
    one, two = make(), make()
    session = signed_in(one)
    former = two.open(session.token)
    session.step_up(2)
    former.logout()
    assert one.open(session.token).is_new
