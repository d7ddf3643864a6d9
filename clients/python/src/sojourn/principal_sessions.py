"""All sessions of one principal, on every node."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from .errors import SessionEndedError
from .principal import PrincipalName, open_descriptor
from .repository import Repository
from .revoke import revoke_by_id
from .steps import Op
from .values import to_datetime

if TYPE_CHECKING:
    from .drivers import AsyncDriver, SyncDriver


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A session as its owner sees it. Times in UTC; None where the index entry cannot be opened."""

    #: Names the session for `revoke`; of no use as a cookie.
    id: str
    created_at: datetime | None
    #: To the part of the idle timeout after which activity is written down (`touch_after`).
    last_active_at: datetime | None
    expires_at: datetime
    deadline: datetime | None
    #: Whether it is the session that was given to `of`.
    current: bool
    kind: str | None
    device: str | None
    address: str | None


class _Operations:
    def __init__(self, repository: Repository, name: PrincipalName, own: str | None) -> None:
        self._repository = repository
        self._name = name
        self._own = own

    def _list(self) -> Op[list[SessionInfo]]:
        settings, name = self._repository.settings, self._name
        now = settings.clock.now()
        listed = yield from settings.store.listed(name.partition_tag, name.tag)
        found: list[SessionInfo] = []
        for session in listed:
            opened = open_descriptor(settings.keyring, name.tag, session.id, session.descriptor)
            ends = now + session.ttl
            # Near the absolute deadline the remaining time says less; activity was then at the earliest so.
            active = None if opened is None else max(opened.created_at, ends - opened.idle_timeout)
            found.append(
                SessionInfo(
                    id=session.id,
                    created_at=None if opened is None else to_datetime(opened.created_at),
                    last_active_at=None if active is None else to_datetime(active),
                    expires_at=to_datetime(ends),
                    deadline=None if opened is None else to_datetime(opened.deadline),
                    current=session.id == self._own,
                    kind=None if opened is None else opened.kind,
                    device=None if opened is None else opened.device,
                    address=None if opened is None else opened.address,
                )
            )
        return found

    def _revoke(self, session_id: str) -> Op[bool]:
        return (yield from revoke(self._repository, session_id, self._name))

    def _revoke_all(self, keep: str | None) -> Op[int]:
        name = self._name
        ended = yield from self._repository.settings.store.revoke_all(name.partition_tag, name.tag, keep)
        for session_id in ended:
            self._repository.events.emit("revoked", id=session_id, principal=name.principal)
        return len(ended)

    def _revoke_others(self) -> Op[int]:
        if self._own is None:
            raise SessionEndedError("revoke_others")
        return (yield from self._revoke_all(self._own))


def revoke(repository: Repository, session_id: str, name: PrincipalName | None = None) -> Op[bool]:
    owner_tag = None if name is None else name.tag
    ended = yield from revoke_by_id(repository.settings.store, session_id, owner_tag)
    if ended is None:
        return False
    repository.events.emit("revoked", id=ended, principal=None if name is None else name.principal)
    return True


class PrincipalSessions(_Operations):
    """Use `Sessions.of`."""

    def __init__(self, repository: Repository, name: PrincipalName, own: str | None, run: SyncDriver) -> None:
        super().__init__(repository, name, own)
        self._run = run

    def list(self) -> list[SessionInfo]:
        """The live ones, oldest first."""
        return self._run(self._list())

    def revoke(self, session_id: str) -> bool:
        """Ends one of them, also by its id of before a rotation. False when there is no such session."""
        return self._run(self._revoke(session_id))

    def revoke_all(self, keep: str | None = None) -> int:
        """Ends all of them, or all but `keep` (an id, also of before a rotation). Answers how many were live.

        Whoever signed in before the call has no session after it.
        """
        return self._run(self._revoke_all(keep))

    def revoke_others(self) -> int:
        """Ends all but the session that was given to `of`. Raises SessionEndedError where that is none."""
        return self._run(self._revoke_others())


class AsyncPrincipalSessions(_Operations):
    """Use `AsyncSessions.of`."""

    def __init__(self, repository: Repository, name: PrincipalName, own: str | None, run: AsyncDriver) -> None:
        super().__init__(repository, name, own)
        self._run = run

    async def list(self) -> list[SessionInfo]:
        """See `PrincipalSessions.list`."""
        return await self._run(self._list())

    async def revoke(self, session_id: str) -> bool:
        """See `PrincipalSessions.revoke`."""
        return await self._run(self._revoke(session_id))

    async def revoke_all(self, keep: str | None = None) -> int:
        """See `PrincipalSessions.revoke_all`."""
        return await self._run(self._revoke_all(keep))

    async def revoke_others(self) -> int:
        """See `PrincipalSessions.revoke_others`."""
        return await self._run(self._revoke_others())
