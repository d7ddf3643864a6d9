"""Private attributes: what belongs to one framework alone has its name in front, as in `django:_auth_user_hash`.

They are in the same record as all others (protocol, section 13). Who is not of that framework keeps them as they are, and
neither sees nor changes them by the usual mapping; who is has them in `session.private`.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

from .errors import OptionError, SessionAttributeError
from .rebase import ABSENT

if TYPE_CHECKING:
    from .state import SessionState

#: Frameworks with attributes of their own.
NAMESPACES = frozenset({"django", "spring"})


def namespace_of(name: str) -> str | None:
    """Whose private attribute it is; None: everybody's."""
    front, colon, _ = name.partition(":")
    return front if colon and front in NAMESPACES else None


def check_public(name: object) -> None:
    """Raises SessionAttributeError for a private attribute, by whatever name it is reached for."""
    owner = namespace_of(name) if isinstance(name, str) else None
    if owner is not None:
        raise SessionAttributeError(
            str(name), f"names in {owner}: are private to that framework; its own adapter has them in session.private"
        )


def check_namespace(namespace: Any) -> str | None:
    """Raises OptionError for a namespace that others would take for public names."""
    if namespace is None or (isinstance(namespace, str) and namespace in NAMESPACES):
        return namespace
    raise OptionError("namespace", f"takes one of {', '.join(sorted(NAMESPACES))}")


class PrivateAttributes(MutableMapping[str, Any]):
    """Those of one namespace, by their names without it. Stored by the session's commit, as all others are."""

    def __init__(self, state: SessionState) -> None:
        namespace = state.repository.settings.namespace
        if namespace is None:
            raise OptionError("namespace", "has to be given to Sessions for private attributes")
        self._state = state
        self._front = f"{namespace}:"

    def _full(self, name: object) -> str:
        if not isinstance(name, str):
            raise SessionAttributeError(f"({type(name).__name__})", "a name is a str")
        return self._front + name

    def __getitem__(self, name: str) -> Any:
        value = self._state.attributes.get(self._full(name))
        if value is ABSENT:
            raise KeyError(name)
        return value

    def __setitem__(self, name: str, value: Any) -> None:
        self._state.attributes.set(self._full(name), value)

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise KeyError(name)
        self._state.attributes.set(self._full(name), ABSENT)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._state.attributes.has(self._full(name))

    # Adapters look for much that is mostly not there: without an error inside, as the mixins have it.

    def get(self, name: str, default: Any = None) -> Any:
        value = self._state.attributes.get(self._full(name))
        return default if value is ABSENT else value

    def discard(self, *names: str) -> None:
        """Deletes those that are there."""
        attributes = self._state.attributes
        for name in names:
            if attributes.has(self._front + name):
                attributes.set(self._front + name, ABSENT)

    def __iter__(self) -> Iterator[str]:
        skip = len(self._front)
        return iter([name[skip:] for name in self._state.attributes.names() if name.startswith(self._front)])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        """Names, no values."""
        return f"PrivateAttributes({self._front!r}, {list(self)!r})"
