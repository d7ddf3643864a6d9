"""What several files of tests do with a node, which is a `Sessions` or, as if it were called, an `AsyncSessions`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def told(node: Any, *names: str) -> list[tuple[str, Any]]:
    """What the node tells of, in its order."""
    heard: list[tuple[str, Any]] = []

    def listener(name: str) -> Callable[[Any], None]:
        return lambda details: heard.append((name, details))

    for name in names:
        node.on(name, listener(name))
    return heard


def later(node: Any, ms: int) -> None:
    """For this node it is later than it is."""
    clock = node._repository.settings.clock
    clock._offset += ms


def stored(node: Any, **attributes: Any) -> Any:
    session = node.open()
    for name, value in attributes.items():
        session[name] = value
    session.commit()
    return session


def signed_in(node: Any, principal: str = "ada", **options: Any) -> Any:
    session = node.open()
    session.login(principal, **options)
    return session
