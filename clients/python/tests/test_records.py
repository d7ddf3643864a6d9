"""Records under other secrets, sealings, codecs and versions, and damaged ones."""

from __future__ import annotations

from typing import Any

import pytest

from sojourn.keys import record_key

from .conftest import SECRETS, Make
from .nodes import stored, told
from .servers import Server


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
    assert old.open(session.token)["n"] == 2, "with the one that its token is signed with"
    rotated = both.open(session.token)
    rotated.rotate()
    assert old.open(rotated.token).is_new
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
