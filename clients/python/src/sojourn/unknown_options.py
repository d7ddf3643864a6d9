"""What is said of an option that there is none of."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def unknown_option(name: str, known: Iterable[str]) -> str:
    """The nearest name, or all of them where none is near."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, 1)
    return f"is not known; did you mean {close[0]!r}?" if close else f"is not known; there are {', '.join(names)}"
