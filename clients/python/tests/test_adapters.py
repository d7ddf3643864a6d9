"""What adapters of frameworks ask of a session."""

from __future__ import annotations

from typing import Any

import pytest

from sojourn import HeadersSentError
from sojourn.caching import with_vary_cookie, without_shared_caching
from sojourn.cookie import cookie_values

from .conftest import Make
from .nodes import later, signed_in, stored, told
from .servers import Server


def test_a_session_by_the_whole_header(make: Make) -> None:
    node = make()
    ended, alive, superseded = (stored(node, n=i) for i in range(3))
    token = superseded.token
    ended_token = ended.token
    ended.logout()
    superseded.login("ada")
    name = node.cookie_name
    header: str | None
    for header in (
        f"{name}={alive.token}",
        f"a=b; {name}={alive.token}",
        f"{name}={ended_token}; {name}={alive.token}",
        f"{name}={'A' * 48};{name}={alive.token} ; x=y",
    ):
        assert node.open_cookies(header)["n"] == 1
    for header in (None, "", "a=b", f"x{name}={alive.token}", f"{name}x={alive.token}", f'{name}="{alive.token}"'):
        assert node.open_cookies(header).is_new
    late = node.open_cookies(f"{name}={ended_token}; {name}={token}")
    late["n"] = 9
    late.commit()
    assert late.ended, "the cookie of the login stays, whichever of them comes first"
    flood = "; ".join(f"{name}={i:048}" for i in range(8))
    heard = told(node, "rejected")
    assert node.open_cookies(f"{flood}; {name}={alive.token}").is_new, "no more than eight are looked at"
    assert len(heard) == 8


def test_cookie_values() -> None:
    assert cookie_values("sid=1; sid=2;sid=1 ;\tsid=3", "sid") == ["1", "2", "3"]
    assert cookie_values("asid=1; sid =2; sid", "sid") == []
    assert cookie_values("sid=a=b", "sid") == ["a=b"]


def test_once_the_headers_are_out(make: Make) -> None:
    node = make()
    session = signed_in(node)
    token = session.token
    assert session.send_headers().value == token
    for operation in (
        lambda: session.login("eve"),
        session.rotate,
        lambda: session.step_up(1),
        lambda: session.set_lifetime(idle_timeout="1m"),
    ):
        with pytest.raises(HeadersSentError, match="headers have been sent") as caught:
            operation()
        assert caught.value.code == "ERR_SOJOURN_HEADERS_SENT"
    session["n"] = 1
    session.commit()
    found = node.open(token)
    assert (found["n"], found.principal) == (1, "ada")
    found.send_headers()
    found.logout()
    assert node.open(token).is_new


def test_a_new_session_without_a_cookie_is_nobodys(make: Make, server: Server, prefix: str) -> None:
    node = make()
    heard = told(node, "dropped")
    session = node.open()
    session["n"] = 1
    assert session.send_headers() is None
    session.commit()
    assert heard == [("dropped", {"id": None, "reason": "headers-sent", "attributes": ["n"]})]
    assert (dict(session), list(server.cli.scan_iter(f"{prefix}:*"))) == ({}, [])


def test_settle_stores_and_keep_alive_renews(make: Make, server: Server, prefix: str) -> None:
    node = make()
    token = stored(node, n=1).token
    (key,) = server.cli.scan_iter(f"{prefix}:*:s:*")
    server.cli.pexpire(key, 20 * 60_000)
    later(node, 10 * 60_000)
    session = node.open(token)
    session.settle()
    assert server.cli.pttl(key) <= 20 * 60_000, "nothing to store"
    session.keep_alive()
    assert server.cli.pttl(key) > 29 * 60_000
    session["n"] = 2
    session.settle()
    assert node.open(token)["n"] == 2


def test_settle_brings_the_token_that_is_due(make: Make) -> None:
    node = make(rotate_every="15m")
    token = stored(node, n=1).token
    later(node, 15 * 60_000 + 1)
    late = node.open(token)
    late.send_headers()
    late.settle()
    assert late.token == token, "its cookie could not be sent"
    session = node.open(token)
    session.settle()
    assert session.token != token
    assert session.send_headers().value == session.token


def test_what_counts_as_a_look(make: Make) -> None:
    node = make()
    token = stored(node, n=1).token
    for look in (
        lambda s: s["n"],
        lambda s: "n" in s,
        list,
        lambda s: s.principal,
        lambda s: s.is_new,
        lambda s: s.get("x"),
        lambda s: s.set("n", 2),
    ):
        session = node.open(token)
        session.settle()
        session.keep_alive()
        session.send_headers()
        assert (session.dirty, session.accessed) == (False, False)
        look(session)
        assert session.accessed


def test_whether_its_cookie_will_outlive_the_browser(make: Make) -> None:
    node = make()
    session: Any = node.open()
    assert not session.persistent
    session.set_lifetime(persistent=True)
    assert session.persistent
    session["n"] = 1
    session.commit()
    assert node.open(session.token).persistent


def test_cache_control_beside_a_cookie() -> None:
    for given, sent in {
        "": "private",
        "public": "private",
        "max-age=60, s-maxage=600": "private, max-age=60",
        "no-store, max-age=0": "no-store, max-age=0",
        "Private": "Private",
        "no-cache": "private, no-cache",
    }.items():
        assert without_shared_caching(given) == sent
    for given, vary in {"": "Cookie", "accept": "accept, Cookie", "X-Cookie": "X-Cookie, Cookie"}.items():
        assert with_vary_cookie(given) == vary
    for given in ("Cookie", "accept, COOKIE", "*"):
        assert with_vary_cookie(given) is None
