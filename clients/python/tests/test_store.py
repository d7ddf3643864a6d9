"""Operations by themselves: they ask for steps, and are answered by hand."""

from __future__ import annotations

from typing import Any

import pytest

from sojourn import SessionConflictError
from sojourn.limit import Limit, excess
from sojourn.principal import Descriptor, seal_descriptor
from sojourn.revoke import revoke_by_id
from sojourn.steps import Op, Read, Run
from sojourn.store import CROWDED, DONE, GONE, Created, Listed, Owner, Store, Written

from .vectors import KEYRING, read, token_of

ID = "556Cg-sg8IzQkLraL1UztNLZQ"
OWNER = "DbEUZf9dZJeQ2x8rThQnxA"


def descriptor(created_at: int, kind: str | None = None, idle: int = 1_800_000) -> bytes:
    return seal_descriptor(KEYRING, b"", OWNER, ID, Descriptor(created_at, 2**40, idle, "user-1", kind))


def answered(operation: Op[Any], *answers: Any) -> tuple[Any, list[Any]]:
    """What it comes to, and the steps that it has asked for."""
    steps, answer = [], None
    left = list(answers)
    while True:
        try:
            steps.append(operation.send(answer))
        except StopIteration as done:
            assert left == []
            return done.value, steps
        answer = left.pop(0)


def test_a_record_that_expires_between_get_and_pttl_is_gone() -> None:
    store = Store("sj")
    found, steps = answered(store.load(ID), (b"record", -2))
    assert found is None
    assert steps == [Read("sj:{556}:s:Cg-sg8IzQkLraL1UztNLZQ")]
    found, _ = answered(store.load(ID), (b"record", 0))
    assert found.ttl == 1, "the last fraction of a millisecond"
    found, _ = answered(store.load(ID), (b"record", -1))
    assert found.ttl == 2**53 - 1, "somebody's PERSIST"


def test_the_third_time_a_crowded_index_is_looked_through_all_the_same() -> None:
    owner, limit = Owner(OWNER, descriptor(5), 1_000), Limit(1, "evict-oldest")
    listed = [b"0", [ID[3:].encode(), descriptor(1), 5, b"x" * 22, descriptor(2), 5]]
    made, steps = answered(
        Store("sj").create(ID, b"record", 10, owner, limit),
        [CROWDED],
        listed,
        [ID[3:].encode()],
        [CROWDED],
        [b"0", []],
        [DONE, 10, [b"y" * 22]],
    )
    assert made == Created(DONE, (ID, "556" + "y" * 22))
    runs = [step for step in steps if isinstance(step, Run)]
    assert [run.script.name for run in runs] == ["create", "list", "evict", "create", "list", "create"]
    assert [run.args[8:] for run in runs if run.script.name == "create"] == [(), (), ("1",)]
    assert runs[2].args == (ID[3:],), "the oldest"


def test_a_full_index_refuses() -> None:
    owner, limit = Owner(OWNER, descriptor(5, "web"), 1_000), Limit(5, "reject", max_of_kind=1)
    listed = [b"0", [b"x" * 22, descriptor(1, "web"), 5]]
    made, _ = answered(Store("sj").create(ID, b"record", 10, owner, limit), [CROWDED], listed)
    assert (made.status, made.by_kind) == (5, True)


def test_answers_that_no_script_gives() -> None:
    for operation in (Store("sj").touch(ID, b"stamp", 1), Store("sj").create(ID, b"record", 1)):
        with pytest.raises(RuntimeError):
            answered(operation, [9])
    assert answered(Store("sj").destroy(ID), [GONE])[0] == Written(GONE)


def test_a_revocation_follows_what_is_rotated_meanwhile() -> None:
    forward = read("trails")["forwards"][0]
    record = bytes.fromhex(next(each for each in read("records")["opens"] if each["why"] == "with a principal")["record"])
    source, to = token_of(forward["from"]).id, forward["sessionId"]
    trail = bytes.fromhex(forward["trail"])
    ended, steps = answered(revoke_by_id(Store("sj"), source), (record, 5), [2, trail, 5], (record, 5), [1, -2, record])
    assert ended == to
    assert [step.keys for step in steps if isinstance(step, Run)] == [
        (f"sj:{{556}}:s:{source[3:]}", f"sj:{{556}}:p:{OWNER}"),
        (f"sj:{{556}}:s:{to[3:]}", f"sj:{{556}}:p:{OWNER}"),
    ]
    assert answered(revoke_by_id(Store("sj"), source, "another's"), (record, 5))[0] is None
    assert answered(revoke_by_id(Store("sj"), source), (record, 5), [3])[0] is None
    marker = bytes.fromhex(read("trails")["superseded"][0]["trail"])
    assert answered(revoke_by_id(Store("sj"), source), (marker, 5))[0] is None
    with pytest.raises(SessionConflictError):
        answered(revoke_by_id(Store("sj"), source), *[(trail, 5)] * 65)


def test_who_has_to_make_room() -> None:
    sessions = [
        Listed("a", descriptor(3, "web", idle=100), 100),
        Listed("b", descriptor(1, "mobile", idle=100), 50),
        Listed("c", descriptor(2, "web", idle=1_000), 200),
    ]
    web = descriptor(9, "web")[13:17]
    assert excess(sessions, Limit(2, "evict-oldest"), web, 1) == (["b", "c"], "all")
    assert excess(sessions, Limit(2, "evict-idle"), web, 1) == (["c", "b"], "all")
    assert excess(sessions, Limit(3, "evict-oldest", max_of_kind=1), web, 0) == (["c"], "kind")
    assert excess(sessions, Limit(4, "evict-oldest", max_of_kind=3), web, 1) == ([], None)
    assert excess(sessions, Limit(2, "evict-oldest", max_of_kind=1), web, 1) == (["c", "a"], "kind")
