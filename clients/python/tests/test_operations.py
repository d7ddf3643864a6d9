"""Sessions on a real server. Two `Sessions` are two nodes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from sojourn import (
    NotSignedInError,
    OptionError,
    SessionAttributeError,
    SessionConflictError,
    SessionElsewhereError,
    SessionEndedError,
    SessionLimit,
    SessionLimitError,
    Sessions,
    SessionTooLargeError,
    StoreRefusedError,
    StoreUnavailableError,
    counter,
    fields,
    union,
)
from sojourn.keys import record_key
from sojourn.rebase import apply_delta
from sojourn.repository import Repository
from sojourn.token import create_token

from .conftest import SECRETS, Make
from .servers import Server


def told(node: Any, *names: str) -> list[tuple[str, Any]]:
    """What the node tells of, in its order."""
    heard: list[tuple[str, Any]] = []

    def listener(name: str) -> Callable[[Any], None]:
        return lambda details: heard.append((name, details))

    for name in names:
        node.on(name, listener(name))
    return heard


def later(node: Any, ms: int) -> None:
    """For this node it is later than it is."""
    clock = node._repository.settings.clock
    clock._offset += ms


def stored(node: Any, **attributes: Any) -> Any:
    session = node.open()
    for name, value in attributes.items():
        session[name] = value
    session.commit()
    return session


def signed_in(node: Any, principal: str = "ada", **options: Any) -> Any:
    session = node.open()
    session.login(principal, **options)
    return session


def test_a_session_on_two_nodes(make: Make) -> None:
    one, two = make(), make()
    session = one.open()
    assert session.is_new
    assert (session.id, session.token, session.cookie()) == (None, None, None)
    session.commit()
    assert session.is_new, "nothing set, nothing stored"
    session["user"] = {"name": "Zoë", "roles": ["admin"]}
    session.set("visits", 1)
    session.commit()
    assert not session.is_new
    cookie = session.cookie()
    assert cookie.name == "__Host-session"
    assert cookie.header == f"__Host-session={session.token}; Path=/; HttpOnly; SameSite=Lax; Secure"
    assert session.token not in repr(cookie) + repr(session)
    other = two.open(session.token)
    assert (other.id, other["user"], other["visits"]) == (session.id, {"name": "Zoë", "roles": ["admin"]}, 1)
    assert list(other) == ["user", "visits"]
    assert other.cookie() is None, "the browser has it already"
    del other["visits"]
    other.delete("nothing")
    other.commit()
    assert "visits" not in one.open(session.token)
    assert other.get("visits") is None
    with pytest.raises(KeyError):
        other["visits"]


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


def test_texts_that_open_nothing(make: Make) -> None:
    one = make()
    heard = told(one, "rejected")
    repository = getattr(one, "_repository")  # noqa: B009
    unknown = create_token(repository.settings.keyring)
    forged = unknown.text[:-1] + ("B" if unknown.text[-1] == "A" else "A")
    for text in ("", "x", "é" * 48, unknown.text, forged):
        session = one.open(text)
        assert session.is_new
        assert session.cookie() is None
    assert [details["reason"] for _, details in heard] == ["forged", "forged", "absent", "forged"]
    with pytest.raises(SessionElsewhereError):
        one.open(create_token(repository.settings.keyring, 7, 3).text)


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


def test_nothing_is_resurrected(make: Make) -> None:
    one, two = make(), make()
    heard = told(two, "dropped")
    token = stored(one, n=1).token
    late, touching, rotating = two.open(token), two.open(token), two.open(token)
    late_id = late.id
    session = one.open(token)
    session.logout()
    cleared = session.cookie()
    assert (cleared.value, cleared.max_age) == ("", 0)
    assert "Max-Age=0; Expires=Thu, 01 Jan 1970" in cleared.header
    late["n"] = 2
    late.commit()
    assert late.ended
    assert late.is_new
    assert late.cookie() is None, "the browser may have a newer one by now"
    touching.touch()
    with pytest.raises(SessionEndedError):
        rotating.rotate()
    with pytest.raises(SessionEndedError):
        late.modify("n", lambda n: n)
    assert one.open(token).is_new
    assert heard == [("dropped", {"id": late_id, "reason": "ended", "attributes": ["n"]})]
    session["n"] = 3
    session.commit()
    assert session.token != token, "what is set after a logout makes a new session"
    assert one.open(session.token)["n"] == 3


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


def test_lifetimes(make: Make, server: Server, prefix: str) -> None:
    one = make(idle_timeout="10s", absolute_timeout="20s")
    session = stored(one, n=1)
    key = record_key(prefix, session.id)
    assert 9_000 < server.cli.pttl(key) <= 10_000
    now = datetime.now(timezone.utc)
    assert timedelta(seconds=9) < session.expires_at - now <= timedelta(seconds=11)
    assert session.deadline - session.created_at == timedelta(seconds=20)
    session.set_lifetime(idle_timeout="15s", absolute_timeout="30s", persistent=True)
    assert session.dirty
    session.commit()
    assert session.cookie().max_age in (29, 30)
    assert 14_000 < server.cli.pttl(key) <= 15_000
    assert session.persistent
    found = one.open(session.token)
    assert found.deadline - found.created_at == timedelta(seconds=30)
    found.set_lifetime(persistent=True)
    assert not found.dirty, "it is so already"
    former = found.id
    found.rotate()
    assert server.cli.pttl(record_key(prefix, former)) <= 30_000, "of what has ended there is no reuse"
    found.set_lifetime(absolute_timeout="1ms")
    time.sleep(0.01)
    found.commit()
    assert found.ended
    assert one.open(session.token).is_new


def test_lifetimes_of_a_session_to_come(make: Make) -> None:
    one = make()
    session = one.open()
    session.set_lifetime(idle_timeout="1h", absolute_timeout="2h")
    session.set_lifetime(persistent=True)
    assert not session.dirty, "for that alone there is none"
    session["n"] = 1
    session.commit()
    found = one.open(session.token)
    assert found.deadline - found.created_at == timedelta(hours=2)
    assert timedelta(minutes=59) < found.expires_at - found.created_at <= timedelta(hours=1, seconds=1)
    assert found.persistent
    assert session.cookie().max_age in (7_199, 7_200)


def test_idle_sessions_end_and_used_ones_are_renewed(make: Make, server: Server, prefix: str) -> None:
    one = make(idle_timeout="20s")
    token = stored(one, n=1).token
    key = record_key(prefix, one.open(token).id)

    def left_after(act: Callable[[Any], Any], before: int) -> int:
        server.cli.pexpire(key, before)
        # On a node that has not heard of it yet.
        act(make(idle_timeout="20s").open(token))
        return int(server.cli.pttl(key))

    assert left_after(lambda session: session.commit(), 17_000) > 19_000
    assert left_after(lambda session: session.commit(), 19_900) <= 19_900, "too early to be worth a write"
    assert left_after(lambda session: session.touch(), 19_000) > 19_000
    session = one.open(token)
    session["n"] = 2
    assert left_after(lambda _: session.commit(), 5_000) > 19_000
    server.cli.pexpire(key, 1)
    time.sleep(0.01)
    assert one.open(token).is_new


def test_no_lifetime_reaches_past_the_deadline(make: Make, server: Server, prefix: str) -> None:
    one = make(idle_timeout="10s", absolute_timeout="10s")
    session = stored(one, n=1)
    time.sleep(0.05)
    session["n"] = 2
    session.commit()
    key = record_key(prefix, session.id)
    assert server.cli.pttl(key) <= 9_960
    server.cli.persist(key)
    assert one.open(session.token)["n"] == 2
    later(one, 10_000)
    assert one.open(session.token).is_new, "whatever its TTL"
    session["n"] = 3
    session.commit()
    assert session.ended
    assert not server.cli.exists(key)


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


def test_secrets(make: Make) -> None:
    old, both, new = make(secrets=[SECRETS[1]]), make(), make(secrets=[SECRETS[0]])
    stranger = make(secrets="a secret of somebody else: 0123456789abc")
    session = stored(old, n=1)
    assert stranger.open(session.token).is_new
    assert new.open(session.token).is_new
    found = both.open(session.token)
    assert found["n"] == 1
    found["n"] = 2
    found.commit()
    assert old.open(session.token).is_new, "it is sealed with the new one now"
    assert both.open(session.token)["n"] == 2
    rotated = both.open(session.token)
    rotated.rotate()
    assert new.open(rotated.token)["n"] == 2


@pytest.mark.parametrize("codec", ["messagepack", "json"])
@pytest.mark.parametrize("seal", [True, False, "token"])
def test_sealings_and_codecs(make: Make, server: Server, prefix: str, seal: Any, codec: str) -> None:
    one, other = make(seal=seal, codec=codec), make()
    text = "all work and no play " * 50
    session = stored(one, text=text, n=1)
    record = server.cli.get(record_key(prefix, session.id))
    assert isinstance(record, bytes)
    assert record[1] >> 3 & 3 == {True: 1, False: 0, "token": 2}[seal]
    assert record[1] & 7 == 4 | (codec == "json")
    assert len(record) < 300
    found = other.open(session.token)
    assert (found["text"], found["n"]) == (text, 1), "readers take all of them"
    session.login("ada", keep=["text"])
    assert other.open(session.token)["text"] == text
    session.rotate()
    assert other.open(session.token)["text"] == text
    if seal == "token":
        # What stands in Redis and the secrets open nothing without the token.
        from sojourn.keyring import Keyring
        from sojourn.record import Rejected, open_record

        record = server.cli.get(record_key(prefix, session.id))
        assert isinstance(record, bytes)
        assert open_record(record, Keyring(SECRETS), session.id, None) == Rejected("token-needed")


def test_versions_of_the_data(make: Make) -> None:
    old = make()
    token = stored(old, name="ada lovelace").token
    new = make(version=3, migrate={1: lambda d: {"names": d["name"].split()}, 2: lambda d: {**d, "migrated": True}})
    session = new.open(token)
    assert {name: session[name] for name in session} == {"names": ["ada", "lovelace"], "migrated": True}
    assert old.open(token)["name"] == "ada lovelace", "as long as nobody writes"
    session["x"] = 1
    session.commit()
    found = old.open(token)
    assert found["names"] == ["ada", "lovelace"], "an older node takes it as it is"
    found["y"] = 1
    found.commit()
    assert new.open(token)["migrated"] is True, "and keeps its version"
    assert make(version=2, migrate={}).open(stored(old, n=1).token).is_new
    failing = make(version=2, migrate={1: lambda data: data["nothing"]})
    heard = told(failing, "error", "rejected")
    assert failing.open(stored(old, n=1).token).is_new
    assert [(name, each.get("operation", each.get("reason"))) for name, each in heard] == [
        ("error", "migrate"),
        ("rejected", "schema"),
    ]


def test_refresh(make: Make) -> None:
    one, two = make(), make()
    mine = stored(one, n=1)
    theirs = two.open(mine.token)
    theirs["n"] = 2
    theirs.commit()
    assert mine["n"] == 1
    mine.refresh()
    assert mine["n"] == 2
    theirs.logout()
    mine.refresh()
    assert mine.ended


def test_damaged_records_are_no_session_and_stay(make: Make, server: Server, prefix: str) -> None:
    one = make()
    heard = told(one, "rejected")
    session = stored(one, n=1)
    key = record_key(prefix, session.id)
    server.cli.setrange(key, 40, b"\0")
    assert one.open(session.token).is_new
    server.cli.set(key, b"\x02 of a version to come", px=10_000)
    assert one.open(session.token).is_new
    assert server.cli.exists(key)
    assert [details["reason"] for _, details in heard] == ["damaged", "format"]


def test_conflicts_are_bounded(make: Make, server: Server, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another writes between each read and each write."""
    with Sessions(server.url, secrets=SECRETS, prefix=prefix) as others:
        session = stored(make(), n=0)
        other = others.open(session.token)
        is_inside = False

        def meddled(attributes: Any, delta: Any) -> Any:
            nonlocal is_inside
            if not is_inside:
                is_inside = True
                other["theirs"] = other.get("theirs", 0) + 1
                other.commit()
                is_inside = False
            return apply_delta(attributes, delta)

        monkeypatch.setattr("sojourn.repository._LONGEST_PAUSE", 0.01)
        monkeypatch.setattr("sojourn.repository.apply_delta", meddled)
        session["n"] = 7
        with pytest.raises(SessionConflictError):
            session.commit()
        assert other["theirs"] == 32
        assert session.dirty, "and pending again"
        monkeypatch.undo()
        session.commit()
        assert others.open(session.token)["n"] == 7


def test_refusals_of_the_server(make: Make, server: Server) -> None:
    one = make()
    session = stored(one, n=1)
    server.cli.config_set("maxmemory", 1)
    try:
        session["n"] = 2
        with pytest.raises(StoreRefusedError) as caught:
            session.commit()
        assert caught.value.reason == "OOM"
        found = one.open(session.token)
        assert found["n"] == 1
        found.logout()
        assert one.open(session.token).is_new, "a sign-out works there"
    finally:
        server.cli.config_set("maxmemory", 0)


def test_scripts_that_the_server_has_forgotten(make: Make, server: Server) -> None:
    one = make()
    session = stored(one, n=1)
    server.cli.script_flush()
    session["n"] = 2
    session.commit()
    assert one.open(session.token)["n"] == 2


def test_a_read_is_one_round_trip(make: Make, server: Server) -> None:
    one = make()
    token = stored(one, n=1).token
    one.open(token)
    before = server.cli.info("stats")["total_commands_processed"]
    for _ in range(10):
        one.open(token)
    after = server.cli.info("stats")["total_commands_processed"]
    assert after - before == 11, "GET each, and the INFO"
    assert StoreUnavailableError.status == 503
