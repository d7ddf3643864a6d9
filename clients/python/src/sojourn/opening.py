"""From what a request brings to its session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .errors import OptionError
from .reader import Nothing
from .repository import Repository
from .state import SessionState
from .steps import Op
from .token import Token, looks_like_token

#: A flood of cookies with our name costs at most so many checks.
_MOST_CANDIDATES = 8
#: What becomes of a request whose session cannot be read: it fails, or goes on with nobody's.
_OUTAGES = ("fail", "anonymous")


def check_outage(policy: Any) -> str:
    """Raises OptionError."""
    if policy in _OUTAGES:
        return str(policy)
    raise OptionError("outage", "takes 'fail' or 'anonymous'")


def presented(repository: Repository, *texts: str | None) -> list[Token] | SessionState:
    """Nobody's session for what is no token of ours: that is known without asking the store."""
    tokens: list[Token] = []
    for text in texts[:_MOST_CANDIDATES]:
        token = None if text is None else repository.reader.token_of(text)
        if token is not None:
            tokens.append(token)
        elif text:
            repository.events.emit("rejected", id=None, reason="forged" if looks_like_token(text) else "malformed")
    return tokens or SessionState(repository, None, None, False)


def open_session(repository: Repository, tokens: Sequence[Token]) -> Op[SessionState]:
    """The first that is alive. Tokens that open nothing give nobody's session, as a request without a cookie has it."""
    nothing: SessionState | None = None
    for token in tokens:
        loaded = yield from repository.reader.load(token)
        if not isinstance(loaded, Nothing):
            live = loaded.live
            state = SessionState(repository, token, live, False)
            if live.token.id == token.id:
                if live.former is not None:
                    yield from repository.rotations.settle(live)
                if live.rotate_at <= repository.settings.clock.now():
                    state.due_for_rotation()
            return state
        state = SessionState(repository, token, None, loaded.keeps_cookie)
        # One that has been replaced says most: the browser may have a newer cookie by now.
        if nothing is None or (state.ended is not None and nothing.ended is None):
            nothing = state
    return nothing or SessionState(repository, None, None, False)


def unreached(repository: Repository, tokens: Sequence[Token], policy: str) -> SessionState:
    """Nobody's session, for a request whose own could not be asked for: nothing is stored that would replace its cookie."""
    repository.events.emit("outage", id=tokens[0].id, policy=policy)
    state = SessionState(repository, None, None, False)
    state.is_unknown = True
    return state
