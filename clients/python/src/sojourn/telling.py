"""Telling an application of sessions that have expired: by a loop that claims them, on a thread or in a task of its own."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from .drivers import AsyncDriver, SyncDriver
from .errors import OptionError, SojournError
from .expiry import MOST_LEASES, Claimed, ExpiredSession, Expiry

if TYPE_CHECKING:
    from .repository import Repository

ExpiryListener = Callable[[ExpiredSession], object]
AsyncExpiryListener = Callable[[ExpiredSession], "Awaitable[object] | object"]

_log = logging.getLogger("sojourn")


class _Teller:
    def __init__(self, repository: Repository, driver: Any) -> None:
        if not repository.settings.tells_expired:
            raise OptionError("expiry", "has to be 'reliable' to be told of expired sessions, in all applications")
        self.expiry = Expiry(repository.settings, driver.is_cluster)
        self._events = repository.events
        self._is_failing = False

    def works(self) -> None:
        self._is_failing = False

    def fails(self, error: SojournError) -> None:
        """Once, and not with each look while Redis is away."""
        if not self._is_failing:
            self._events.emit("error", operation="expiry", error=error)
        self._is_failing = True
        self.expiry.postpone()

    def has_failed(self, one: Claimed) -> bool:
        """Of a listener. Answers whether the session is given up."""
        _log.exception("the listener of an expired session has failed: %s", one.session.id)
        if one.leases < MOST_LEASES:
            return False
        error = RuntimeError(f"the expiry of {one.session.id} is given up, its listener has failed too often")
        self._events.emit("error", operation="expiry", error=error)
        return True


def tell_expired(repository: Repository, run: SyncDriver, listener: ExpiryListener, stop: threading.Event) -> None:
    teller = _Teller(repository, run)
    expiry = teller.expiry
    while not stop.is_set():
        try:
            claimed = run(expiry.next())
            told: list[Claimed] = []
            try:
                for one in claimed:
                    if stop.is_set() or expiry.is_over(one):
                        break
                    try:
                        listener(one.session)
                    except Exception:
                        if not teller.has_failed(one):
                            continue
                    told.append(one)
            finally:
                # Those that were told, also where the loop is interrupted.
                run(expiry.acknowledge(claimed, told))
            teller.works()
        except SojournError as error:
            teller.fails(error)
        stop.wait(expiry.wait)


async def atell_expired(repository: Repository, run: AsyncDriver, listener: AsyncExpiryListener) -> None:
    """Until it is cancelled."""
    teller = _Teller(repository, run)
    expiry = teller.expiry
    while True:
        try:
            claimed = await run(expiry.next())
            told: list[Claimed] = []
            try:
                for one in claimed:
                    if expiry.is_over(one):
                        break
                    try:
                        answer = listener(one.session)
                        if isinstance(answer, Awaitable):
                            await answer
                    except Exception:
                        if not teller.has_failed(one):
                            continue
                    told.append(one)
            finally:
                await run(expiry.acknowledge(claimed, told))
            teller.works()
        except SojournError as error:
            teller.fails(error)
        if _is_cancelled():
            raise asyncio.CancelledError
        await asyncio.sleep(expiry.wait)


def _is_cancelled() -> bool:
    """Before Python 3.12 a cancellation is lost that comes with what redis-py waits for (`asyncio.wait_for`)."""
    cancelling = getattr(asyncio.current_task(), "cancelling", None)
    return cancelling is not None and cancelling() > 0
