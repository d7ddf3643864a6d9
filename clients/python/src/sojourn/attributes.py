"""A request's working copy: the attributes as they were read, and what the request did to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .errors import SessionAttributeError
from .rebase import ABSENT, Change, same
from .values import ValueProblem, check_name, clone_value, kind_of

_CONTAINERS = frozenset({"list", "object", "map", "set"})
#: The types of these.
_CHANGEABLE = (dict, list, set, tuple, frozenset)


class _Draft:
    """An object that the application may change in place."""

    __slots__ = ("object", "seen")

    def __init__(self, held: Any, seen: Any = ABSENT) -> None:
        self.object = held
        #: What it was when it was last stored; absent: compare it with the base.
        self.seen = seen


class Attributes:
    """Values that can be changed in place are handed out as copies of what was read, and compared at the commit."""

    def __init__(self, base: Mapping[str, Any]) -> None:
        self._base = base
        self._changes: dict[str, Change] = {}
        #: Changes whose commit is under way: still seen by reads, given back when it fails.
        self._in_flight: dict[str, Change] = {}
        #: The objects among them, as they were when it began.
        self._snapshots: dict[str, Any] = {}
        self._drafts: dict[str, _Draft] = {}

    def get(self, name: str) -> Any:
        """`ABSENT` where there is none."""
        change = self._pending(name)
        if change is not None:
            return change.value
        draft = self._drafts.get(name)
        if draft is not None:
            return draft.object
        value = self._base.get(name, ABSENT)
        if value is ABSENT or not isinstance(value, _CHANGEABLE):
            return value
        draft = self._drafts[name] = _Draft(clone_value(value))
        return draft.object

    def has(self, name: str) -> bool:
        change = self._pending(name)
        return name in self._base if change is None else change.value is not ABSENT

    def names(self) -> list[str]:
        known = dict.fromkeys((*self._base, *self._in_flight, *self._changes))
        return [name for name in known if self.has(name)]

    def set(self, name: str, value: Any) -> None:
        """`ABSENT` deletes it. Raises SessionAttributeError for a name that cannot be stored."""
        check_name(name)
        self._change(name, Change(value))

    def update(self, name: str, make: Callable[[Any], Any]) -> None:
        """Records a change that can be made again on another value. `make` is handed `ABSENT` where there is none."""
        check_name(name)

        def again(stored: Any) -> Any:
            try:
                copy = clone_value(stored)
            except ValueProblem as error:
                raise SessionAttributeError(name, str(error)) from error
            return make(copy)

        former = self._changes.get(name)
        is_changed = self._pending(name) is not None or self._changed(name)
        value = again(self.get(name))
        rerun: Callable[[Any], Any] | None = None
        if former is not None and former.rerun is not None:
            # An update that is not stored yet runs again first.
            first = former.rerun

            def rerun(stored: Any) -> Any:
                return again(first(stored))

        elif not is_changed:
            # On top of another change that is not stored yet there is no stored value to run on again.
            rerun = again
        self._change(name, Change(value, rerun))

    def pending_change(self, name: str) -> Change | None:
        """What was done to an attribute and is not stored yet, for `restore`."""
        if name in self._changes:
            return self._changes[name]
        return Change(self._drafts[name].object) if self._changed(name) else None

    def restore(self, name: str, pending: Change | None) -> None:
        """Takes the last change of an attribute back, to what was pending before it."""
        if pending is None:
            self._changes.pop(name, None)
        else:
            self._change(name, pending)

    def clear(self, stays: Callable[[str], bool] = lambda _: False) -> None:
        for name in self.names():
            if not stays(name):
                self.set(name, ABSENT)

    @property
    def dirty(self) -> bool:
        """Whether there is anything to commit."""
        # Asked several times a request: what most have not is not gone through.
        if self._changes and any(self._counts(name, change) for name, change in self._changes.items()):
            return True
        return bool(self._drafts) and any(self._changed(name) for name in self._drafts)

    def take(self) -> dict[str, Change]:
        """Starts a commit: what has changed since the last one. End it with `settle` or `give_back`."""
        delta = {name: Change(draft.object) for name, draft in self._drafts.items() if self._changed(name)}
        changes, self._changes = self._changes, {}
        for name, change in changes.items():
            if self._counts(name, change):
                delta[name] = change
            else:
                self._watch(name, change.value, ABSENT)
        self._in_flight = delta
        self._snapshots = {name: _snapshot(change.value) for name, change in delta.items()}
        return delta

    def settle(self, base: Mapping[str, Any], rebased: bool) -> None:
        """The commit is stored. `rebased`: whether another writer's changes came in."""
        before, self._base = self._base, base
        for name, change in self._in_flight.items():
            self._watch(name, change.value, self._snapshots[name])
        if rebased:
            self._drop_outdated(before)
        self._in_flight = {}
        self._snapshots = {}

    def give_back(self) -> None:
        """The commit failed: its changes are pending again, under those made since."""
        self._changes = {**self._in_flight, **self._changes}
        self._in_flight = {}

    def _change(self, name: str, change: Change) -> None:
        self._drafts.pop(name, None)
        self._changes[name] = change

    def _watch(self, name: str, value: Any, seen: Any) -> None:
        """The application still holds the objects it has set, and may change them further."""
        if name not in self._changes and kind_of(value) in _CONTAINERS:
            self._drafts[name] = _Draft(value, seen)
        else:
            self._drafts.pop(name, None)

    def _drop_outdated(self, before: Mapping[str, Any]) -> None:
        """A draft that lacks what another writer brought in would undo that when compared later."""
        for name, draft in list(self._drafts.items()):
            known = draft.seen if name in self._in_flight else before.get(name, ABSENT)
            current = self._base.get(name, ABSENT)
            is_up_to_date = same(known, current) or same(draft.object, current)
            if current is ABSENT or not is_up_to_date:
                del self._drafts[name]

    def _pending(self, name: str) -> Change | None:
        if not self._changes and not self._in_flight:
            return None
        return self._changes.get(name) or self._in_flight.get(name)

    def _changed(self, name: str) -> bool:
        draft = self._drafts.get(name)
        if draft is None:
            return False
        return not same(draft.object, self._base.get(name, ABSENT) if draft.seen is ABSENT else draft.seen)

    def _counts(self, name: str, change: Change) -> bool:
        """An update counts even if it has made what was there: the store decides whether it is still so."""
        return change.rerun is not None or not same(change.value, self._base.get(name, ABSENT))


def _snapshot(value: Any) -> Any:
    """A copy of an object, where it can be had; one that cannot be copied cannot be stored either."""
    if kind_of(value) not in _CONTAINERS:
        return ABSENT
    try:
        return clone_value(value)
    except ValueProblem:
        return ABSENT
