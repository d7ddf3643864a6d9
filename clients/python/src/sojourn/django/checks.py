"""`manage.py check`: what is wrong with the settings of sessions, before the first request finds out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.conf import global_settings, settings
from django.core import checks
from django.core.exceptions import FieldDoesNotExist

from ..duration import parse_duration
from . import configuration
from .clients import verify

ENGINE = "sojourn.django"
#: What the other implementations call it.
_COMMON_NAME = "__Host-session"


def check_settings(**_: Any) -> list[checks.CheckMessage]:
    found: list[checks.CheckMessage] = [*_engine(), *_serializer(), *_cookie()]
    try:
        given = configuration.read()
        verify(given)
    except configuration.ConfigurationError as error:
        return [*found, checks.Error(str(error), id="sojourn.E001")]
    return [*found, *_principal(given), *_lifetimes(given)]


def check_deployment(**_: Any) -> list[checks.CheckMessage]:
    """With `--deploy` only: right for a development server, and not for others to reach."""
    if settings.SESSION_COOKIE_NAME.lower().startswith("__host-"):
        return []
    return [
        checks.Warning(
            f"SESSION_COOKIE_NAME is {settings.SESSION_COOKIE_NAME!r}: other hosts of the domain can set this cookie too.",
            hint=f"SESSION_COOKIE_NAME = {_COMMON_NAME!r} and SESSION_COOKIE_SECURE = True, without a domain; "
            "it is also the name under which applications that do not run on Django look for it.",
            id="sojourn.W005",
        )
    ]


def _engine() -> Sequence[checks.CheckMessage]:
    if settings.SESSION_ENGINE == ENGINE:
        return []
    hint = f"SESSION_ENGINE = {ENGINE!r}"
    return [checks.Warning(f"{ENGINE} is installed, and SESSION_ENGINE is another.", hint=hint, id="sojourn.W001")]


def _serializer() -> Sequence[checks.CheckMessage]:
    if "pickle" not in settings.SESSION_SERIALIZER.lower():
        return []
    return [
        checks.Warning(
            "SESSION_SERIALIZER is not used: values are stored as the Sojourn protocol says, and never pickled.",
            hint="Remove it; what is no text, number, date, list or dict has to be made one of these.",
            id="sojourn.W002",
        )
    ]


def _cookie() -> Sequence[checks.CheckMessage]:
    name = settings.SESSION_COOKIE_NAME
    found: list[checks.CheckMessage] = []
    if name == global_settings.SESSION_COOKIE_NAME:
        found.append(
            checks.Warning(
                f"SESSION_COOKIE_NAME is {name!r}, Django's default: who signs in to an application that does not run on "
                "Django is nobody here, and the other way round, for they use another name.",
                hint=f"The name that they use: SESSION_COOKIE_NAME = {_COMMON_NAME!r} and SESSION_COOKIE_SECURE = True, "
                "for development without TLS 'session' and False. Where there are no others: SILENCED_SYSTEM_CHECKS.",
                id="sojourn.W006",
            )
        )
    if settings.DEBUG and settings.SESSION_COOKIE_SECURE:
        found.append(
            checks.Warning(
                "DEBUG is on, and SESSION_COOKIE_SECURE too: over plain HTTP, as from runserver, no sign-in lasts. Not all "
                "browsers keep a Secure cookie from http://localhost, and none from another host.",
                hint="For development without TLS: SESSION_COOKIE_SECURE = False and SESSION_COOKIE_NAME = 'session'. "
                "With TLS: SILENCED_SYSTEM_CHECKS.",
                id="sojourn.W007",
            )
        )
    return found


def _principal(given: configuration.Configuration) -> Sequence[checks.CheckMessage]:
    rule = given.principal
    if callable(rule):
        if given.bridge is not None:
            return []
        return [
            checks.Warning(
                "SOJOURN['PRINCIPAL'] is a function, and there is no SOJOURN['BRIDGE']: who signs in to another "
                "application is nobody here.",
                id="sojourn.W003",
            )
        ]
    if given.bridge is not None and not given.principal_given:
        return [
            checks.Warning(
                "SOJOURN['BRIDGE'] is given, and SOJOURN['PRINCIPAL'] is not: users who sign in here are named by the "
                "primary key. Where others name them otherwise, one who signs in here and there is two to all of them.",
                hint="SOJOURN['PRINCIPAL']: a field, or a function, for the name that BRIDGE takes; 'pk' if that is it.",
                id="sojourn.W008",
            )
        ]
    if rule == "pk":
        return []
    model = apps.get_model(settings.AUTH_USER_MODEL)
    try:
        field = model._meta.get_field(rule)
    except FieldDoesNotExist:
        return [checks.Error(f"SOJOURN['PRINCIPAL']: {model.__name__} has no field {rule!r}.", id="sojourn.E002")]
    alone = any(tuple(constraint.fields) == (rule,) for constraint in model._meta.total_unique_constraints)
    if not alone and not getattr(field, "unique", False):
        return [
            checks.Error(
                f"SOJOURN['PRINCIPAL']: two users may have the same {rule!r}, and would have each other's sessions.",
                hint="Take a field that is unique, or make it so. Where a constraint on an expression sees to it: "
                "SILENCED_SYSTEM_CHECKS.",
                id="sojourn.E003",
            )
        ]
    return []


def _lifetimes(given: configuration.Configuration) -> Sequence[checks.CheckMessage]:
    idle = parse_duration("idle_timeout", given.options["idle_timeout"])
    if not settings.is_overridden("SESSION_COOKIE_AGE") or idle == settings.SESSION_COOKIE_AGE * 1000:
        return []
    return [
        checks.Warning(
            "SESSION_COOKIE_AGE and SOJOURN['IDLE_TIMEOUT'] differ: the latter holds.",
            hint="Remove one of them.",
            id="sojourn.W004",
        )
    ]
