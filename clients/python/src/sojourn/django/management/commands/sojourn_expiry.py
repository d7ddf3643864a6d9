"""`manage.py sojourn_expiry`: a worker that tells of expired sessions."""

from __future__ import annotations

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import close_old_connections

from ....errors import OptionError
from ....expiry import ExpiredSession
from ...configuration import renamed
from ...engine import get_sessions
from ...signals import session_expired


class Command(BaseCommand):
    help = (
        "Sends the signal sojourn.django.session_expired for each session that expires, until SIGTERM or SIGINT ends it. "
        'Needs SOJOURN["EXPIRY"] = "reliable". Of several of these one sends it for each session.'
    )

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 (Django's)
        stop = threading.Event()
        former = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            get_sessions().tell_expired(_send, stop)
        except OptionError as error:
            raise CommandError(str(renamed(error))) from None
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)


def _send(session: ExpiredSession) -> None:
    # What the database has closed meanwhile is opened anew, as at the start of a request.
    close_old_connections()
    try:
        session_expired.send(ExpiredSession, session=session)
    finally:
        close_old_connections()
