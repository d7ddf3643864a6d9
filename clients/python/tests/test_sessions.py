"""A session on several nodes, and what the server answers."""

from __future__ import annotations

from typing import Any

import pytest

from sojourn import (
    SessionConflictError,
    SessionElsewhereError,
    SessionEndedError,
    Sessions,
    StoreRefusedError,
    StoreUnavailableError,
)
from sojourn.rebase import apply_delta
from sojourn.token import create_token

from .conftest import SECRETS, Make
from .nodes import stored, told
from .servers import Server


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
    assert [details["reason"] for _, details in heard] == ["malformed", "malformed", "absent", "forged"]
    with pytest.raises(SessionElsewhereError):
        one.open(create_token(repository.settings.keyring, 7, 3).text)


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
