"""Signed in or out by what stands in the data, without `login` and `logout`."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.signals import user_logged_in
from django.test import RequestFactory

from sojourn import SessionAttributeError
from sojourn.django import SessionStore, sessions_of

from .browser import signed_in


def test_a_user_id_set_by_hand(ada: Any, node: Any) -> None:
    session = SessionStore()
    session["a"] = 1
    session["_auth_user_id"] = str(ada.pk)
    session.save()
    other = node.open(session.session_key)
    assert (other.principal, dict(other)) == (str(ada.pk), {"a": 1})
    key = session.session_key
    del session["_auth_user_id"]
    session.save()
    assert node.open(key).is_new, "signed out"
    other = node.open(session.session_key)
    assert (other.principal, dict(other)) == (None, {"a": 1})
    session["_auth_user_id"] = "0"
    with pytest.raises(SessionAttributeError, match="no user"):
        session.save()


def test_clearing_a_session_signs_out(ada: Any, node: Any) -> None:
    browser = signed_in()
    session = SessionStore(browser.token)
    session.clear()
    session.save()
    assert node.open(browser.token).is_new
    assert node.open(session.session_key).principal is None


def test_a_sign_in_that_leaves_nothing_in_the_session_is_none_of_it(ada: Any) -> None:
    """Packages for tokens of APIs send the signal as well."""
    request = RequestFactory().get("/")
    request.session = SessionStore()
    for is_opened in (False, True):
        user_logged_in.send(sender=type(ada), request=request, user=ada)
        assert request.session.opened == is_opened
        assert request.session.session_key is None
        request.session["a"] = 1
    assert sessions_of(ada).list() == []


def test_a_user_who_is_taken_out_of_the_data_stays_out(ada: Any, node: Any) -> None:
    for change in (
        lambda session: session.modify("n", lambda n: n + 1, 0),
        lambda session: (session.cycle_key(), session.save()),
        lambda session: (session.step_up(2), session.save()),
    ):
        browser = signed_in()
        session = SessionStore(browser.token)
        del session["_auth_user_id"]
        change(session)
        assert node.open(browser.token).is_new
        assert SessionStore(session.session_key).principal is None
        assert SessionStore(session.session_key).get("_auth_user_id") is None
