"""Three-way merges of one attribute that was changed on both sides.

A merge is called with `base`, what both started from (None where the attribute was absent), `theirs`, which is stored
already (None where it was deleted), and `mine`, which is to be committed. It answers the merged value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .errors import OptionError
from .rebase import Merge
from .values import equal_values, primitive_key

_ABSENT = object()


def counter(base: Any, theirs: Any, mine: Any) -> Any:
    """For counters: both increments count."""
    return (theirs or 0) + (mine - (base or 0))


def union(key: str | Callable[[Any], object]) -> Merge:
    """For lists of things that have an identity: what either side added is in, what either side removed is out.

    Of an item that both changed mine stands. `key`: name of the member that identifies an item, or a function that makes
    its identity. Raises OptionError for anything else.
    """
    if not isinstance(key, str) and not callable(key):
        raise OptionError("union", "takes the name of the member that identifies an item, or a function")

    def identity(item: Any) -> object:
        made = key(item) if callable(key) else item.get(key)
        # 1 and True are two things, as they are to the other languages.
        known = primitive_key(made)
        return made if known is None else known

    def index(items: Any) -> dict[object, Any]:
        return {identity(item): item for item in items or ()}

    def merge(base: Any, theirs: Any, mine: Any) -> list[Any]:
        before, ours = index(base), index(mine)
        merged: dict[object, Any] = {}
        for name, item in index(theirs).items():
            if name in ours:
                is_mine_changed = name not in before or not equal_values(ours[name], before[name])
                merged[name] = ours[name] if is_mine_changed else item
            elif name not in before:
                merged[name] = item
        for name, item in ours.items():
            # Removed there but changed here: the change is the later word.
            if name not in merged and (name not in before or not equal_values(item, before[name])):
                merged[name] = item
        return list(merged.values())

    return merge


def fields() -> Merge:
    """For objects: changes to different members both survive; of one member mine stands."""

    def merge(base: Any, theirs: Any, mine: Any) -> dict[str, Any]:
        before: Mapping[str, Any] = base or {}
        merged: dict[str, Any] = dict(theirs or {})
        for name, value in mine.items():
            if not equal_values(value, before.get(name, _ABSENT)):
                merged[name] = value
        for name in before:
            if name not in mine:
                merged.pop(name, None)
        return merged

    return merge
