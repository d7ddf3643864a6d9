"""The page in the admin."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client

from sojourn.django import SessionStore, sessions_of

from .browser import COOKIE, signed_in

PAGE = "/admin/sojourn/session/"


@pytest.fixture
def root(users: Any) -> Client:
    user = users.create_superuser("root", "root@example.org", "root")
    browser = Client(enforce_csrf_checks=False, HTTP_USER_AGENT="Chrome of root")
    browser.force_login(user)
    return browser


def staff(users: Any, *permissions: str) -> Client:
    user = users.create_user("staff", "staff@example.org", "staff", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    browser = Client()
    browser.force_login(user)
    return browser


def text(answer: Any) -> str:
    assert answer.status_code == 200, answer.status_code
    return str(answer.content.decode())


def test_finding_the_sessions_of_a_user(root: Client, ada: Any, grace: Any) -> None:
    browser = signed_in()
    assert PAGE in text(root.get("/admin/"))
    assert "<th>" not in text(root.get(PAGE))
    page = text(root.get(PAGE, {"q": "ada"}))
    (info,) = sessions_of(ada).list()
    assert info.id in page
    assert "Firefox" in page
    assert "127.0.0.1" in page
    assert browser.token not in page
    # Several match.
    page = text(root.get(PAGE, {"q": "example.org"}))
    assert f"?user={ada.pk}" in page
    assert f"?user={grace.pk}" in page
    assert info.id in text(root.get(PAGE, {"user": ada.pk}))
    assert "No sessions" in text(root.get(PAGE, {"user": grace.pk}))
    assert "No user found" in text(root.get(PAGE, {"q": "nobody"}))
    for wrong in ("x", "-1", "<script>"):
        assert "<script>x" not in text(root.get(PAGE, {"user": wrong, "q": "<script>x"}))
    assert "this one" in text(root.get(PAGE, {"q": "root"}))


def test_sessions_of_other_applications(root: Client, node: Any, users: Any) -> None:
    session = node.open()
    session.login("someone-else", device="Safari")
    assert "Safari" in text(root.get(PAGE, {"q": "someone-else"}))
    root.post(f"{PAGE}?q=someone-else", {"all": "1"})
    assert node.open(session.token).is_new


def test_ending_sessions(root: Client, ada: Any) -> None:
    browsers = [signed_in() for _ in range(3)]
    first = sessions_of(ada).list()[0]
    answer = root.post(f"{PAGE}?user={ada.pk}", {"id": first.id}, follow=True)
    assert "1 session was ended" in text(answer)
    assert [each.json("/see")["user"] for each in browsers] == [None, "ada", "ada"]
    assert LogEntry.objects.filter(object_id=str(ada.pk)).count() == 1
    # Again, and by what is none.
    for wrong in (first.id, "x", ""):
        assert "0 sessions were ended" in text(root.post(f"{PAGE}?user={ada.pk}", {"id": wrong}, follow=True))
    assert "2 sessions were ended" in text(root.post(f"{PAGE}?q=ada", {"all": "1"}, follow=True))
    assert sessions_of(ada).list() == []


def test_another_users_session_is_not_ended_by_this_page(root: Client, ada: Any, grace: Any) -> None:
    other = signed_in("grace", "hopper")
    (info,) = sessions_of(grace).list()
    root.post(f"{PAGE}?user={ada.pk}", {"id": info.id})
    assert other.json("/see")["user"] == "grace"


def test_ending_ones_own(root: Client) -> None:
    key = root.cookies[COOKIE].value
    answer = root.post(f"{PAGE}?q=root", {"all": "1"})
    assert answer.status_code == 302
    assert not SessionStore().exists(key)
    assert "login" in root.get(PAGE).headers["location"]


def test_permissions(users: Any, ada: Any) -> None:
    signed_in()
    browser = staff(users)
    assert browser.get(PAGE, {"q": "ada"}).status_code == 403
    assert PAGE not in text(browser.get("/admin/"))
    users.get(username="staff").delete()
    browser = staff(users, "view_session")
    page = text(browser.get(PAGE, {"q": "ada"}))
    assert "<button" not in page.partition("content-main")[2]
    assert browser.post(f"{PAGE}?q=ada", {"all": "1"}).status_code == 403
    assert len(sessions_of(ada).list()) == 1
    users.get(username="staff").delete()
    browser = staff(users, "view_session", "delete_session")
    assert browser.post(f"{PAGE}?q=ada", {"all": "1"}).status_code == 302
    assert sessions_of(ada).list() == []
    assert Client().get(PAGE).status_code == 302


def test_only_by_post_with_csrf(root: Client, ada: Any) -> None:
    signed_in()
    (info,) = sessions_of(ada).list()
    root.get(f"{PAGE}?q=ada&all=1&id={info.id}")
    root.handler.enforce_csrf_checks = True
    assert root.post(f"{PAGE}?q=ada", {"all": "1"}).status_code == 403
    assert len(sessions_of(ada).list()) == 1


def test_a_link_on_the_users_page(root: Client, ada: Any, users: Any) -> None:
    assert f"{PAGE}?user={ada.pk}" in text(root.get(f"/admin/auth/user/{ada.pk}/change/"))
    browser = staff(users, "view_user", "change_user")
    assert PAGE not in text(browser.get(f"/admin/auth/user/{ada.pk}/change/"))
