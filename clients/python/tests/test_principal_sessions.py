"""All sessions of one principal, and how many there may be."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest

from sojourn import (
    NotSignedInError,
    SessionLimit,
    SessionLimitError,
)

from .conftest import Make
from .nodes import signed_in, stored, told
from .servers import Server


def test_a_users_sessions(make: Make) -> None:
    one, two = make(), make()
    a = signed_in(one, device="Firefox", kind="web")
    time.sleep(0.01)
    b = signed_in(two, device="Phone", kind="mobile", address="192.0.2.7")
    signed_in(one, "bob")
    mine = one.of(a)
    listed = mine.list()
    assert [(info.id, info.device, info.kind, info.address, info.current) for info in listed] == [
        (a.id, "Firefox", "web", None, True),
        (b.id, "Phone", "mobile", "192.0.2.7", False),
    ]
    for info in listed:
        assert info.created_at <= info.last_active_at < info.expires_at < info.deadline
    assert not one.of("bob").revoke(b.id), "it is not hers"
    assert mine.revoke(b.id)
    assert not mine.revoke(b.id)
    assert two.open(b.token).is_new
    c = signed_in(two)
    assert mine.revoke_others() == 1
    assert two.open(c.token).is_new
    assert two.open(a.token).principal == "ada"
    assert two.of("ada").revoke_all() == 1
    assert one.open(a.token).is_new
    assert mine.list() == []
    assert len(one.of("bob").list()) == 1
    with pytest.raises(NotSignedInError):
        one.of(one.open())
    assert not one.revoke("not an id")
    assert not one.revoke(a.id)


def test_revoke_all_keeps_a_session_by_its_former_id(make: Make) -> None:
    one = make()
    a, b = signed_in(one), signed_in(one)
    former = a.id
    a.rotate()
    assert one.of("ada").revoke_all(keep=former) == 1
    assert one.open(a.token).principal == "ada"
    assert one.open(b.token).is_new


def test_a_rotated_session_stays_in_the_index(make: Make, server: Server, prefix: str) -> None:
    one = make()
    session = signed_in(one, device="Firefox")
    former = session.id
    session.rotate()
    assert [(info.id, info.device) for info in one.of("ada").list()] == [(session.id, "Firefox")]
    session.set_lifetime(idle_timeout="1h", absolute_timeout="2h")
    before = session.token
    session.commit()
    assert session.token != before, "the index entry carries its lifetime"
    (info,) = one.of("ada").list()
    assert info.deadline - info.created_at == timedelta(hours=2)
    assert one.revoke(former), "forwards are followed"
    assert one.open(session.token).is_new
    for key in server.cli.keys(f"{prefix}:*"):
        assert server.cli.pttl(key) > 0, "no key is ever without a lifetime"


@pytest.mark.parametrize("policy", ["evict-oldest", "evict-idle", "reject"])
def test_limits(make: Make, policy: str) -> None:
    one = make(max_sessions=2, on_limit=policy)
    heard = told(one, "evicted")
    a = signed_in(one)
    time.sleep(0.01)
    b = signed_in(one)
    time.sleep(0.01)
    if policy == "evict-idle":
        one.open(a.token).touch()
    if policy == "reject":
        third = stored(one, n=1)
        with pytest.raises(SessionLimitError) as caught:
            third.login("ada")
        assert caught.value.max == 2
        assert one.open(third.token)["n"] == 1, "it stays as it is"
        a.login("ada")
        assert one.open(a.token).principal == "ada", "what it replaces does not count"
        return
    c = signed_in(one)
    gone, kept = (a, b) if policy == "evict-oldest" else (b, a)
    assert one.open(gone.token).is_new
    assert one.open(kept.token).principal == "ada"
    assert heard == [("evicted", {"id": gone.id, "principal": "ada", "by": c.id})]


def test_limits_of_kinds(make: Make) -> None:
    one = make(max_sessions=SessionLimit(5, "reject", {"mobile": 1}))
    signed_in(one, kind="mobile")
    signed_in(one, kind="web")
    signed_in(one)
    with pytest.raises(SessionLimitError, match="mobile"):
        signed_in(one, kind="mobile")
    asked: list[Any] = []
    other = make(max_sessions=lambda login: len(asked.append(login) or asked))  # type: ignore[func-returns-value]
    signed_in(other, kind="web")
    assert (asked[0].principal, asked[0].kind) == ("ada", "web")
    assert len(other.of("ada").list()) == 1


def test_a_crowded_index(make: Make, server: Server, prefix: str) -> None:
    """More entries than one step looks through: `create` says so, and room is made step by step."""
    one = make()
    for _ in range(1_510):
        signed_in(one)
    assert len(one.of("ada").list()) == 1_510, "page after page"
    limited = make(max_sessions=3)
    session = signed_in(limited)
    left = [info.id for info in one.of("ada").list()]
    assert session.id in left
    assert len(left) == 3
    assert one.of("ada").revoke_all() == 3
