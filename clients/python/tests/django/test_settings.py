"""What is wrong with the settings is said at the start, by the name that it has there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from sojourn import OptionError
from sojourn.django import SessionStore, get_sessions
from sojourn.django.clients import make_client
from sojourn.django.configuration import ConfigurationError

from .. import servers
from ..conftest import SECRETS


@pytest.mark.parametrize(
    ("option", "given"),
    [
        ("SOJOURN['REDIS']", {"REDIS": ""}),
        ("SOJOURN['REDIS']", {"REDIS": 1}),
        ("SOJOURN['REDIS']", {"REDIS": "http://127.0.0.1"}),
        ("SOJOURN['REDIS']", {"REDIS": {"host": "127.0.0.1"}}),
        ("SOJOURN['REDIS']", {"REDIS": {"url": "redis://127.0.0.1", "cluster": "redis://127.0.0.1"}}),
        ("SOJOURN['REDIS']", {"REDIS": {"sentinels": [("127.0.0.1", 1)]}}),
        ("SOJOURN['REDIS']", {"REDIS": {"url": "redis://127.0.0.1", "decode_responses": True}}),
        ("SOJOURN['REDIS']['cluster']", {"REDIS": {"cluster": ["127.0.0.1"]}}),
        ("SOJOURN['REDIS']['sentinels']", {"REDIS": {"sentinels": "127.0.0.1", "service": "a"}}),
        ("SOJOURN['SECRETS']", {"SECRETS": []}),
        ("SOJOURN['SECRETS'][0]", {"SECRETS": ["short"]}),
        ("SOJOURN['IDLE_TIMEOUT']", {"IDLE_TIMEOUT": 1800}),
        ("SOJOURN['IDLE_TIMEOUT']", {"IDLE_TIMEOUT": "13h", "ABSOLUTE_TIMEOUT": "12h"}),
        ("SOJOURN['MAX_SESSIONS']", {"max_sessions": 0}),
        ("SOJOURN['COOKIE']", {"COOKIE": {"name": "session"}}),
        ("SOJOURN['NAMESPACE']", {"NAMESPACE": "spring"}),
        ("SOJOURN['IDLE_TIME']", {"IDLE_TIME": "30m"}),
        ("SOJOURN['MERGE']['a']", {"MERGE": {"a": "counters"}}),
        ("SOJOURN['MERGE']['a']", {"MERGE": {"a": 1}}),
        ("SOJOURN['MERGE']", {"MERGE": "counter"}),
        ("SOJOURN['PREFIX']", {"PREFIX": "a", "prefix": "b"}),
        ("SOJOURN['PRINCIPAL']", {"PRINCIPAL": 1}),
        ("SOJOURN['PRINCIPAL']", {"PRINCIPAL": "no.such.function"}),
        ("SOJOURN['BRIDGE']", {"BRIDGE": "sojourn.__version__"}),
        ("SOJOURN['LOGIN_OPTIONS']", {"LOGIN_OPTIONS": {}}),
    ],
)
def test_what_is_wrong_is_named(sojourn: Any, option: str, given: dict[str, Any]) -> None:
    base = {"REDIS": "redis://127.0.0.1:1", "SECRETS": SECRETS}
    with override_settings(SOJOURN={**base, **given}):
        with pytest.raises(ConfigurationError) as raised:
            SessionStore().load()
        assert raised.value.option == option
        assert isinstance(raised.value, (OptionError, ImproperlyConfigured))
        assert SECRETS[0] not in str(raised.value)
        assert option in messages()["sojourn.E001"]


def test_missing_settings(sojourn: Any) -> None:
    with override_settings():
        from django.conf import settings

        del settings.SOJOURN
        assert "SOJOURN" in messages()["sojourn.E001"]
    with override_settings(SOJOURN={"REDIS": "redis://127.0.0.1:1"}):
        assert "SOJOURN['SECRETS']" in messages()["sojourn.E001"]
    with override_settings(SOJOURN={"REDIS": "redis://127.0.0.1:1", "SECRETS": SECRETS, "IDLE_TIME": "30m"}):
        assert "did you mean 'IDLE_TIMEOUT'?" in messages()["sojourn.E001"]


@pytest.mark.parametrize(
    ("setting", "given"),
    [
        ("SESSION_COOKIE_NAME", {"SESSION_COOKIE_SECURE": False}),
        ("SESSION_COOKIE_NAME", {"SESSION_COOKIE_PATH": "/app"}),
        ("SESSION_COOKIE_NAME", {"SESSION_COOKIE_DOMAIN": "example.org"}),
        (
            "SESSION_COOKIE_SAMESITE",
            {"SESSION_COOKIE_NAME": "s", "SESSION_COOKIE_SECURE": False, "SESSION_COOKIE_SAMESITE": "None"},
        ),
        ("SESSION_COOKIE_AGE", {"SESSION_COOKIE_AGE": 401 * 86_400}),
    ],
)
def test_settings_of_the_cookie(sojourn: Any, setting: str, given: dict[str, Any]) -> None:
    with override_settings(**given):
        with pytest.raises(ConfigurationError) as raised:
            SessionStore().load()
        assert raised.value.option == setting
        assert setting in messages()["sojourn.E001"]


def messages(deploy: bool = False) -> dict[str, str]:
    found = checks.run_checks(tags=["sessions"], include_deployment_checks=deploy)
    return {message.id: message.msg for message in found}


def test_nothing_is_wrong(sojourn: Any) -> None:
    assert messages(deploy=True) == {}


def test_checks(sojourn: Any) -> None:
    with override_settings(SESSION_ENGINE="django.contrib.sessions.backends.db"):
        assert list(messages()) == ["sojourn.W001"]
    with override_settings(SESSION_SERIALIZER="django.contrib.sessions.serializers.PickleSerializer"):
        assert list(messages()) == ["sojourn.W002"]
    with override_settings(SESSION_COOKIE_AGE=60):
        assert messages() == {}
        sojourn(IDLE_TIMEOUT="1m")
        assert messages() == {}
        sojourn(IDLE_TIMEOUT=timedelta(minutes=30))
        assert list(messages()) == ["sojourn.W004"]
    with override_settings(SESSION_COOKIE_NAME="sessionid"):
        assert list(messages()) == ["sojourn.W006"]
        assert list(messages(deploy=True)) == ["sojourn.W006", "sojourn.W005"]
    with override_settings(DEBUG=True):
        assert list(messages()) == ["sojourn.W007"]
    with override_settings(DEBUG=True, SESSION_COOKIE_NAME="session", SESSION_COOKIE_SECURE=False):
        assert messages() == {}
    sojourn(PRINCIPAL="email")
    assert list(messages()) == ["sojourn.E003"], "two users may have the same"
    sojourn(PRINCIPAL="mail")
    assert list(messages()) == ["sojourn.E002"]
    sojourn(PRINCIPAL="username")
    assert messages() == {}
    sojourn(PRINCIPAL=str)
    assert list(messages()) == ["sojourn.W003"]
    sojourn(BRIDGE=int)
    assert messages() == {}
    sojourn(PRINCIPAL=None)
    assert list(messages()) == ["sojourn.W008"]
    sojourn(PRINCIPAL="pk")
    assert messages() == {}


def test_lifetimes_follow_djangos_setting(sojourn: Any) -> None:
    def lifetimes() -> tuple[int, int]:
        options = get_sessions()._repository.settings
        return options.idle_timeout // 1000, options.absolute_timeout // 1000

    assert lifetimes() == (14 * 86_400, 14 * 86_400)
    with override_settings(SESSION_COOKIE_AGE=60):
        assert lifetimes() == (60, 43_200)
        sojourn(IDLE_TIMEOUT="2d")
        assert lifetimes() == (172_800, 172_800)
        sojourn(ABSOLUTE_TIMEOUT="3d")
        assert lifetimes() == (172_800, 259_200)


def use(key: str | None = None) -> str:
    session = SessionStore(key)
    session["a"] = session.get("a", 0) + 1
    session.save()
    assert session.session_key is not None
    return session.session_key


async def ause(key: str) -> int:
    session = SessionStore(key)
    await session.aset("a", await session.aget("a") + 1)
    await session.asave()
    return await session.aget("a")


def test_a_url_with_options(sojourn: Any, server: servers.Server) -> None:
    sojourn(REDIS={"url": server.url, "socket_timeout": 2, "client_name": "django"})
    assert get_sessions()._run.client.connection_pool.connection_kwargs["socket_timeout"] == 2
    use()
    names = {each["name"] for each in server.cli.client_list()}
    assert "django" in names
    assert (
        make_client({"url": server.url, "socket_timeout": 2}, True).connection_pool.connection_kwargs["socket_timeout"] == 2
    )


def test_behind_sentinels(sojourn: Any) -> None:
    import asyncio

    with servers.sentinel("sessions") as (_, _, watcher):
        sojourn(REDIS={"sentinels": [("127.0.0.1", watcher.port)], "service": "sessions", "socket_timeout": 2})
        assert asyncio.run(ause(use())) == 2


def test_a_cluster(sojourn: Any) -> None:
    import asyncio

    with servers.cluster() as nodes:
        for cluster in ([("127.0.0.1", nodes[0].port)], f"redis://127.0.0.1:{nodes[1].port}"):
            sojourn(REDIS={"cluster": cluster})
            assert asyncio.run(ause(use(use()))) == 3


def test_a_server_that_cannot_be_reached(sojourn: Any) -> None:
    from sojourn import StoreUnavailableError

    for given in (f"redis://127.0.0.1:{servers.free_port()}", {"cluster": [("127.0.0.1", servers.free_port())]}):
        sojourn(REDIS=given)
        session = SessionStore()
        with pytest.raises(StoreUnavailableError):
            session.save()
