"""Durations: a text with a unit, or a `timedelta`."""

from __future__ import annotations

import re
from datetime import timedelta

from .errors import OptionError

_SHAPE = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)", re.ASCII)
_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}

#: 400 days: browsers keep no cookie longer (RFC 6265bis, section 5.5). Milliseconds.
LONGEST_LIFETIME = 400 * 86_400_000

#: Such as `30m` or `timedelta(minutes=30)`.
Duration = str | timedelta


def parse_duration(option: str, value: object) -> int:
    """Whole milliseconds, from 1 to 400 days. Raises OptionError for anything else.

    A lifetime that is silently zero signs people out. A number alone is refused: in Python it would be taken for seconds,
    in the options of the other implementations it is milliseconds.
    """
    takes = "takes a duration with its unit, such as '90s', '30m', '12h', '30d', or a timedelta"
    ms: float
    if isinstance(value, timedelta):
        ms = value / timedelta(milliseconds=1)
    else:
        match = _SHAPE.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise OptionError(option, takes)
        ms = float(match[1]) * _UNITS[match[2]]
    if ms > LONGEST_LIFETIME:
        raise OptionError(option, "is longer than the longest possible, 400 days")
    if round(ms) < 1:
        raise OptionError(option, f"must be at least 1 millisecond; it {takes}")
    return round(ms)
