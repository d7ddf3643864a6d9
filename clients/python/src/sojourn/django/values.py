"""The attributes of a session by the names that Django knows.

A name that begins with `_` is private to Django (`_auth_user_id`, `_messages`, `_csrftoken`, …) and stored with `django:` in
front; all others are everybody's, and stored as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

from ..mapping import AttributeMapping
from ..private import PrivateAttributes
from ..state import SessionState

#: What `login` of Django leaves in a session.
SIGN_IN = (SESSION_KEY, BACKEND_SESSION_KEY, HASH_SESSION_KEY)
EXPIRY = "_session_expiry"
#: Private, and not shown: the principal that what is in SIGN_IN was made for.
_MADE_FOR = "principal"
_STORED_SIGN_IN = frozenset(f"django:{name}" for name in (*SIGN_IN, _MADE_FOR))


def stored_name(name: str) -> str:
    return f"django:{name}" if name.startswith("_") else name


def stored_sign_in(principal: str) -> dict[str, Any]:
    """Says, in a record that is being made, whose the sign-in is that is in it."""
    return {f"django:{_MADE_FOR}": principal}


class _Public(AttributeMapping):
    def __init__(self, state: SessionState) -> None:
        self._held = state

    @property
    def _state(self) -> SessionState:
        return self._held


class Values(MutableMapping[str, Any]):
    """Stored by the next save. Values that can be changed in place are this request's own copies."""

    def __init__(self, state: SessionState) -> None:
        self._state = state
        self._public = _Public(state)
        self._private = PrivateAttributes(state)

    def _of(self, name: object) -> MutableMapping[str, Any]:
        return self._private if isinstance(name, str) and name.startswith("_") else self._public

    def __getitem__(self, name: str) -> Any:
        return self._of(name)[name]

    def get(self, name: str, default: Any = None) -> Any:
        return self._of(name).get(name, default)

    def __setitem__(self, name: str, value: Any) -> None:
        """Raises SessionAttributeError for a name that cannot be stored; a value is checked when it is saved."""
        self._of(name)[name] = value

    def __delitem__(self, name: str) -> None:
        del self._of(name)[name]

    def __contains__(self, name: object) -> bool:
        return name in self._of(name)

    def __iter__(self) -> Iterator[str]:
        yield from [name for name in self._public if not name.startswith("_")]
        yield from [name for name in self._private if name.startswith("_")]

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        """Names, no values."""
        return f"Values({list(self)!r})"

    def user_of(self, principal: str | None) -> Any:
        """The id of the user, of a session that was just read. A sign-in of somebody else, or where nobody is signed in any
        more, is forgotten: another application has signed in, or out, since.
        """
        live = self._state.live
        if live is None or _STORED_SIGN_IN.isdisjoint(live.attributes):
            return None
        if principal is None or self._private.get(_MADE_FOR) != principal:
            self.forget_sign_in()
        return self.get(SESSION_KEY)

    def sign_in(self, principal: str, user_id: str, backend: str, auth_hash: str) -> None:
        self.update(zip(SIGN_IN, (user_id, backend, auth_hash), strict=True))
        self.belongs_to(principal)

    def belongs_to(self, principal: str) -> None:
        """Says whose the sign-in of Django is that is in it."""
        self._private[_MADE_FOR] = principal

    def forget_sign_in(self) -> None:
        self._private.discard(*SIGN_IN, _MADE_FOR)
