"""The worker that tells of expired sessions."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from sojourn import ExpiredSession
from sojourn.django import SessionStore, session_expired, sessions_of
from sojourn.keys import awaited_key, listens_key

from .. import servers
from ..test_expiry import expire
from .browser import signed_in


@pytest.fixture
def heard() -> Iterator[list[ExpiredSession]]:
    seen: list[ExpiredSession] = []

    def receiver(session: ExpiredSession, **_: Any) -> None:
        seen.append(session)

    session_expired.connect(receiver)
    yield seen
    session_expired.disconnect(receiver)


def test_a_worker_until_it_is_ended(sojourn: Any, ada: Any, heard: list[ExpiredSession], server: Any, prefix: str) -> None:
    sojourn(EXPIRY="reliable")
    signed_in()
    (info,) = sessions_of(ada).list()
    nobodys = SessionStore()
    nobodys["n"] = 1
    nobodys.save()
    for session_id in (info.id, nobodys.public_id):
        expire(server, prefix, str(session_id))
    former = signal.getsignal(signal.SIGTERM)

    def end() -> None:
        keys = [awaited_key(prefix, str(each)[:3]) for each in (info.id, nobodys.public_id)]
        try:
            servers.until(lambda: not server.cli.exists(*keys))
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=end)
    thread.start()
    call_command("sojourn_expiry")
    thread.join()
    assert set(heard) == {
        ExpiredSession(info.id, str(ada.pk), None, "Firefox", "127.0.0.1"),
        ExpiredSession(str(nobodys.public_id)),
    }
    assert server.cli.exists(listens_key(prefix))
    assert signal.getsignal(signal.SIGTERM) == former


def test_the_setting_is_named(sojourn: Any) -> None:
    with pytest.raises(CommandError, match=r"SOJOURN\['EXPIRY'\].*has to be 'reliable'"):
        call_command("sojourn_expiry")
