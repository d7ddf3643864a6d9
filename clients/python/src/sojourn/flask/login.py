"""Flask-Login beside other applications: one sign-in for all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flask

from .session import FlaskSession

#: What Flask-Login has just set, and keeps until its own answer is through.
_OWN = ("_user_id", "_fresh", "_id", "_remember", "_remember_seconds")
_AFTER_LOGOUT = ("_remember", "_remember_seconds")


def follow_flask_login(
    app: flask.Flask,
    login_manager: Any,
    user_of: Callable[[str], Any],
    *,
    principal_of: Callable[[Any], str] = lambda user: str(user.get_id()),
    user_by_id: Callable[[str], Any] | None = None,
) -> None:
    """Makes `login_user` and `logout_user` those of all applications, and whoever has signed in elsewhere `current_user`.

    - `user_of`: the user of a principal, or None for one that is not known here: nobody is signed in then.
    - `principal_of`: the text by which all applications know the user. Default: the id that Flask-Login uses.
    - `user_by_id`: the user of such an id, for its remember cookie, where ids are no principals.

    They take the place of `user_loader` and `request_loader`, for the session's principal says who is signed in.
    `login_user` gives the session a new token; what was in it goes along, unless it was another principal's. `logout_user`
    ends the session everywhere, with all that is in it. Flask-Login's session protection `strong` takes who has signed in
    elsewhere for an intruder: leave it at `basic`.
    """
    from flask_login import user_loaded_from_cookie, user_logged_in, user_logged_out  # noqa: PLC0415 (optional)

    def signed_in(_: Any, user: Any) -> None:
        session = _session()
        principal = principal_of(user)
        keep = _OWN if session.principal not in (None, principal) else list(session)
        session.login(principal, keep=keep, persistent=session.permanent)

    def signed_out(_: Any, **__: Any) -> None:
        session = _session()
        left = {name: session[name] for name in _AFTER_LOGOUT if name in session}
        session.logout()
        session.update(left)

    def by_principal(_: Any) -> Any:
        principal = _session().principal
        return None if principal is None else user_of(principal)

    def by_id(user_id: str) -> Any:
        session = _session()
        if session.principal is None and session.is_pending("_user_id"):
            # Of the remember cookie: the user whom it names is signed in next.
            return (user_by_id or user_of)(user_id)
        # Where another application has signed somebody else in or out, what Flask-Login has kept says nothing any more.
        user = by_principal(None)
        return user if user is not None and str(user.get_id()) == user_id else None

    @app.before_request
    def look() -> None:
        # Flask-Login looks at each request's session, but after the view, where errors have no handlers any more.
        _ = _session().is_new

    login_manager.user_loader(by_id)
    login_manager.request_loader(by_principal)

    # Signals hold what they call weakly, and nobody else holds these.
    user_logged_in.connect(signed_in, app, weak=False)
    user_loaded_from_cookie.connect(signed_in, app, weak=False)
    user_logged_out.connect(signed_out, app, weak=False)


def _session() -> FlaskSession:
    session: Any = flask.session
    current: FlaskSession = session._get_current_object()
    return current
