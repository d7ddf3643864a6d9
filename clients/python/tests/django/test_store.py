"""The session of a request, by the contract of Django and beyond it."""

from __future__ import annotations

import asyncio
import os
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.sessions.backends.base import CreateError, UpdateError
from django.core.management import call_command

from sojourn import SessionAttributeError, counter, union
from sojourn.django import SessionStore, TokenKeptError, get_sessions
from sojourn.django.engine import engine
from sojourn.keys import record_key

from ..servers import Server


def later(ms: int) -> None:
    """For this process it is later than it is."""
    clock: Any = get_sessions()._repository.settings.clock
    clock._offset += ms


def stored(**values: Any) -> SessionStore:
    session = SessionStore()
    session.update(values)
    session.save()
    return session


def test_a_session_of_two_applications(node: Any) -> None:
    session = stored(cart=["apple"], _messages="private")
    assert session.public_id is not None
    assert session.session_key not in (None, session.public_id)
    assert session.session_key not in repr(session._session)
    other = node.open(session.session_key)
    assert (other.id, dict(other)) == (session.public_id, {"cart": ["apple"]}), "what is Django's is not shown to others"
    other["cart"].append("pear")
    other.commit()
    again = SessionStore(session.session_key)
    assert dict(again.items()) == {"cart": ["apple", "pear"], "_messages": "private"}
    assert again.modified is False


def test_two_requests_that_change_different_values_lose_nothing() -> None:
    key = stored(a=1, b=1, c=1).session_key
    mine, theirs = SessionStore(key), SessionStore(key)
    mine["a"] = 2
    theirs["b"] = 2
    del theirs["c"]
    mine.save()
    theirs.save()
    assert dict(SessionStore(key).items()) == {"a": 2, "b": 2}
    assert dict(theirs.items()) == {"a": 2, "b": 2}, "what others have changed is there after a save"
    theirs["d"] = 1
    theirs.save()
    assert dict(SessionStore(key).items()) == {"a": 2, "b": 2, "d": 1}


@pytest.mark.parametrize(
    "merge", [{"visits": counter, "cart": union("sku")}, {"visits": "sojourn.counter", "cart": "union:sku", "x": "fields"}]
)
def test_merges(sojourn: Any, merge: Any) -> None:
    sojourn(MERGE=merge)
    key = stored(visits=1, cart=[{"sku": "a"}]).session_key
    mine, theirs = SessionStore(key), SessionStore(key)
    for each, sku in ((mine, "b"), (theirs, "c")):
        each["visits"] += 1
        each["cart"].append({"sku": sku})
        each.save()
    assert theirs["visits"] == 3
    assert [item["sku"] for item in SessionStore(key)["cart"]] == ["a", "b", "c"]


def test_modify() -> None:
    session = SessionStore()
    assert session.modify("n", lambda n: n + 1, 0) == 1
    key = session.session_key
    mine, theirs = SessionStore(key), SessionStore(key)
    theirs.load()
    mine.modify("n", lambda n: n + 1)
    assert theirs.modify("n", lambda n: n + 1) == 3
    assert asyncio.run(theirs.amodify("_n", lambda n: n + 1, 1)) == 2
    assert dict(SessionStore(key).items()) == {"n": 3, "_n": 2}
    mine.flush()
    with pytest.raises(UpdateError):
        theirs.modify("n", lambda n: n + 1)


def test_values_that_cannot_be_stored_are_named() -> None:
    session = stored(price="1.50")
    session["price"] = Decimal("1.50")
    with pytest.raises(SessionAttributeError, match=r'"price".*Decimal'):
        session.save()
    assert SessionStore(session.session_key)["price"] == "1.50"
    with pytest.raises(SessionAttributeError, match=r'"when".*time zone'):
        stored(when=datetime(2026, 1, 1))
    with pytest.raises(SessionAttributeError, match="a name is a str"):
        SessionStore()[1] = 1
    with pytest.raises(SessionAttributeError, match="django"):
        stored(**{"django:x": 1})
    aware = datetime(2026, 1, 1, tzinfo=timezone.utc)
    assert SessionStore(stored(when=aware).session_key)["when"] == aware


def test_keys_that_open_nothing_are_not_adopted(server: Any) -> None:
    token = stored(a=1)
    token.delete()
    before = server.cli.dbsize()
    for key in (token.session_key, "x" * 48, "someunknownkey", "1", ""):
        session = SessionStore(key)
        assert session.get("a") is None
        assert session.session_key is None
        assert session.is_empty()
        session["b"] = 1
        session.save()
        assert session.session_key not in (None, key)
        session.flush()
    assert server.cli.dbsize() == before


