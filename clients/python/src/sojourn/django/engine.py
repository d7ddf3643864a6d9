"""The one `Sessions` of this process, made when it is first asked for, and its clients: one for threads, one for each
event loop.

After a fork, and where settings change in a test, all is made anew.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import AsyncGenerator, Mapping
from typing import Any, TypeVar

from django.core.signals import setting_changed

from ..drivers import AsyncDriver
from ..errors import OptionError
from ..failures import FAILURES, store_error
from ..repository import Repository
from ..sessions import Sessions
from ..steps import Op
from .clients import make_client
from .configuration import Configuration, read, renamed

T = TypeVar("T")

_log = logging.getLogger("sojourn")
_lock = threading.Lock()
_configuration: Configuration | None = None
_engine: Engine | None = None
_told: set[str] = set()


class _Sessions(Sessions):
    _is_own = True


class Engine:
    def __init__(self, given: Configuration) -> None:
        self._redis = given.redis
        try:
            self.sessions = _Sessions(make_client(given.redis, False), **given.options)
        except OptionError as error:
            raise renamed(error) from None
        except FAILURES as error:
            raise store_error(error, "connect") from None
        self.repository: Repository = self.sessions._repository
        # Those of a former engine are none of ours, and no mistake.
        if given.former is None:
            _warn_of_other_secrets(self.sessions)
        self._drivers: dict[asyncio.AbstractEventLoop, AsyncDriver] = {}
        self._closers: dict[asyncio.AbstractEventLoop, AsyncGenerator[None, None]] = {}

    def run(self, operation: Op[T]) -> T:
        return self.sessions._run(operation)

    async def arun(self, operation: Op[T]) -> T:
        """Connections belong to the event loop on which they were made, and end with it."""
        loop = asyncio.get_running_loop()
        driver = self._drivers.get(loop)
        if driver is None:
            client = make_client(self._redis, True)
            driver = self._drivers[loop] = AsyncDriver(client, self.repository.settings.clock, is_own=True)
            closer = self._closers[loop] = self._closing(loop, client)
            await anext(closer)
        return await driver(operation)

    async def _closing(self, loop: asyncio.AbstractEventLoop, client: Any) -> AsyncGenerator[None, None]:
        """An event loop that ends closes the asynchronous generators that have begun on it."""
        try:
            yield
        finally:
            self._drivers.pop(loop, None)
            self._closers.pop(loop, None)
            await (client.aclose() if hasattr(client, "aclose") else client.close())


def _warn_of_other_secrets(sessions: Sessions) -> None:
    """Once, without what the cookie holds: else all that is to be seen is that nobody is signed in."""

    def warn(event: Mapping[str, Any]) -> None:
        if event["reason"] != "forged":
            return
        off()
        _log.warning(
            "sojourn: a cookie %s opens with none of SOJOURN['SECRETS']. Either it is made up, or the "
            "application that has made it has other secrets. This is said once.",
            sessions._repository.settings.cookie.name,
        )

    off = sessions.on("rejected", warn)


def configured() -> Configuration:
    """What the settings say. Raises ConfigurationError."""
    global _configuration  # noqa: PLW0603
    found = _configuration
    if found is None:
        found = _configuration = read()
    return found


def engine() -> Engine:
    """Raises ConfigurationError; StoreUnavailableError only where a Cluster cannot be reached."""
    global _engine  # noqa: PLW0603
    found = _engine
    if found is None:
        with _lock:
            found = _engine = _engine or Engine(configured())
    return found


def get_sessions() -> Sessions:
    """The `Sessions` that everything here runs on: for `on(event, listener)`, `of(principal)` and `revoke(id)`."""
    return engine().sessions


def warn_once(text: str) -> None:
    if text not in _told:
        _told.add(text)
        _log.warning("sojourn: %s This is said once.", text)


def _start_anew() -> None:
    global _configuration, _engine, _lock
    _told.clear()
    _configuration, _engine, _lock = None, None, threading.Lock()


def _setting_changed(setting: str, **_: Any) -> None:
    if setting == "SOJOURN" or setting.startswith(("SESSION_", "AUTH_USER_MODEL")):
        _start_anew()


# A connection that two processes use answers the one what the other has asked.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)
setting_changed.connect(_setting_changed, dispatch_uid="sojourn.django")
