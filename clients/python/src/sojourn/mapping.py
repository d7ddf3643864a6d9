"""The attributes of a session as a mapping. No I/O."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

from .private import PrivateAttributes, check_public, namespace_of
from .rebase import ABSENT

if TYPE_CHECKING:
    from .state import SessionState


class AttributeMapping(MutableMapping[str, Any]):
    """Values that can be changed in place (lists, dicts, sets) are copies of this session's own: changes in place are
    noticed by the next commit. Private attributes of frameworks (`django:…`) are not among them.
    """

    @property
    @abstractmethod
    def _state(self) -> SessionState: ...

    def __getitem__(self, name: str) -> Any:
        value = self.get(name, ABSENT)
        if value is ABSENT:
            raise KeyError(name)
        return value

    def get(self, name: str, default: Any = None) -> Any:
        is_public = isinstance(name, str) and namespace_of(name) is None
        value = self._state.attributes.get(name) if is_public else ABSENT
        return default if value is ABSENT else value

    def __setitem__(self, name: str, value: Any) -> None:
        """Raises SessionAttributeError for a name that cannot be stored; a value is checked at the commit."""
        check_public(name)
        self._state.attributes.set(name, value)

    def __delitem__(self, name: str) -> None:
        check_public(name)
        if not self._state.attributes.has(name):
            raise KeyError(name)
        self._state.attributes.set(name, ABSENT)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and namespace_of(name) is None and self._state.attributes.has(name)

    def __bool__(self) -> bool:
        """A session is there, though nothing may be in it."""
        return True

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__

    def set(self, name: str, value: Any) -> None:
        """As `session[name] = value`."""
        self[name] = value

    def delete(self, name: str) -> None:
        """As `del session[name]`, and no error where there is none."""
        check_public(name)
        self._state.attributes.set(name, ABSENT)

    def clear(self) -> None:
        """Deletes all attributes, one's own private ones too; the session, its principal and what is private to other
        frameworks stay.
        """
        own = self._state.repository.settings.namespace
        self._state.attributes.clear(lambda name: namespace_of(name) not in (None, own))

    @property
    def private(self) -> PrivateAttributes:
        """For adapters of frameworks: the private attributes of the option `namespace`, by their names without it.

        Raises OptionError where that is not given.
        """
        return PrivateAttributes(self._state)

    def _names(self) -> list[str]:
        return [name for name in self._state.attributes.names() if namespace_of(name) is None]