def test_nothing_that_has_ended_comes_back() -> None:
    first = stored(a=1)
    late = SessionStore(first.session_key)
    late["a"] = 2
    first.flush()
    with pytest.raises(UpdateError):
        late.save()
    assert not SessionStore().exists(first.session_key)
    assert late.load() == {}
    # A flushed one begins a new one.
    key = late.session_key
    first["b"] = 1
    first.save()
    assert first.session_key not in (None, key)
    assert dict(SessionStore(first.session_key).items()) == {"b": 1}


def test_deleting_another_and_creating() -> None:
    one, two = stored(a=1), stored(a=2)
    one.delete(two.session_key)
    assert (one.exists(one.session_key), one.exists(two.session_key)) == (True, False)
    with pytest.raises(CreateError):
        one.save(must_create=True)
    key = one.session_key
    one.create()
    assert one.session_key != key
    assert dict(SessionStore(one.session_key).items()) == {"a": 1}
    assert one.exists(key), "as Django has it: the one before is another's now"
    one.delete()
    with pytest.raises(UpdateError):
        one.save()


def test_a_new_key_refuses_the_former_at_once(node: Any) -> None:
    session = stored(a=1)
    former = session.session_key
    session["b"] = 2
    session.cycle_key()
    assert session.session_key != former
    assert session.modified
    assert node.open(former).is_new
    assert dict(SessionStore(session.session_key).items()) == {"a": 1, "b": 2}
    late = SessionStore(former)
    assert late.get("a") is None
    assert not late.is_empty(), "or the middleware would delete the cookie, which may be newer by now"
    late["a"] = 1
    with pytest.raises(UpdateError):
        late.save()
    # One that has ended meanwhile.
    ended = SessionStore(session.session_key)
    ended.load()
    session.flush()
    ended.cycle_key()
    with pytest.raises(UpdateError):
        ended.save()
    new = SessionStore()
    new.cycle_key()
    assert new.session_key is None


def test_lifetimes(sojourn: Any, settings_of: Any) -> None:
    sojourn(IDLE_TIMEOUT="30m", ABSOLUTE_TIMEOUT="12h")
    session = SessionStore()
    assert session.get_expiry_age() == 1800
    assert session.get_session_cookie_age() == 1800
    session["a"] = 1
    session.save()
    assert settings_of(session) == (1800, 43_200, True)
    session.set_expiry(60)
    session.save()
    assert settings_of(session) == (60, 43_200, True)
    assert SessionStore(session.session_key).get_expiry_age() == 60
    session.set_expiry(0)
    session.save()
    assert settings_of(session) == (1800, 43_200, False)
    assert SessionStore(session.session_key).get_expire_at_browser_close() is True
    session.set_expiry(timedelta(hours=1))
    session.save()
    idle, absolute, persistent = settings_of(session)
    assert (3595 <= idle <= 3600, 3595 <= absolute <= 3602, persistent) == (True, True, True)
    session.set_expiry(timedelta(days=30))
    session.save()
    assert settings_of(session)[1] == 43_200, "never longer than the absolute timeout"
    assert session.get_expiry_age() <= 43_200
    assert session.get_expiry_date() <= datetime.now(timezone.utc) + timedelta(hours=12)
    session.set_expiry(None)
    session.save()
    assert settings_of(session) == (1800, 43_200, True)
    session.set_expiry(-1)
    session.save()
    assert session.session_key is None
    assert not session.exists(session.session_key)


@pytest.fixture
def settings_of(node: Any) -> Any:
    def look(session: SessionStore) -> tuple[int, int, bool]:
        other = node.open(session.session_key)
        header = other._state.live.header
        return header.idle_timeout // 1000, (header.deadline - header.created_at) // 1000, other.persistent

    return look


def test_a_session_in_use_is_renewed_with_its_cookie(sojourn: Any, server: Server, prefix: str) -> None:
    sojourn(IDLE_TIMEOUT="30m", ABSOLUTE_TIMEOUT="12h")
    session = stored(a=1)
    key = record_key(prefix, session.public_id or "")
    server.cli.pexpire(key, 29 * 60_000)
    fresh = SessionStore(session.session_key)
    fresh.load()
    assert fresh.modified is False, "not worth a write yet"
    server.cli.pexpire(key, 20 * 60_000)
    later(10 * 60_000)
    used = SessionStore(session.session_key)
    used.load()
    assert used.modified is True, "so that the middleware saves it, and sends a cookie that lasts as long"
    used.save()
    assert server.cli.pttl(key) > 29 * 60_000


