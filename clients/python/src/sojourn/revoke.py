"""Ends sessions by their public ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import SessionConflictError
from .record import is_trail, read_header
from .steps import Op
from .token import is_session_id
from .trail import successor_of

if TYPE_CHECKING:
    from .store import Store

#: Rotations within one grace make a chain of forwards.
_MOST_STEPS = 64


def revoke_by_id(store: Store, asked: str, owner_tag: str | None = None) -> Op[str | None]:
    """Also by the id of before a rotation: what reaches only the forward would leave the session alive.

    `owner_tag`: only if the session is this principal's. Answers with the id under which it was ended, None when there is
    none. Raises SessionConflictError when rotations have led on 64 times: it may still be alive.
    """
    if not is_session_id(asked):
        return None
    session_id = asked
    stored = yield from store.load(session_id)
    for _ in range(_MOST_STEPS):
        if stored is None:
            return None
        if is_trail(stored.record):
            successor = successor_of(stored.record)
            if successor is None:
                return None
            session_id = successor
            stored = yield from store.load(session_id)
            continue
        header = read_header(stored.record)
        owner = None if header is None else header.owner_tag
        if owner_tag is not None and owner != owner_tag:
            return None
        # Whatever has been written meanwhile: an id keeps its owner. Of a rotation the forward is followed.
        result = yield from store.destroy(session_id, owner, any_record=True)
        if result.ended is not None:
            return session_id
        stored = result.stored
    if stored is not None:
        raise SessionConflictError(_MOST_STEPS)
    return None
