"""The methods of a session that asyncio awaits, on all versions of Django: the session is read first, and what follows asks
nothing."""

from __future__ import annotations

from collections.abc import ItemsView, KeysView, Mapping, ValuesView
from datetime import datetime
from typing import Any

from django.contrib.sessions.backends.base import SessionBase


class AsyncAccess(SessionBase):
    async def _aget_session(self, no_load: bool = False) -> Any:
        raise NotImplementedError

    async def aget(self, key: str, default: Any = None) -> Any:
        await self._aget_session()
        return self.get(key, default)

    async def aset(self, key: str, value: Any) -> None:
        await self._aget_session()
        self[key] = value

    async def apop(self, key: str, *default: Any, **named: Any) -> Any:
        await self._aget_session()
        return self.pop(key, *default, **named)

    async def asetdefault(self, key: str, value: Any) -> Any:
        await self._aget_session()
        return self.setdefault(key, value)

    async def aupdate(self, dict_: Mapping[str, Any]) -> None:
        await self._aget_session()
        self.update(dict_)

    async def ahas_key(self, key: str) -> bool:
        await self._aget_session()
        return key in self

    async def akeys(self) -> KeysView[str]:
        await self._aget_session()
        return self.keys()

    async def avalues(self) -> ValuesView[Any]:
        await self._aget_session()
        return self.values()

    async def aitems(self) -> ItemsView[str, Any]:
        await self._aget_session()
        return self.items()

    async def aset_test_cookie(self) -> None:
        await self._aget_session()
        self.set_test_cookie()

    async def atest_cookie_worked(self) -> bool:
        await self._aget_session()
        return self.test_cookie_worked()

    async def adelete_test_cookie(self) -> None:
        await self._aget_session()
        self.delete_test_cookie()

    async def aset_expiry(self, value: Any) -> None:
        await self._aget_session()
        self.set_expiry(value)

    async def aget_expiry_age(self, **kwargs: Any) -> int:
        await self._aget_session()
        return self.get_expiry_age(**kwargs)

    async def aget_expiry_date(self, **kwargs: Any) -> datetime:
        await self._aget_session()
        return self.get_expiry_date(**kwargs)

    async def aget_expire_at_browser_close(self) -> bool:
        await self._aget_session()
        return self.get_expire_at_browser_close()

    async def apublic_id(self) -> str | None:
        """As the property `public_id`."""
        await self._aget_session()
        return self.public_id

    async def aprincipal(self) -> str | None:
        """As the property `principal`."""
        await self._aget_session()
        return self.principal