def test_a_rotation_elsewhere_brings_its_key(node: Any) -> None:
    session = stored(a=1)
    other = node.open(session.session_key)
    other.rotate()
    followed = SessionStore(session.session_key)
    assert followed["a"] == 1
    assert (followed.session_key, followed.modified) == (other.token, True)
    assert followed.exists(session.session_key) is False


def test_a_rotation_leads_on_who_comes_with_the_former_key(node: Any) -> None:
    session = stored(a=1)
    former = session.session_key
    session["b"] = 2
    session.rotate()
    assert session.session_key != former
    assert node.open(former).token == session.session_key
    asyncio.run(session.arotate())
    assert dict(SessionStore(former).items()) == {"a": 1, "b": 2}
    new = SessionStore()
    new.rotate()
    assert new.session_key is None


def test_rotation_by_age(sojourn: Any) -> None:
    sojourn(ROTATE_EVERY="1h")
    session = stored(a=1)
    later(61 * 60_000)
    used = SessionStore(session.session_key)
    used.load()
    assert used.modified
    used.save()
    assert used.session_key != session.session_key


def test_a_request_that_has_outlasted_its_key(sojourn: Any, node: Any) -> None:
    """It may store, and must not put the former key into the browser again, nor tell it the new one."""
    sojourn(ROTATION_GRACE="1ms", ROTATION_PATIENCE="1ms")
    session = stored(a=1)
    slow = SessionStore(session.session_key)
    slow["a"] = 2
    other = SessionStore(session.session_key)
    other.load()
    get_sessions()._run(other._held.rotate())
    other.save()
    later(1000)
    with pytest.raises(TokenKeptError):
        slow.save()
    assert slow.session_key == session.session_key
    assert slow.cookie() is None
    assert node.open(other.session_key)["a"] == 2


def test_in_asyncio(node: Any) -> None:
    async def use() -> None:
        session = SessionStore()
        await session.aset("a", 1)
        await session.aupdate({"b": 2, "c": 3})
        assert await session.apop("c") == 3
        assert await session.apop("c", None) is None
        with pytest.raises(KeyError):
            await session.apop("c")
        assert await session.asetdefault("d", 4) == 4
        await session.aset_test_cookie()
        assert await session.atest_cookie_worked()
        await session.adelete_test_cookie()
        await session.aset_expiry(60)
        assert session.modified
        await session.asave()
        key = session.session_key
        again = SessionStore(key)
        assert await again.aget("a") == 1
        assert await again.ahas_key("b")
        assert not await again.ahas_key("c")
        assert [*await again.akeys()] == ["a", "b", "d", "_session_expiry"]
        assert [*await again.avalues()] == [1, 2, 4, 60]
        assert len(await again.aitems()) == 4
        assert await again.aget_expiry_age() == 60
        assert await again.aget_expiry_date() > datetime.now(timezone.utc)
        assert await again.aget_expire_at_browser_close() is False
        assert await again.apublic_id() == node.open(key).id
        assert await again.aprincipal() is None
        assert await again.aexists(key)
        await again.acycle_key()
        assert not await again.aexists(key)
        # What was read here and is written there, as an async view under a synchronous middleware has it.
        await again.aset("e", 5)
        await asyncio.to_thread(again.save)
        key = again.session_key
        late = SessionStore(key)
        await late.aset("f", 6)
        await again.aflush()
        with pytest.raises(UpdateError):
            await late.asave()
        assert await late.aload() == {}
        await again.acreate()
        assert await again.aexists(again.session_key)
        await again.adelete()
        assert not await again.aexists(again.session_key)
        await SessionStore.aclear_expired()

    for _ in range(3):
        # Each event loop has connections of its own.
        asyncio.run(use())
    assert engine()._drivers == {}, "which end with it"


def test_after_a_fork() -> None:
    session, sessions = stored(a=1), get_sessions()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            forked = SessionStore(session.session_key)
            forked["child"] = os.getpid()
            forked.save()
            # No connection of the parent's, and no lock that one of its threads may have held.
            status = int(get_sessions() is sessions)
        finally:
            os._exit(status)
    for _ in range(50):
        assert SessionStore(session.session_key)["a"] == 1
    assert os.waitpid(child, 0)[1] == 0
    assert SessionStore(session.session_key)["child"] == child


def test_clearsessions() -> None:
    session = stored(a=1)
    call_command("clearsessions")
    assert session.exists(session.session_key)
