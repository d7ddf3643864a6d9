"""Values of all kinds, with a taste for the edges. The same seed makes the same ones."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone
from typing import Any

from sojourn import BigInt, Map

TEXTS = ["", "a", "Zoë 🙂", '\u2028\0"\\', "__proto__", "$date", "1", "x" * 300, "\U0010ffff"]
NUMBERS = [0, 1, -1, 127, 128, -32, -33, 255, 256, 65535, 65536, 2**32, -(2**31), 2**53 - 1, -(2**53 - 1)]
BIGINTS = [2**53, 2**63, 2**64, -(2**63), -(2**64), 10**100, BigInt(3), BigInt(-128)]
FLOATS = [0.0, -0.0, 1.5, 3.0, 1e20, 5e-324, 1.7e308, float("nan"), float("inf"), float("-inf")]
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
DATES = [EPOCH + timedelta(milliseconds=ms) for ms in (0, -1, 1732440000123, 2**32 * 1000, 2**34 * 1000)]
ENDS = [datetime.min.replace(tzinfo=timezone.utc), datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=timezone.utc)]


def random_value(rng: random.Random, depth: int = 0) -> Any:
    def many() -> list[Any]:
        return [random_value(rng, depth + 1) for _ in range(rng.randrange(4))]

    def keys() -> list[Any]:
        return rng.sample([*TEXTS, *NUMBERS, None, 1.5, b"\x01", (1, "a"), DATES[0]], rng.randrange(4))

    simple = [None, True, False, *TEXTS, *NUMBERS, *BIGINTS, *FLOATS, *DATES, *ENDS, rng.randbytes(rng.randrange(40))]
    made = [
        lambda: rng.choice(simple),
        many,
        lambda: dict(zip(rng.sample(TEXTS, 4), many(), strict=False)),
        lambda: Map(zip(keys(), many(), strict=False)),
        lambda: set(keys()),
    ]
    return rng.choice(made[: 1 if depth > 3 else None])()
