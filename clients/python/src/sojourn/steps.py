"""What an operation asks of the world.

Operations are generators: they yield steps and are sent the answers, and know nothing of connections, threads or event
loops. A driver (`drivers.py`) carries the steps out, at once or awaited. What fails is thrown into the generator as
StoreUnavailableError or StoreRefusedError.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from .lua import Script


class Read(NamedTuple):
    """`GET` and `PTTL` of a record, sent together; answered by both. The second is None where it is not to be asked."""

    key: str
    with_ttl: bool = True


@dataclass(frozen=True, slots=True)
class Run:
    """A script; answered by what it answers. The first key names the server of a Cluster."""

    script: Script
    keys: tuple[str, ...]
    args: tuple[bytes | str | int, ...]


class Command(NamedTuple):
    """A command of its own; answered by what redis-py makes of its answer."""

    args: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Pause:
    """`ms`: milliseconds. Answered by nothing."""

    ms: float


Step = Read | Run | Command | Pause
T = TypeVar("T")
#: An operation with a result of type T.
Op = Generator[Step, Any, T]
