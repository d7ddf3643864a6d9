"""Answers of our own, where the application has none."""

from __future__ import annotations

import json

from ..errors import SojournError
from .protocol import Message, Scope, Send

#: Seconds after which a client may come again when the store is out of order.
_RETRY_AFTER = b"1"


def is_for_clients(error: SojournError) -> bool:
    """Whether the status tells a client what to do. Others are mistakes of the application, and go on to the server."""
    return error.status != 500


def answer_to(error: SojournError) -> tuple[Message, Message]:
    """Head and body. They say the code only: messages are for operators."""
    body = json.dumps({"error": error.code}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    if error.status == 503:
        headers.append((b"retry-after", _RETRY_AFTER))
    start: Message = {"type": "http.response.start", "status": error.status, "headers": headers}
    return start, {"type": "http.response.body", "body": body}


async def refuse_socket(scope: Scope, send: Send, start: Message, body: Message) -> None:
    """Denies a handshake: with that answer where the server can, else with 403, all that a close can say."""
    if "websocket.http.response" in (scope.get("extensions") or {}):
        await send({**start, "type": "websocket.http.response.start"})
        await send({**body, "type": "websocket.http.response.body"})
    else:
        await send({"type": "websocket.close", "code": 1013 if start["status"] == 503 else 1008})


def forbidden() -> tuple[Message, Message]:
    body = b"this origin may not connect"
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    return (
        {"type": "http.response.start", "status": 403, "headers": headers},
        {"type": "http.response.body", "body": body},
    )
