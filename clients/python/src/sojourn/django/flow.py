"""What Django has twice, to be called and to be awaited, is written once: as a generator of what is to be done, operations
of sessions and functions that may ask the database. It is sent what comes of each.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import Any, TypeVar

from asgiref.sync import sync_to_async

from ..steps import Op
from .engine import engine

T = TypeVar("T")
Flow = Generator[Op[Any] | Callable[[], Any], Any, T]


def called(flow: Flow[T]) -> T:
    answer: Any = None
    failure: Exception | None = None
    while True:
        try:
            work = flow.send(answer) if failure is None else flow.throw(failure)
        except StopIteration as done:
            result: T = done.value
            return result
        answer, failure = None, None
        try:
            answer = work() if callable(work) else engine().run(work)
        except Exception as error:
            failure = error


async def awaited(flow: Flow[T], run: Callable[[Op[Any]], Awaitable[Any]]) -> T:
    """`run`: carries out what is for a driver. Functions get a thread."""
    answer: Any = None
    failure: Exception | None = None
    while True:
        try:
            work = flow.send(answer) if failure is None else flow.throw(failure)
        except StopIteration as done:
            result: T = done.value
            return result
        answer, failure = None, None
        try:
            answer = await (sync_to_async(work)() if callable(work) else run(work))
        except Exception as error:
            failure = error
