"""A page that finds the sessions of a user, in all applications, and ends them.

Permissions: `sojourn.view_session` to see them, `sojourn.delete_session` to end them. Only public ids are shown.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist, PermissionDenied, ValidationError
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ..errors import SojournError
from .auth import principal_of
from .models import Session
from .principals import sessions_of

#: More users than that are no answer to a search.
_MOST_USERS = 50


@admin.register(Session)
class SessionAdmin(admin.ModelAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def get_urls(self) -> list[URLPattern]:
        return [path("", self.admin_site.admin_view(self.page), name="sojourn_session_changelist")]

    def page(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        asked = request.GET.get("q", "").strip()
        users, principal = _found(request.GET.get("user"), asked)
        user = users[0] if len(users) == 1 else None
        if user is not None:
            principal = principal_of(user)
        if request.method == "POST" and principal is not None:
            return self._end(request, principal, user)
        sessions = [] if principal is None else _sessions(request, principal).list()[::-1]
        if user is None and not sessions:
            principal = None
        context = {
            **self.admin_site.each_context(request),
            "title": _("Sessions"),
            "opts": self.opts,
            "asked": asked,
            "users": users if user is None else [],
            "user_found": user,
            "principal": principal,
            "sessions": sessions,
            "may_end": self.has_delete_permission(request),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/sojourn/session/page.html", context)

    def _end(self, request: HttpRequest, principal: str, user: Any) -> HttpResponse:
        if not self.has_delete_permission(request):
            raise PermissionDenied
        sessions = _sessions(request, principal)
        try:
            count = sessions.revoke_all() if "all" in request.POST else int(sessions.revoke(request.POST.get("id", "")))
        except SojournError as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            said = ngettext("%(count)d session was ended.", "%(count)d sessions were ended.", count) % {"count": count}
            if user is not None and count:
                self.log_change(request, user, said)
            if not request.session.exists(request.session.session_key):
                # One's own: there is nobody to tell it to.
                return HttpResponseRedirect(request.path)
            self.message_user(request, said, messages.SUCCESS if count else messages.WARNING)
        again = {"user": user.pk} if user is not None else {"q": principal}
        return HttpResponseRedirect(f"{request.path}?{urlencode(again)}")


def _sessions(request: HttpRequest, principal: str) -> Any:
    """With one's own session marked, where it is one of them."""
    is_own = request.session.principal == principal
    return sessions_of(request if is_own else principal)


def _found(pk: str | None, asked: str) -> tuple[list[Any], str | None]:
    """The users that are meant, or the principal, which another application may know."""
    users = get_user_model()._default_manager
    if pk is not None:
        try:
            return list(users.filter(pk=pk)), None
        except (ValueError, TypeError, ValidationError):
            return [], None
    if not asked:
        return [], None
    like = Q()
    for name in _search_fields():
        like |= Q(**{f"{name}__icontains": asked})
    found = list(users.filter(like).order_by("pk")[:_MOST_USERS])
    exact = [user for user in found if user.get_username() == asked]
    return exact or found, None if found else asked


def _search_fields() -> set[str]:
    model = get_user_model()
    fields = {model.USERNAME_FIELD, model.get_email_field_name()}
    known = set()
    for name in fields:
        try:
            model._meta.get_field(name)
        except FieldDoesNotExist:
            continue
        known.add(name)
    return known
