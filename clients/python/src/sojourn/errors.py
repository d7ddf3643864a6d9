"""Every error that Sojourn raises.

All have the base `SojournError`: a stable `code` to branch on, the HTTP `status` that fits, and a message that says
what went wrong and what to do. Messages never hold a token, a secret or an attribute's value.
"""

from __future__ import annotations

import json
from collections.abc import Sequence


class SojournError(Exception):
    """Base of all. The codes are those of the other implementations."""

    code: str = "ERR_SOJOURN"
    #: HTTP status that fits when the error reaches an error handler.
    status: int = 500


class OptionError(SojournError):
    """An option is missing, unknown or out of range. Raised before any I/O."""

    code = "ERR_SOJOURN_OPTION"

    def __init__(self, option: str, problem: str) -> None:
        super().__init__(f"option `{option}`: {problem}")
        self.option = option


class SessionAttributeError(SojournError):
    """An attribute has a name or a value that cannot be stored. Nothing was written."""

    code = "ERR_SOJOURN_ATTRIBUTE"

    def __init__(self, attribute: str, problem: str) -> None:
        super().__init__(f"attribute {quote(attribute)}: {problem}")
        self.attribute = attribute


class SessionTooLargeError(SojournError):
    """The encoded session is larger than `max_bytes`. Nothing was written."""

    code = "ERR_SOJOURN_TOO_LARGE"

    def __init__(self, size: int, max_bytes: int, largest: Sequence[tuple[str, int]]) -> None:
        names = ", ".join(f"{quote(name)} ({count})" for name, count in largest)
        super().__init__(
            f"the session has {size} bytes, max_bytes is {max_bytes}; largest attributes: {names or 'none'}. "
            "Keep large values elsewhere and their keys in the session, or raise max_bytes."
        )
        self.bytes = size
        self.max_bytes = max_bytes
        #: The largest attributes first, at most five, sizes in bytes as encoded.
        self.largest = tuple(largest)


class SessionConflictError(SojournError):
    """Other writers changed or moved the session at each of the bounded attempts. Nothing was written."""

    code = "ERR_SOJOURN_CONFLICT"
    status = 503

    def __init__(self, attempts: int) -> None:
        super().__init__(f"other writers changed the session during each of {attempts} attempts; try again")


class SessionEndedError(SojournError):
    """The session was ended (logout, revocation, expiry) and cannot be written any more."""

    code = "ERR_SOJOURN_ENDED"
    status = 409

    def __init__(self, operation: str) -> None:
        super().__init__(f"{operation}: this session has ended; start with a new request")


class SessionLimitError(SojournError):
    """The principal has as many sessions as it may, and the policy is `reject`. Nothing was written."""

    code = "ERR_SOJOURN_SESSION_LIMIT"
    status = 409

    def __init__(self, max: int, kind: str | None = None) -> None:  # noqa: A002 (the option's name)
        which = "" if kind is None else f" of kind {quote(kind)}"
        super().__init__(
            f"login: the principal has {max} session{'' if max == 1 else 's'}{which} already, and may have no more; "
            "one has to be ended first"
        )
        self.max = max
        #: The kind of client whose own limit it is; None: that of all sessions.
        self.kind = kind


class SessionElsewhereError(SojournError):
    """The session is in a region that is not reached from here. Nothing was asked."""

    code = "ERR_SOJOURN_ELSEWHERE"
    status = 421

    def __init__(self, operation: str, region: int) -> None:
        super().__init__(f"{operation}: region number {region} is not reached from here; send the request there")
        self.region = region


class HeadersSentError(SojournError):
    """The headers have gone out: what needs a new cookie comes too late. Nothing was written."""

    code = "ERR_SOJOURN_HEADERS_SENT"

    def __init__(self, operation: str) -> None:
        super().__init__(f"{operation}: the headers have been sent, and no cookie can be set any more; call it earlier")


class NotSignedInError(SojournError):
    """The operation is for a principal's session, and this one is nobody's."""

    code = "ERR_SOJOURN_NOT_SIGNED_IN"
    status = 401

    def __init__(self, operation: str) -> None:
        super().__init__(f"{operation}: nobody is signed in; login comes first")


class StoreUnavailableError(SojournError):
    """Redis did not answer in time, could not be reached, or cannot serve at the moment."""

    code = "ERR_SOJOURN_STORE_UNAVAILABLE"
    status = 503

    def __init__(self, problem: str, indeterminate: bool) -> None:
        super().__init__(problem)
        #: True when the command was sent and its effect is unknown; False when it was surely not carried out.
        self.indeterminate = indeterminate


class StoreRefusedError(SojournError):
    """Redis answered and refused: out of memory, no permission, read-only, persistence failing."""

    code = "ERR_SOJOURN_STORE_REFUSED"
    status = 503

    def __init__(self, reason: str, problem: str) -> None:
        super().__init__(problem)
        #: The first word of the server's answer: `OOM`, `NOPERM`, `NOAUTH`, `READONLY`, `MISCONF`, …
        self.reason = reason


def quote(name: str) -> str:
    """Names come from applications and sometimes from users: shortened, control characters escaped."""
    return json.dumps(name if len(name) <= 60 else f"{name[:57]}...")
