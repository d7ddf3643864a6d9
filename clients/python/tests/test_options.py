"""Options are checked at once, each with its name and what it takes."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import Any

import pytest
import redis
import redis.asyncio

import sojourn
from sojourn import AsyncSessions, OptionError, SessionLimit, Sessions
from sojourn.cookie import CookiePolicy
from sojourn.duration import parse_duration
from sojourn.options import option_names

from .conftest import SECRETS

URL = "redis://127.0.0.1:1/0"


@pytest.mark.parametrize(
    ("option", "options"),
    [
        ("secrets", {"secrets": []}),
        ("secrets", {"secrets": None}),
        ("secrets[0]", {"secrets": "short"}),
        ("secrets[1]", {"secrets": [SECRETS[0], None]}),
        ("secrets[1]", {"secrets": [SECRETS[0], SECRETS[0]]}),
        ("prefix", {"prefix": "a b"}),
        ("prefix", {"prefix": ""}),
        ("idle_timeout", {"idle_timeout": 1800}),
        ("idle_timeout", {"idle_timeout": "1800"}),
        ("idle_timeout", {"idle_timeout": "0s"}),
        ("idle_timeout", {"idle_timeout": "13h"}),
        ("absolute_timeout", {"absolute_timeout": "401d"}),
        ("absolute_timeout", {"absolute_timeout": timedelta(days=-1)}),
        ("touch_after", {"touch_after": 1}),
        ("touch_after", {"touch_after": True}),
        ("rotate_every", {"rotate_every": 5}),
        ("rotation_grace", {"rotation_grace": None}),
        ("rotation_patience", {"rotation_patience": "1s"}),
        ("reuse_window", {"reuse_window": 0}),
        ("token_reuse", {"token_reuse": "ignore"}),
        ("token_reuse", {"token_reuse": "end", "reuse_window": None}),
        ("seal", {"seal": "yes"}),
        ("codec", {"codec": "pickle"}),
        ("codec", {"codec": 0}),
        ("compress", {"compress": -1}),
        ("compress", {"compress": True}),
        ("max_bytes", {"max_bytes": 10}),
        ("merge", {"merge": []}),
        ("merge['n']", {"merge": {"n": 1}}),
        ("version", {"version": 0}),
        ("migrate", {"version": 2}),
        ("migrate[1]", {"migrate": {1: lambda data: data}}),
        ("migrate[2]", {"version": 3, "migrate": {1: lambda data: data}}),
        ("migrate[1]", {"version": 2, "migrate": {1: "step"}}),
        ("pepper", {"pepper": 1}),
        ("max_sessions", {"max_sessions": 0}),
        ("max_sessions", {"max_sessions": "3"}),
        ("max_sessions.on_limit", {"max_sessions": SessionLimit(3, "ask")}),
        ("max_sessions.kinds['web']", {"max_sessions": SessionLimit(3, kinds={"web": 4})}),
        ("on_limit", {"max_sessions": 3, "on_limit": "ask"}),
        ("on_limit", {"on_limit": "reject"}),
        ("cookie", {"cookie": "name"}),
        ("cookie.nmae", {"cookie": {"nmae": "x"}}),
        ("cookie.name", {"cookie": {"name": "a b"}}),
        ("cookie.name", {"cookie": {"name": "__Host-x", "path": "/app"}}),
        ("cookie.name", {"cookie": {"name": "__Secure-x", "secure": False}}),
        ("cookie.secure", {"cookie": {"secure": "auto"}}),
        ("cookie.same_site", {"cookie": {"same_site": "maybe"}}),
        ("cookie.same_site", {"cookie": {"same_site": "none", "secure": False}}),
        ("cookie.path", {"cookie": {"path": "/; Domain=evil"}}),
        ("cookie.domain", {"cookie": {"domain": "evil; x"}}),
        ("cookie.partitioned", {"cookie": {"partitioned": True, "secure": False}}),
        ("namespace", {"namespace": "flask"}),
        ("namespace", {"namespace": 1}),
        ("idle_timout", {"idle_timout": "1h"}),
    ],
)
def test_options_that_are_wrong(option: str, options: dict[str, Any]) -> None:
    for cls in (Sessions, AsyncSessions):
        with pytest.raises(OptionError) as caught:
            cls(URL, **{"secrets": SECRETS, **options})
        assert caught.value.option == option
        assert caught.value.code == "ERR_SOJOURN_OPTION"
        assert SECRETS[0] not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"idle_timout": "1h"}, "option `idle_timout`: is not known; did you mean 'idle_timeout'?"),
        ({"idleTimeout": "1h"}, "option `idleTimeout`: is not known; did you mean 'idle_timeout'?"),
        ({"xyz": 1}, "option `xyz`: is not known; there are absolute_timeout, codec, compress, cookie, "),
        ({"cookie": {"sameSite": "lax"}}, "option `cookie.sameSite`: is not known; did you mean 'same_site'?"),
        ({"cookie": {"xyz": "lax"}}, "option `cookie.xyz`: is not known; there are domain, name, "),
        ({"cookie": {"secure": "auto"}}, "option `cookie.secure`: takes True or False; there is no 'auto' here"),
    ],
)
def test_what_is_meant_is_said(options: dict[str, Any], says: str) -> None:
    for cls in (Sessions, AsyncSessions):
        with pytest.raises(OptionError) as caught:
            cls(URL, **{"secrets": SECRETS, **options})
        assert str(caught.value).startswith(says)


@pytest.mark.parametrize("name", sorted(option_names()))
def test_whatever_an_option_is_given(name: str) -> None:
    """Either it is right, or an OptionError says what is."""
    odd: list[Any] = [None, 5, -1, 2.5, float("nan"), True, "x", b"x", [], [None], {}, {"a": 1}, {1: 2}, {"a": len}, object]
    for value in [*odd, [SECRETS[0], 3], SessionLimit(1, on_limit=[])]:  # type: ignore[arg-type]
        with contextlib.suppress(OptionError):
            Sessions(URL, **{"secrets": SECRETS, name: value})


def test_secrets_are_required() -> None:
    with pytest.raises(OptionError, match=r"`secrets`: is required"):
        Sessions(URL)  # type: ignore[call-arg]


def test_clients() -> None:
    for client in (
        redis.Redis(decode_responses=True),
        redis.Redis.from_url(URL, decode_responses=True),
        redis.sentinel.Sentinel([]).master_for("x", decode_responses=True),
    ):
        with pytest.raises(OptionError, match="decode_responses=True"):
            Sessions(client, secrets=SECRETS)
    with pytest.raises(OptionError, match="decode_responses=True"):
        AsyncSessions(redis.asyncio.Redis(decode_responses=True), secrets=SECRETS)
    with pytest.raises(OptionError, match="decode_responses=True"):
        AsyncSessions(redis.asyncio.RedisCluster(host="127.0.0.1", port=1, decode_responses=True), secrets=SECRETS)
    with pytest.raises(OptionError, match="for AsyncSessions"):
        Sessions(redis.asyncio.Redis(), secrets=SECRETS)
    with pytest.raises(OptionError, match="for Sessions"):
        AsyncSessions(redis.Redis(), secrets=SECRETS)
    with pytest.raises(OptionError) as caught:
        Sessions("http://user:password@host", secrets=SECRETS)
    assert "password" not in str(caught.value)
    with pytest.raises(OptionError):
        Sessions(None, secrets=SECRETS)
    with pytest.raises(OptionError, match="takes one of created"):
        Sessions(URL, secrets=SECRETS).on("craeted", print)


def test_the_url_may_say_more() -> None:
    def timeout(url: str) -> Any:
        return Sessions(url, secrets=SECRETS)._run.client.connection_pool.connection_kwargs["socket_timeout"]

    assert timeout(URL) == 0.5
    assert timeout(f"{URL}?socket_timeout=2") == 2


def test_durations() -> None:
    assert parse_duration("x", "1.5s") == 1_500
    assert parse_duration("x", "2w") == 14 * 86_400_000
    assert parse_duration("x", timedelta(minutes=30)) == 1_800_000
    for wrong in ("", "s", "1 s", "-1s", "1y", "٣s", 1, None, True, "1e3s", "9" * 400 + "d", timedelta(microseconds=1)):
        with pytest.raises(OptionError):
            parse_duration("x", wrong)


def test_cookies() -> None:
    policy = CookiePolicy({})
    assert policy.set("v", None).header == "__Host-session=v; Path=/; HttpOnly; SameSite=Lax; Secure"
    assert policy.set("v", 90_500).max_age == 90
    assert policy.set("v", 5).max_age == 1
    wide = CookiePolicy({"domain": "example.org", "path": "/app", "same_site": "none", "partitioned": True})
    header = "__Secure-session=v; Max-Age=60; Path=/app; Domain=example.org; HttpOnly; SameSite=None; Secure; Partitioned"
    assert wide.set("v", 60_000).header == header
    plain = CookiePolicy({"secure": False, "persistent": True})
    assert plain.clear().header == (
        "session=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/; HttpOnly; SameSite=Lax"
    )
    assert plain.persistent
    sessions = Sessions(URL, secrets=SECRETS, cookie={"name": "sid"})
    assert sessions.cookie_name == "sid"


def test_all_that_is_public_is_there() -> None:
    for name in sojourn.__all__:
        assert getattr(sojourn, name).__module__.startswith("sojourn") or name in {"Duration", "Merge"}
