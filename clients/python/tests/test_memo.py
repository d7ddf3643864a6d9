"""Records that were opened are not opened again; in everything else nobody notices."""

from __future__ import annotations

import asyncio
import gc
import random
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from sojourn import Map, OrderedSet, Pairs, reader, union
from sojourn.codecs import MESSAGEPACK
from sojourn.events import EventHub
from sojourn.generations import Generations
from sojourn.keyring import Keyring
from sojourn.keys import record_key
from sojourn.memo import RecordMemo
from sojourn.options import check_options
from sojourn.reader import Live, Reader
from sojourn.record import RecordHeader, encode_record, open_record
from sojourn.store import Stored
from sojourn.token import Token, create_token

from .conftest import SECRETS, Make, maker
from .nodes import later, signed_in, stored
from .servers import Server

HOUR = 3_600_000


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the sessions whose records are opened."""
    ids: list[str] = []

    def spy(record: bytes, keyring: Keyring, session_id: str, token: Token | None) -> Any:
        ids.append(session_id)
        return open_record(record, keyring, session_id, token)

    monkeypatch.setattr(reader, "open_record", spy)
    return ids


def forgetful(node: Any) -> Any:
    """As a node that has just started."""
    node._repository.reader._memo = RecordMemo()
    return node


def test_the_same_bytes_are_opened_once(make: Make, opened: list[str]) -> None:
    one, two = make(), make()
    session = stored(one, n=1)
    token, own = session.token, session.id
    assert opened.count(own) == 1, "as it was written"
    assert [one.open(token)["n"] for _ in range(3)] == [1, 1, 1]
    assert opened.count(own) == 1
    assert [two.open(token)["n"] for _ in range(3)] == [1, 1, 1]
    assert opened.count(own) == 2, "another process opens it for itself"


def test_what_others_have_done_is_seen_at_once(make: Make) -> None:
    one, two = make(), make()
    token = stored(one, n=1).token
    for n in range(2, 6):
        session = two.open(token)
        assert session["n"] == n - 1
        session["n"] = n
        session.commit()
        assert one.open(token)["n"] == n
    session.logout()
    assert one.open(token).is_new
    assert len(one._repository.reader._memo) == 0, "what has ended is not kept"


def test_a_sign_in_elsewhere_replaces_the_token_here(make: Make) -> None:
    one, two = make(), make()
    token = stored(one, n=1).token
    assert one.open(token).principal is None
    session = two.open(token)
    session.login("ada")
    assert one.open(token).is_new
    assert one.open(session.token).principal == "ada"
    session.step_up(2)
    assert one.open(session.token).level == 2


VALUES: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "list": ([1, [2]], lambda value: value[1].append(3)),
    "object": ({"a": {"b": 1}}, lambda value: value["a"].update(b=2)),
    "map": (Map({1: ["a"]}), lambda value: value[1].append("b")),
    "pairs": (Pairs([({"k": 1}, {"a": 1})]), lambda value: value[0][1].update(a=2)),
    "key of pairs": (Pairs([({"k": 1}, 1)]), lambda value: value[0][0].update(k=2)),
    "set": (OrderedSet([1, 2]), lambda value: value.add(3)),
    "list in a list": ([[[]]], lambda value: value[0][0].append(1)),
}
WAYS: dict[str, Callable[[Any], Any]] = {
    "[]": lambda session: session["value"],
    "get": lambda session: session.get("value"),
    "values": lambda session: next(iter(session.values())),
    "pop": lambda session: session.pop("value"),
    "setdefault": lambda session: session.setdefault("value", None),
}


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("way", WAYS)
def test_changes_that_are_not_stored_stay_with_their_request(make: Make, kind: str, way: str) -> None:
    value, change = VALUES[kind]
    node = make()
    token = stored(node, value=value).token
    before = repr(node.open(token)["value"])
    session, other = node.open(token), node.open(token)
    change(WAYS[way](session))
    assert repr(other["value"]) == before, "of a request at the same time"
    assert repr(node.open(token)["value"]) == before
    assert repr(forgetful(node).open(token)["value"]) == before


def test_objects_that_were_stored_are_the_applications_own(make: Make) -> None:
    node = make()
    cart = ["apple"]
    session = stored(node, cart=cart)
    cart.append("pear")
    assert node.open(session.token)["cart"] == ["apple"]
    session.commit()
    cart.append("fig")
    assert node.open(session.token)["cart"] == ["apple", "pear"]


def test_an_update_and_a_merge_get_copies(make: Make) -> None:
    node = make(merge={"items": union("id")})
    token = stored(node, items=[{"id": 1, "n": 1}]).token

    def fails(items: Any) -> None:
        items[0]["n"] = 2
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        node.open(token).modify("items", fails)
    assert node.open(token)["items"] == [{"id": 1, "n": 1}]
    one, two = node.open(token), node.open(token)
    one["items"].append({"id": 2})
    two["items"].append({"id": 3})
    one.commit()
    two.commit()
    assert node.open(token)["items"] == [{"id": 1, "n": 1}, {"id": 2}, {"id": 3}]


def test_lifetimes_are_each_requests_own(make: Make) -> None:
    node = make()
    token = stored(node, n=1).token
    first = node.open(token)
    end = first.expires_at
    later(node, HOUR // 6)
    node.open(token).touch()
    assert first.expires_at == end
    assert node.open(token).expires_at > end


def test_the_deadline_holds_whatever_the_store_says(make: Make, server: Server, prefix: str) -> None:
    node = make(idle_timeout="1h", absolute_timeout="1h")
    session = stored(node, n=1)
    assert not node.open(session.token).is_new
    server.cli.persist(record_key(prefix, session.id))
    later(node, HOUR - 1_000)
    assert not node.open(session.token).is_new
    later(node, 1_001)
    assert node.open(session.token).is_new


def test_the_deadline_holds_where_the_store_has_said_for_ever(make: Make, server: Server, prefix: str) -> None:
    one, two = make(idle_timeout="1h", absolute_timeout="1h"), make(idle_timeout="1h", absolute_timeout="1h")
    session = stored(one, n=1)
    server.cli.persist(record_key(prefix, session.id))
    for _ in range(3):
        assert not two.open(session.token).is_new
    later(two, HOUR + 1)
    for _ in range(2):
        assert two.open(session.token).is_new


def test_other_lifetimes_are_seen_behind_the_memo(make: Make) -> None:
    one, two = make(), make()
    token = stored(one, n=1).token
    assert one.open(token).deadline == two.open(token).deadline
    session = two.open(token)
    session.set_lifetime(idle_timeout="2h", absolute_timeout="3h")
    session.commit()
    assert one.open(token).deadline == session.deadline
    assert one.open(token).expires_at - one.open(token).created_at > timedelta(minutes=119)


def test_a_token_that_is_nearly_one_is_none(make: Make) -> None:
    node = make()
    token = stored(node, n=1).token
    assert not node.open(token).is_new
    for at in (0, 5, 30, 47):
        other = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        assert node.open(other).is_new
    assert node.open(token + "A").is_new
    assert node.open(token[:-1]).is_new


def test_a_secret_that_is_not_in_the_keyring_opens_nothing(make: Make) -> None:
    one, two = make(), make(secrets=SECRETS[1:])
    token = stored(one, n=1).token
    assert not one.open(token).is_new
    assert two.open(token).is_new
    assert make(secrets=SECRETS[::-1]).open(token)["n"] == 1


@pytest.mark.parametrize("seal", [True, False, "token"])
def test_a_record_copied_to_another_session_does_not_open(make: Make, server: Server, prefix: str, seal: Any) -> None:
    node = make(seal=seal)
    mine, theirs = stored(node, of="me"), stored(node, of="them")
    assert (node.open(mine.token)["of"], node.open(theirs.token)["of"]) == ("me", "them")
    record: Any = server.cli.get(record_key(prefix, theirs.id))
    server.cli.set(record_key(prefix, mine.id), record)
    assert node.open(mine.token).is_new
    assert node.open(theirs.token)["of"] == "them"


def test_damage_is_noticed_behind_the_memo(make: Make, server: Server, prefix: str) -> None:
    node = make()
    session = stored(node, n=1)
    assert node.open(session.token)["n"] == 1
    record: Any = server.cli.get(record_key(prefix, session.id))
    for at in (3, 20, 40, len(record) - 1):
        server.cli.set(record_key(prefix, session.id), record[:at] + bytes((record[at] ^ 1,)) + record[at + 1 :])
        assert node.open(session.token).is_new
    server.cli.set(record_key(prefix, session.id), record)
    assert node.open(session.token)["n"] == 1


def test_steps_to_a_newer_version_run_each_time(make: Make) -> None:
    token = stored(make(), items=[1]).token
    runs = []

    def step(data: dict[str, Any]) -> dict[str, Any]:
        runs.append(1)
        data["items"].append(len(runs))
        return data

    node = make(version=2, migrate={1: step})
    assert [node.open(token)["items"] for _ in range(3)] == [[1, 1], [1, 2], [1, 3]]


def test_a_rotation_is_followed_to_what_stands_there(make: Make, opened: list[str]) -> None:
    one, two = make(), make()
    session = stored(one, n=1)
    former = session.token
    assert one.open(former)["n"] == 1
    moved = two.open(former)
    moved.rotate()
    for _ in range(3):
        assert one.open(former).id == moved.id
    assert opened.count(moved.id) == 2, "once for each of them"
    moved["n"] = 2
    moved.commit()
    assert one.open(former)["n"] == 2


def test_private_attributes_stay_hidden(make: Make) -> None:
    django, other = make(namespace="django"), make()
    session = signed_in(django)
    session.private["carts"] = [1]
    session.commit()
    for _ in range(2):
        assert "django:carts" not in other.open(session.token)
        assert list(other.open(session.token)) == []
        django.open(session.token).private["carts"].append(2)
    assert django.open(session.token).private["carts"] == [1]


# The bounds


class Weight:
    def __init__(self, weight: int) -> None:
        self.weight = weight


def test_what_is_asked_for_stays() -> None:
    held: Generations[Weight] = Generations(100, 1_000_000)
    favourite = Weight(1)
    held.put("favourite", favourite)
    for i in range(1_000):
        held.put(str(i), Weight(1))
        assert held.get("favourite") is favourite
        assert len(held) <= 100
        assert held.weight == len(held)
    assert len(held) >= 50
    assert held.get("999") is not None
    assert held.get("800") is None


def test_weights_are_bounded() -> None:
    held: Generations[Weight] = Generations(1_000, 100)
    rng = random.Random(5)
    for _ in range(2_000):
        held.put(str(rng.randrange(40)), Weight(rng.randrange(1, 60)))
        held.get(str(rng.randrange(40)))
        if rng.random() < 0.1:
            held.discard(str(rng.randrange(40)))
        assert 0 <= held.weight <= 100
        assert held.weight == sum(each.weight for each in (*held._young.values(), *held._old.values()))
    held.put("heavy", Weight(51))
    assert held.get("heavy") is None


def sessions_of(value: Any, count: int) -> Iterator[tuple[Token, bytes]]:
    keyring = Keyring(SECRETS)
    settings = check_options(secrets=SECRETS, max_bytes=1 << 20)
    now = settings.clock.now()
    header = RecordHeader(1, now, now + HOUR, HOUR, 1, "A" * 22)
    for _ in range(count):
        token = create_token(keyring)
        yield token, encode_record(header, {"value": value}, {"p": "ada"}, keyring, token, settings.record)


@pytest.mark.parametrize(
    "value",
    [
        "x" * 3_000,
        "ä😀" * 500,
        [{} for _ in range(1_000)],
        [{"a": i, "b": [i]} for i in range(200)],
        list(range(10_000, 12_000)),
        [i + 0.5 for i in range(2_000)],
        Map({(i, str(i)): i for i in range(500)}),
        Pairs([({"k": i}, i) for i in range(500)]),
        set(range(10_000, 11_000)),
        [b"%d" % i for i in range(1_000)],
        None,
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_bound_on_bytes_is_one_of_memory(value: Any) -> None:
    settings = check_options(secrets=SECRETS, max_bytes=1 << 20)
    records = list(sessions_of(value, 60))
    own = Reader(settings, EventHub())
    bound = 60_000 if value is None else 3_000_000
    own._memo = RecordMemo(10_000, bound)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for token, record in records:
            assert isinstance(own.open(token, Stored(bytes(bytearray(record)), HOUR, is_heard=False)), Live)
        gc.collect()
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert own._memo.weight <= bound
    assert held <= bound
    assert held <= own._memo.weight <= 3 * held


def test_what_is_too_large_is_opened_each_time() -> None:
    settings = check_options(secrets=SECRETS, max_bytes=1 << 20)
    own = Reader(settings, EventHub())
    own._memo = RecordMemo(10, 200_000)
    (one,) = sessions_of("x" * 150_000, 1)
    for _ in range(2):
        assert isinstance(own.open(one[0], Stored(one[1], HOUR, is_heard=False)), Live)
        assert len(own._memo) == 0


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_many_threads(kind: str, server: Server, prefix: str, loop: asyncio.AbstractEventLoop) -> None:
    """They read, write and push each other out; nobody is shown what is another's, or what was before."""
    # On a slow machine an answer may take its time.
    node = maker(kind, f"{server.url}?socket_timeout=20", prefix, loop, [])()
    node._repository.reader._memo = memo = RecordMemo(8, 1 << 20)
    tokens = [stored(node, n=0, of=i, items=[]).token for i in range(24)]
    locks = [threading.Lock() for _ in tokens]
    least = [0] * len(tokens)
    failures: list[BaseException] = []

    def work(seed: int) -> None:
        rng = random.Random(seed)
        try:
            for _ in range(150):
                i = rng.randrange(len(tokens))
                before = least[i]
                session = node.open(tokens[i])
                assert (session["of"], session["items"]) == (i, [])
                assert session["n"] >= before
                session["items"].append(seed)
                if rng.random() < 0.3:
                    stored_n = node.open(tokens[i]).modify("n", lambda n: n + 1)
                    with locks[i]:
                        least[i] = max(least[i], stored_n)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert failures == []
    assert len(memo) <= 8
    held = memo._held
    assert held.weight == sum(each.weight for each in (*held._young.values(), *held._old.values()))
    assert all(node.open(token)["n"] == n for token, n in zip(tokens, least, strict=True))
    node.close()


def test_payloads_of_the_codec_are_what_is_weighed() -> None:
    """The kinds that the codec makes are those that the estimate goes into."""
    value = [1, {"a": (1,)}, Map({1: 2}), Pairs([({"k": 1}, 2)]), OrderedSet([1])]
    decoded = MESSAGEPACK.decode(MESSAGEPACK.encode({"value": value}, {})).attributes["value"]
    assert [type(each).__name__ for each in decoded] == ["int", "dict", "Map", "Pairs", "OrderedSet"]
