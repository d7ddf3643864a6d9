"""The routes of ../../express/app.mjs.

Only JSON is taken, and the session's cookie is SameSite=Lax: no form of another site reaches these views.
"""

import json
from datetime import datetime, timezone

from django.contrib.auth import authenticate, login, logout, update_session_auth_hash
from django.http import HttpRequest, HttpResponse, JsonResponse

from sojourn.django import sessions_of

DONE = 204


def sign_in(request: HttpRequest) -> HttpResponse:
    given = json.loads(request.body)
    user = authenticate(request, username=given["user"], password=given["password"])
    if user is None:
        return HttpResponse(status=401)
    login(request, user)
    return HttpResponse(status=DONE)


def me(request: HttpRequest) -> JsonResponse:
    user = request.user
    shown = {name: value for name, value in request.session.items() if not name.startswith("_") and name != "values"}
    return JsonResponse(
        {"user": user.get_username() if user.is_authenticated else None, "id": request.session.public_id, **shown}
    )


def attribute(request: HttpRequest, name: str) -> HttpResponse:
    if request.method == "DELETE":
        request.session.pop(name, None)
    else:
        request.session[name] = json.loads(request.body)["value"]
    return HttpResponse(status=DONE)


def visit(request: HttpRequest) -> HttpResponse:
    """Read, then changed: what others do meanwhile is merged by the rule in the settings."""
    request.session["visits"] = request.session.get("visits", 0) + 1
    return HttpResponse(status=DONE)


def rotate(request: HttpRequest) -> HttpResponse:
    request.session.rotate()
    return HttpResponse(status=DONE)


def devices(request: HttpRequest) -> JsonResponse:
    found = sessions_of(request).list()
    return JsonResponse([{"id": one.id, "device": one.device, "current": one.current} for one in found], safe=False)


def device(request: HttpRequest, id: str) -> HttpResponse:
    return HttpResponse(status=DONE if sessions_of(request).revoke(id) else 404)


def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return HttpResponse(status=DONE)


def sign_out_others(request: HttpRequest) -> HttpResponse:
    sessions_of(request).revoke_others()
    return HttpResponse(status=DONE)


def password(request: HttpRequest) -> HttpResponse:
    """Django's own way: `save` ends the user's sessions in all three applications, but for the one that is going on here."""
    given = json.loads(request.body)
    user = request.user
    if not user.is_authenticated or not user.check_password(given["old"]):
        return HttpResponse(status=403)
    user.set_password(given["password"])
    user.save()
    update_session_auth_hash(request, user)
    return HttpResponse(status=DONE)


def values(request: HttpRequest) -> HttpResponse:
    """All kinds of values that the three languages share, and what they are here."""
    if request.method == "POST":
        request.session["values"] = {
            "text": "Grüße, 世界",
            "yes": True,
            "nothing": None,
            "whole": 9007199254740991,
            "huge": 2**80,
            "float": 0.1,
            "price": "12.50",
            "moment": datetime(2026, 2, 3, 4, 5, 6, 789000, tzinfo=timezone.utc),
            "bytes": bytes([0, 127, 255]),
            "list": [1, "two", [3]],
            "set": {"a", "b"},
        }
        return HttpResponse(status=DONE)
    found = dict(request.session["values"])
    found["huge"] = str(found["huge"])
    found["moment"] = found["moment"].isoformat(timespec="milliseconds").replace("+00:00", "Z")
    found["bytes"] = found["bytes"].hex()
    found["set"] = sorted(found["set"])
    return JsonResponse(found)
