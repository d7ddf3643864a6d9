"""What a request did to the attributes, and how that is carried over to another writer's state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .values import clone_value, equal_values

Merge = Callable[[Any, Any, Any], Any]


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


#: Instead of a value: there is none. (None is a value.)
ABSENT = _Absent()


@dataclass(frozen=True, slots=True)
class Change:
    """One changed attribute: its new value (`ABSENT`: deleted), or how to make it from the stored one."""

    value: Any
    #: Runs again on the stored value after a conflict, instead of a merge.
    rerun: Callable[[Any], Any] | None = None


Delta = Mapping[str, Change]


def same(a: Any, b: Any) -> bool:
    """As `equal_values`, where either may be absent."""
    if a is ABSENT or b is ABSENT:
        return a is b
    return equal_values(a, b)


def apply_delta(attributes: Mapping[str, Any], delta: Delta) -> dict[str, Any]:
    """The attributes with the delta applied; the ones that are given stay as they are."""
    result = dict(attributes)
    for name, change in delta.items():
        if change.value is ABSENT:
            result.pop(name, None)
        else:
            result[name] = change.value
    return result


def rebase(
    delta: Delta, base: Mapping[str, Any], theirs: Mapping[str, Any], merges: Mapping[str, Merge]
) -> dict[str, Change]:
    """Attributes that only one side changed need nothing.

    For those that both changed: an `update` runs again, a named merge decides, and without one the later commit wins,
    which is mine. My deletion stands.
    """
    rebased: dict[str, Change] = {}
    for name, change in delta.items():
        before, stored = base.get(name, ABSENT), theirs.get(name, ABSENT)
        if same(before, stored):
            rebased[name] = change
        elif change.rerun is not None:
            rebased[name] = Change(change.rerun(stored), change.rerun)
        elif name in merges and change.value is not ABSENT:
            # Copies: a merge that changes its arguments must not reach what later attempts start from.
            arguments = (clone_value(None if value is ABSENT else value) for value in (before, stored, change.value))
            rebased[name] = Change(merges[name](*arguments))
        else:
            rebased[name] = change
    return rebased


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Change]:
    """The delta that makes the one of the other."""
    delta = {name: Change(ABSENT) for name in before if name not in after}
    for name, value in after.items():
        if not same(value, before.get(name, ABSENT)):
            delta[name] = Change(value)
    return delta
