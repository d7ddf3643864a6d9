"""What a session holds, changed by one request or by two at once."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from sojourn import (
    SessionAttributeError,
    SessionTooLargeError,
    counter,
    fields,
    union,
)

from .conftest import Make
from .nodes import stored, told


def test_changes_in_place_are_noticed(make: Make) -> None:
    one = make()
    token = stored(one, cart={"items": []}, tags={"a"}).token
    session = one.open(token)
    session["cart"]["items"].append(1)
    session["tags"].add("b")
    assert session.dirty
    session.commit()
    assert not session.dirty
    session["cart"]["items"].append(2)
    session.commit()
    found = one.open(token)
    assert found["cart"] == {"items": [1, 2]}
    assert found["tags"] == {"a", "b"}
    found["cart"]["items"].pop()
    found["cart"]["items"].append(2)
    assert not found.dirty, "the same as before"


def test_an_object_that_was_set_may_be_changed_further(make: Make) -> None:
    one = make()
    session = one.open()
    held: list[int] = [1]
    session["list"] = held
    session.commit()
    held.append(2)
    session.commit()
    assert one.open(session.token)["list"] == [1, 2]


def test_changes_of_different_attributes_all_stay(make: Make) -> None:
    """32 threads, each on a node of its own with the same session: nothing is lost."""
    nodes = [make() for _ in range(4)]
    token = stored(nodes[0], start=True).token
    sessions = [nodes[i % 4].open(token) for i in range(32)]
    barrier = threading.Barrier(32)
    failures: list[BaseException] = []

    def work(i: int) -> None:
        try:
            barrier.wait()
            sessions[i][f"attribute{i}"] = i
            sessions[i].commit()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    found = nodes[0].open(token)
    assert {name: found[name] for name in found} == {"start": True, **{f"attribute{i}": i for i in range(32)}}


def test_merges(make: Make) -> None:
    merge = {
        "visits": counter,
        "cart": union("sku"),
        "settings": fields(),
        "best": lambda _, theirs, mine: max(theirs, mine),
    }
    one, two = make(merge=merge), make(merge=merge)
    heard = told(two, "conflict")
    base = {"visits": 1, "cart": [{"sku": "a", "n": 1}, {"sku": "b", "n": 1}], "settings": {"t": 1, "l": 1}, "best": 1}
    token = stored(one, plain=0, **base).token
    mine, theirs = two.open(token), one.open(token)
    theirs["visits"] += 2
    theirs["cart"] = [{"sku": "a", "n": 5}, {"sku": "c", "n": 1}]
    theirs["settings"]["t"] = 2
    theirs["best"] = 9
    theirs["plain"] = 1
    theirs.commit()
    mine["visits"] += 3
    mine["cart"].append({"sku": "d", "n": 1})
    mine["settings"]["l"] = 2
    mine["best"] = 7
    mine["plain"] = 2
    mine.commit()
    assert len(heard) == 1
    assert mine["visits"] == 6
    found = one.open(token)
    assert found["visits"] == 6
    assert found["cart"] == [{"sku": "a", "n": 5}, {"sku": "c", "n": 1}, {"sku": "d", "n": 1}]
    assert found["settings"] == {"t": 2, "l": 2}
    assert found["best"] == 9
    assert found["plain"] == 2, "without a merge the later commit wins"


def test_objects_that_another_has_changed_meanwhile_are_read_anew(make: Make) -> None:
    one, two = make(), make()
    token = stored(one, a=[1], b=[1], c=1).token
    mine, theirs = one.open(token), two.open(token)
    assert (mine["a"], mine["b"]) == ([1], [1])
    theirs["a"].append(2)
    theirs.commit()
    held = mine["b"]
    mine["c"] = 2
    mine.commit()
    assert mine["a"] == [1, 2]
    assert not mine.dirty
    held.append(2)
    mine.commit()
    assert two.open(token)["b"] == [1, 2], "what nobody else has changed is still in hand"
    assert two.open(token)["a"] == [1, 2]


def test_my_deletion_stands(make: Make) -> None:
    one, two = make(merge={"n": counter}), make(merge={"n": counter})
    token = stored(one, n=1, other=1).token
    mine, theirs = two.open(token), one.open(token)
    theirs["n"] = 5
    theirs.commit()
    del mine["n"]
    mine.commit()
    assert "n" not in one.open(token)


def test_modify_is_atomic(make: Make) -> None:
    nodes = [make() for _ in range(4)]
    token = stored(nodes[0], n=0).token
    failures: list[BaseException] = []

    def work(node: Any) -> None:
        try:
            session = node.open(token)
            for _ in range(25):
                session.modify("n", lambda n: n + 1)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(node,)) for node in nodes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    session = nodes[0].open(token)
    assert session["n"] == 100
    assert session.modify("new", lambda items: [*items, 1], []) == [1]
    with pytest.raises(SessionAttributeError, match="asynchronous"):
        session.modify("n", _later)
    with pytest.raises(ZeroDivisionError):
        session.modify("n", lambda n: n / 0)
    assert not session.dirty
    assert session["n"] == 100


async def _later(value: Any) -> Any:
    return value


def test_values_that_cannot_be_stored(make: Make) -> None:
    one = make()
    token = stored(one, fine=1).token
    session = one.open(token)
    session["fine"] = 2
    session["price"] = {"list": [object()]}
    with pytest.raises(SessionAttributeError, match=r'"price": at list\[0\]: a value of type builtins.object') as caught:
        session.commit()
    assert caught.value.code == "ERR_SOJOURN_ATTRIBUTE"
    assert caught.value.attribute == "price"
    assert one.open(token)["fine"] == 1, "nothing was written"
    del session["price"]
    session.commit()
    assert one.open(token)["fine"] == 2, "and what was pending is still pending"
    with pytest.raises(SessionAttributeError):
        session["__proto__"] = 1
    session["big"] = "x" * 70_000
    with pytest.raises(SessionTooLargeError) as large:
        session.commit()
    assert large.value.largest[0][0] == "big"
    new = one.open()
    new["x"] = {1, 2}.__iter__()
    with pytest.raises(SessionAttributeError):
        new.commit()
    assert new.is_new
