"""New tokens for the same session, and what becomes of the former ones."""

from __future__ import annotations

import time

from sojourn.keys import record_key

from .conftest import Make
from .nodes import later, stored, told
from .servers import Server


def test_rotation_keeps_both_tokens_for_a_while(make: Make, server: Server, prefix: str) -> None:
    one, two = make(), make()
    heard = told(two, "token-reuse", "rejected")
    new = one.open()
    new.rotate()
    assert new.is_new, "nobody holds a token yet"
    session = stored(one, n=1)
    first, first_id = session.token, session.id
    parallel = two.open(first)
    session["n"] = 2
    session.rotate()
    second = session.token
    # Reuse is recognised for an hour.
    assert 3_500_000 < server.cli.pttl(record_key(prefix, first_id)) <= 3_600_000
    assert (second != first, session.id != first_id) == (True, True)
    assert session.cookie().value == second
    # Who still comes with the former one gets the same successor.
    late = two.open(first)
    assert (late["n"], late.token, late.cookie().value) == (2, second, second)
    late.rotate()
    assert late.token == second, "no second successor"
    parallel["m"] = 1
    parallel.commit()
    assert parallel.token == second, "a request under way goes on at the successor"
    assert one.open(second)["m"] == 1, "and settles: from now on the former leads on for 10 seconds"
    assert two.open(first)["n"] == 2
    running = two.open(second)
    later(two, 11_000)
    refused = two.open(first)
    assert refused.is_new
    assert refused.ended, "a late request must not touch the cookie"
    assert two.open(first).is_new
    assert [name for name, _ in heard] == ["token-reuse", "rejected", "rejected"]
    assert heard[0][1] == {"id": session.id, "former_id": first_id, "principal": None}
    assert running["m"] == 1
    assert one.open(second)["m"] == 1, "it was only reported"


def test_a_request_let_in_before_goes_on_and_is_told_no_token(make: Make) -> None:
    one = make(rotation_grace="1ms")
    session = stored(one, n=1)
    slow = one.open(session.token)
    session.rotate()
    one.open(session.token)
    time.sleep(0.02)
    slow["n"] = 2
    slow.commit()
    assert slow.token is None
    assert slow.cookie() is None
    assert one.open(session.token)["n"] == 2


def test_a_chain_of_rotations_is_followed(make: Make) -> None:
    one, two = make(), make()
    session = stored(one, n=1)
    first, old = session.token, two.open(session.token)
    for i in range(5):
        session["n"] = i
        session.rotate()
    found = two.open(first)
    assert (found["n"], found.token) == (4, session.token)
    old["mine"] = True
    old.commit()
    assert old.token == session.token
    assert one.open(session.token)["mine"] is True
    two.open(first).logout()
    assert one.open(session.token).is_new, "a sign-out follows forwards"
    assert one.open(first).is_new


def test_parallel_rotations_are_one(make: Make) -> None:
    one, two = make(), make()
    token = stored(one, n=1).token
    a, b = one.open(token), two.open(token)
    a.rotate()
    b["m"] = 1
    b.rotate()
    assert a.token == b.token
    assert one.open(a.token)["m"] == 1


def test_reuse_may_end_the_session(make: Make) -> None:
    one = make(rotation_grace="1ms", token_reuse="end")
    heard = told(one, "token-reuse", "revoked")
    session = stored(one, n=1)
    first = session.token
    session.rotate()
    one.open(session.token)
    time.sleep(0.02)
    assert one.open(first).is_new
    assert one.open(session.token).is_new
    assert [name for name, _ in heard] == ["token-reuse", "revoked"]


def test_a_former_token_whose_successor_nobody_has_used(make: Make) -> None:
    one = make(rotation_patience="20s")
    heard = told(one, "token-reuse")
    session = stored(one, n=1)
    first = session.token
    session.rotate()
    assert one.open(first)["n"] == 1
    later(one, 19_000)
    assert one.open(first)["n"] == 1
    later(one, 2_000)
    assert one.open(first).is_new
    assert heard == []


def test_tokens_are_renewed_by_age(make: Make) -> None:
    one = make(rotate_every="30s")
    session = stored(one, n=1)
    first = session.token
    session = one.open(first)
    session.commit()
    assert session.token == first
    later(one, 31_000)
    session = one.open(first)
    session.commit()
    assert session.token != first
    assert session.cookie().value == session.token
