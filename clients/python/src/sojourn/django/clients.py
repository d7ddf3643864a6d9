"""Clients of redis-py from `SOJOURN["REDIS"]`.

A URL, or a dict: `{"url": ...}`, `{"sentinels": [(host, port), ...], "service": "mymaster"}`, or
`{"cluster": [(host, port), ...]}` (or a URL of one node). What else is in it goes to redis-py as it is: `password`,
`socket_timeout`, `ssl`, …
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import redis
import redis.asyncio
import redis.asyncio.cluster
import redis.asyncio.retry
import redis.asyncio.sentinel
from redis.backoff import ConstantBackoff
from redis.exceptions import ConnectionError  # noqa: A004 (the client's word)
from redis.retry import Retry

from ..errors import OptionError
from ..options import check_options
from ..sessions import _TIMEOUTS
from .configuration import Configuration, ConfigurationError, renamed, setting

_NAME = setting("redis")
_FORMS = ("url", "sentinels", "cluster")


def make_client(given: Any, is_async: bool) -> Any:
    """Raises ConfigurationError. That of a Cluster asks the nodes at once when it is not for asyncio."""
    form, address, options = read_redis(given)
    kind: Any = redis.asyncio if is_async else redis
    if form == "url":
        options = {**_TIMEOUTS, "retry": _retry(is_async), **options}
        return _from_url(kind.Redis, address, options)
    if form == "cluster":
        options = {**_TIMEOUTS, **options}
        if isinstance(address, str):
            return _from_url(kind.RedisCluster, address, options)
        node = redis.asyncio.cluster.ClusterNode if is_async else redis.cluster.ClusterNode
        return kind.RedisCluster(startup_nodes=[node(host, port) for host, port in address], **options)
    service = options.pop("service")
    sentinel_options = {**_TIMEOUTS, **options.pop("sentinel_kwargs", {})}
    sentinel: Any = redis.asyncio.sentinel.Sentinel if is_async else redis.Sentinel
    options = {**_TIMEOUTS, "retry": _retry(is_async), **options}
    return sentinel(address, sentinel_kwargs=sentinel_options, **options).master_for(service)


def verify(given: Configuration) -> None:
    """Raises ConfigurationError for what is wrong; asks no server."""
    # For asyncio, for that client asks nothing before it is used.
    make_client(given.redis, True)
    try:
        check_options(**given.options)
    except OptionError as error:
        raise renamed(error) from None


def read_redis(given: Any) -> tuple[str, Any, dict[str, Any]]:
    """Which form it has, where that is, and what else goes to redis-py. Raises ConfigurationError."""
    if isinstance(given, str):
        return "url", given, {}
    if not isinstance(given, Mapping):
        raise ConfigurationError(_NAME, "takes a URL or a dict")
    options = {str(name).lower(): value for name, value in given.items()}
    forms = [form for form in _FORMS if form in options]
    if len(forms) != 1:
        raise ConfigurationError(_NAME, f"takes a dict with one of {', '.join(_FORMS)}")
    (form,) = forms
    address = options.pop(form)
    if form == "sentinels" and not isinstance(options.get("service"), str):
        raise ConfigurationError(_NAME, "needs the name of the service that the Sentinels watch: 'service': 'mymaster'")
    if options.get("decode_responses"):
        raise ConfigurationError(_NAME, "takes no decode_responses: records are bytes")
    if isinstance(address, str) and form != "sentinels":
        return form, address, options
    if form == "url" or not _are_addresses(address):
        takes = "a URL" if form == "url" else "a list of (host, port)"
        raise ConfigurationError(f"{_NAME}[{form!r}]", f"takes {takes}")
    return form, [(host, port) for host, port in address], options


def _are_addresses(value: Any) -> bool:
    if not isinstance(value, (list, tuple)) or not value:
        return False
    return all(
        isinstance(each, (list, tuple)) and len(each) == 2 and isinstance(each[0], str) and isinstance(each[1], int)
        for each in value
    )


def _from_url(cls: Any, url: str, options: dict[str, Any]) -> Any:
    try:
        return cls.from_url(url, **options)
    except ValueError:
        # The client's message quotes the URL, which may hold a password.
        raise ConfigurationError(_NAME, "takes a URL that begins with redis://, rediss:// or unix://") from None


def _retry(is_async: bool) -> Any:
    """Once, for connections of a pool that have died unnoticed."""
    kind: Any = redis.asyncio.retry.Retry if is_async else Retry
    return kind(ConstantBackoff(0.02), 1, (ConnectionError,))
