"""The views of the project under test. Each takes what it is to do from the query."""

from __future__ import annotations

from typing import Any

import django.contrib.auth
from asgiref.sync import sync_to_async
from django.contrib import admin, messages
from django.contrib.auth import authenticate, get_user, login, logout, update_session_auth_hash
from django.contrib.auth.views import PasswordResetConfirmView
from django.http import HttpRequest, JsonResponse
from django.urls import path

from sojourn.django import sessions_of


def answer(request: HttpRequest) -> JsonResponse:
    user = request.user
    return JsonResponse(
        {
            "user": user.get_username() if user.is_authenticated else None,
            "principal": request.session.principal,
            "id": request.session.public_id,
            "data": {name: value for name, value in request.session.items() if not name.startswith("_")},
        }
    )


def see(request: HttpRequest) -> JsonResponse:
    return answer(request)


def put(request: HttpRequest) -> JsonResponse:
    for name, value in request.GET.items():
        request.session[name] = value
    return answer(request)


def plain(request: HttpRequest) -> JsonResponse:
    """Does not look at the session."""
    return JsonResponse({})


def sign_in(request: HttpRequest) -> JsonResponse:
    user = authenticate(request, username=request.GET["name"], password=request.GET["password"])
    if "age" in request.GET:
        request.session.set_expiry(int(request.GET["age"]))
    login(request, user)
    return answer(request)


def sign_out(request: HttpRequest) -> JsonResponse:
    logout(request)
    if "say" in request.GET:
        messages.info(request, request.GET["say"])
    return answer(request)


def change_password(request: HttpRequest) -> JsonResponse:
    user: Any = request.user
    user.set_password(request.GET["password"])
    user.save()
    update_session_auth_hash(request, user)
    return answer(request)


def others(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"ended": sessions_of(request).revoke_others()})


async def asign_in(request: HttpRequest) -> JsonResponse:
    """From Django 5 on."""
    user = await django.contrib.auth.aauthenticate(request, username=request.GET["name"], password=request.GET["password"])
    await django.contrib.auth.alogin(request, user)
    return JsonResponse({"id": await request.session.apublic_id(), "principal": await request.session.aprincipal()})


async def asign_out(request: HttpRequest) -> JsonResponse:
    """From Django 5 on."""
    await django.contrib.auth.alogout(request)
    return JsonResponse({"principal": await request.session.aprincipal()})


async def aput(request: HttpRequest) -> JsonResponse:
    user = await sync_to_async(get_user)(request)
    for name, value in request.GET.items():
        await request.session.aset(name, value)
    return JsonResponse({"user": user.get_username() or None, "id": await request.session.apublic_id()})


async def achange_password(request: HttpRequest) -> JsonResponse:
    user: Any = request.user
    # Reads it; the hash of before is not right any more afterwards.
    await sync_to_async(lambda: user.pk)()
    user.set_password(request.GET["password"])
    await user.asave()
    await sync_to_async(update_session_auth_hash)(request, user)
    return JsonResponse({"user": user.get_username()})


class OnlySynchronous:
    """A middleware of before asyncio: what is inside of it runs in a thread."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> Any:
        return self.get_response(request)


urlpatterns = [
    path("admin/", admin.site.urls),
    path("see", see),
    path("put", put),
    path("plain", plain),
    path("in", sign_in),
    path("out", sign_out),
    path("password", change_password),
    path("apassword", achange_password),
    path("others", others),
    path("reset/<uidb64>/<token>/", PasswordResetConfirmView.as_view(success_url="/see")),
    path("aput", aput),
    path("ain", asign_in),
    path("aout", asign_out),
]
