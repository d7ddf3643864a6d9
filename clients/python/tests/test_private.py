"""Private attributes of frameworks: kept by all, seen and changed by their own."""

from __future__ import annotations

from typing import Any

import pytest

from sojourn import OptionError, SessionAttributeError

from .conftest import Make


def by_django(make: Make, **options: Any) -> Any:
    """A session of nobody with something of Django's, and something for all."""
    session = make(namespace="django", **options).open()
    session["cart"] = ["apple"]
    session.private["_auth_user_hash"] = {"of": [1]}
    session.private["_messages"] = ["hello"]
    session.commit()
    return session


def own(make: Make, token: str) -> dict[str, Any]:
    return dict(make(namespace="django").open(token).private)


ALL = {"_auth_user_hash": {"of": [1]}, "_messages": ["hello"]}


def test_others_do_not_see_them(make: Make) -> None:
    token = by_django(make).token
    for node in (make(), make(namespace="spring"), make(namespace="django")):
        session = node.open(token)
        assert list(session) == ["cart"]
        assert "django:_messages" not in session
        assert session.get("django:_messages") is None
        assert "django" not in repr(getattr(session, "_held", session))
    assert dict(make(namespace="spring").open(token).private) == {}
    assert own(make, token) == ALL


@pytest.mark.parametrize("name", ["django:_messages", "spring:SPRING_SECURITY_CONTEXT", "django:"])
def test_others_cannot_change_them(make: Make, name: str) -> None:
    token = by_django(make).token
    for node in (make(), make(namespace="django")):
        session = node.open(token)
        with pytest.raises(SessionAttributeError, match="private"):
            session[name] = 1
        with pytest.raises(SessionAttributeError, match="private"):
            session.set(name, 1)
        with pytest.raises(SessionAttributeError, match="private"):
            session.delete(name)
        with pytest.raises(SessionAttributeError, match="private"):
            del session[name]
        with pytest.raises(SessionAttributeError, match="private"):
            session.modify(name, lambda value: value)
        assert not session.dirty
    assert own(make, token) == ALL


def test_names_that_only_look_like_one(make: Make) -> None:
    session = make().open()
    for name in ("django", "djangos:x", "Django:x", "flask:x", ":django:"):
        session[name] = 1
    session.commit()
    assert len(list(make().open(session.token))) == 5


def test_commit_rebase_rotation_and_step_up_keep_them(make: Make) -> None:
    session = by_django(make, merge={"cart": lambda base, theirs, mine: [*theirs, *mine[len(base) :]]})
    one, two = make(), make(namespace="django")
    first, second = one.open(session.token), two.open(session.token)
    second.private["_messages"].append("again")
    second.commit()
    first["cart"].append("pear")
    first.commit()
    first.rotate()
    found = make(namespace="django").open(first.token)
    assert found["cart"] == ["apple", "pear"]
    assert dict(found.private) == {**ALL, "_messages": ["hello", "again"]}
    found.login("ada")
    found.private["_auth_user_hash"] = "h"
    found.commit()
    stranger = make().open(found.token)
    stranger.step_up(2)
    assert own(make, stranger.token) == {"_auth_user_hash": "h"}


def test_clear_takes_ones_own_and_leaves_others(make: Make) -> None:
    token = by_django(make).token
    session = make(namespace="spring").open(token)
    session.private["CONTEXT"] = 1
    session.commit()
    stranger = make().open(token)
    stranger.clear()
    stranger.commit()
    assert list(stranger) == []
    assert own(make, token) == ALL
    django = make(namespace="django").open(token)
    django.clear()
    django.commit()
    assert own(make, token) == {}
    assert dict(make(namespace="spring").open(token).private) == {"CONTEXT": 1}


def test_a_login_to_another_principal_leaves_them_behind(make: Make) -> None:
    keep = ["cart", "django:_messages"]
    session = by_django(make)
    node = make(namespace="django")
    session = node.open(session.token)
    session.login("ada", keep=keep)
    assert (dict(session), dict(session.private)) == ({"cart": ["apple"]}, {"_messages": ["hello"]}), "it was nobody's"
    session.private["_messages"] = ["of Ada"]
    session.commit()
    session.login("ada", keep=keep)
    assert dict(session.private) == {"_messages": ["of Ada"]}, "the same principal"
    session.login("ada")
    assert dict(session.private) == {}, "only what it is told"
    session.private["_messages"] = ["of Ada"]
    stranger = make().open(session.token)
    stranger.login("ada", keep=keep)
    assert dict(node.open(stranger.token).private) == {}, "no one else's to take along"
    session = node.open(stranger.token)
    session.private["_messages"] = ["of Ada"]
    session.login("grace", keep=keep)
    assert dict(node.open(session.token).private) == {}


def test_what_a_parallel_request_stores_is_not_carried_over_either(make: Make) -> None:
    token = by_django(make).token
    node, other = make(namespace="django"), make(namespace="django")
    session = node.open(token)
    session.login("grace", keep=["cart", "django:_messages"])
    token = session.token
    session = node.open(token)
    parallel = other.open(token)
    parallel.private["_messages"] = ["late"]
    parallel["cart"] = ["late"]
    parallel.commit()
    session.login("ada", keep=["cart", "django:_messages"])
    found = make(namespace="django").open(session.token)
    assert (dict(found), dict(found.private)) == ({"cart": ["late"]}, {})


def test_migrations_do_not_see_them(make: Make) -> None:
    seen: list[dict[str, Any]] = []

    def step(data: dict[str, Any]) -> dict[str, Any]:
        seen.append(dict(data))
        return {"basket": data.pop("cart")}

    token = by_django(make).token
    newer = make(version=2, migrate={1: step}, namespace="django").open(token)
    assert (dict(newer), dict(newer.private)) == ({"basket": ["apple"]}, ALL)
    assert seen == [{"cart": ["apple"]}]
    bad = make(version=2, migrate={1: lambda data: {**data, "django:_messages": []}})
    assert bad.open(token).is_new, "a step that would write one"


def test_the_view(make: Make) -> None:
    session = make(namespace="spring").open()
    private = session.private
    with pytest.raises(KeyError):
        private["x"]
    with pytest.raises(KeyError):
        del private["x"]
    with pytest.raises(SessionAttributeError):
        private[1] = 1
    private["x"] = 1
    assert ("x" in private, "spring:x" in private, 1 in private, len(private)) == (True, False, False, 1)
    assert repr(private) == "PrivateAttributes('spring:', ['x'])"
    del private["x"]
    assert not session.dirty
    with pytest.raises(OptionError, match="namespace"):
        make().open().private  # noqa: B018
