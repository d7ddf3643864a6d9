"""What `settings.SOJOURN` says, checked. Names are taken in upper and in lower case."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends import signed_cookies
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from ..duration import parse_duration
from ..errors import OptionError
from ..merge import counter, fields, union
from ..opening import check_outage
from ..options import option_names
from ..unknown_options import unknown_option

#: Beside the options of `Sessions`.
OWN = ("redis", "principal", "bridge", "login_options", "former", "outage")
#: Options of `Sessions` that are said elsewhere.
_ELSEWHERE = {
    "cookie": "is said by the settings SESSION_COOKIE_NAME, SESSION_COOKIE_SECURE and the like",
    "namespace": "is always django here",
}
_LEAST_ABSOLUTE = timedelta(hours=12)
#: What the options of the cookie are called in Django's settings.
_COOKIE = {
    "cookie.name": "SESSION_COOKIE_NAME",
    "cookie.secure": "SESSION_COOKIE_SECURE",
    "cookie.same_site": "SESSION_COOKIE_SAMESITE",
    "cookie.path": "SESSION_COOKIE_PATH",
    "cookie.domain": "SESSION_COOKIE_DOMAIN",
}


class ConfigurationError(OptionError, ImproperlyConfigured):
    """A setting is missing, unknown or out of range. `option`: its name, as it stands in the settings."""


@dataclass(frozen=True, slots=True)
class Former:
    """The engine of before, and its cookie."""

    engine: str
    cookie_name: str


@dataclass(frozen=True, slots=True, repr=False)
class Configuration:
    #: As given: a URL or a dict; `clients.py` knows them.
    redis: Any
    #: Of `Sessions`.
    options: Mapping[str, Any]
    #: `pk`, the name of a field, or a function from a user to the principal.
    principal: str | Callable[[Any], str]
    #: Whether that was said, and not left as it is.
    principal_given: bool
    #: From a principal to a user, or None.
    bridge: Callable[[str], Any] | None
    #: From a request and a user to further options of `login`.
    login_options: Callable[[Any, Any], Mapping[str, Any]] | None
    former: Former | None
    #: What becomes of requests while Redis cannot be reached: `fail` or `anonymous`.
    outage: str


def known_names() -> list[str]:
    return sorted({*OWN, *option_names()} - set(_ELSEWHERE))


def read() -> Configuration:
    """Raises ConfigurationError. Values of the options are checked by `Sessions`, see `renamed`."""
    given = getattr(settings, "SOJOURN", None)
    if not isinstance(given, Mapping):
        raise ConfigurationError("SOJOURN", "is missing: SOJOURN = {'REDIS': 'redis://127.0.0.1:6379', 'SECRETS': [...]}")
    known = known_names()
    options: dict[str, Any] = {}
    for name, value in given.items():
        lower = str(name).lower()
        if lower in _ELSEWHERE:
            raise ConfigurationError(setting(lower), _ELSEWHERE[lower])
        if lower not in known:
            raise ConfigurationError(setting(str(name)), unknown_option(str(name).upper(), map(str.upper, known)))
        if lower in options:
            raise ConfigurationError(setting(lower), "is given twice, in upper and in lower case")
        options[lower] = value
    own = {name: options.pop(name, None) for name in OWN}
    if not own["redis"]:
        raise ConfigurationError(setting("redis"), "is missing: a URL as redis://127.0.0.1:6379, or a dict")
    if "secrets" not in options:
        raise ConfigurationError(setting("secrets"), "is missing: [current, *former], each at least 32 bytes")
    options["merge"] = _merges(options.get("merge"))
    options["cookie"] = _cookie()
    options["namespace"] = "django"
    options.setdefault("idle_timeout", timedelta(seconds=settings.SESSION_COOKIE_AGE))
    options.setdefault("absolute_timeout", _absolute(options["idle_timeout"]))
    return Configuration(
        redis=own["redis"],
        options=options,
        principal=_principal(own["principal"]),
        principal_given=own["principal"] is not None,
        bridge=_function("bridge", own["bridge"]),
        login_options=_function("login_options", own["login_options"]),
        former=_former(own["former"]),
        outage=_outage(own["outage"]),
    )


def setting(option: str) -> str:
    """The name that an option has in the settings."""
    if option in _COOKIE:
        return _COOKIE[option]
    head, bracket, rest = option.partition("[")
    return f"SOJOURN[{head.upper()!r}]{bracket}{rest}"


def renamed(error: OptionError) -> ConfigurationError:
    """What `Sessions` says of an option, by the name that it has in the settings."""
    if isinstance(error, ConfigurationError):
        return error
    name = setting(error.option)
    if error.option == "idle_timeout" and "idle_timeout" not in {str(each).lower() for each in settings.SOJOURN}:
        name = "SESSION_COOKIE_AGE"
    return ConfigurationError(name, str(error).partition("`: ")[2])


def _cookie() -> dict[str, Any]:
    cookie = {
        "name": settings.SESSION_COOKIE_NAME,
        "secure": bool(settings.SESSION_COOKIE_SECURE),
        "path": settings.SESSION_COOKIE_PATH,
        "domain": settings.SESSION_COOKIE_DOMAIN,
    }
    # Without one browsers take it for lax.
    return {**cookie, "same_site": settings.SESSION_COOKIE_SAMESITE} if settings.SESSION_COOKIE_SAMESITE else cookie


def _merges(given: Any) -> Any:
    """Also by their names: `counter`, `fields`, `union:sku`, or the dotted path of a function."""
    if not isinstance(given, Mapping):
        return given
    return {name: _merge(str(name), how) if isinstance(how, str) else how for name, how in given.items()}


def _merge(name: str, how: str) -> Any:
    kind, _, key = how.partition(":")
    if kind == "union" and key:
        return union(key)
    known = {"counter": counter, "fields": fields()}
    return known[how] if how in known else _function(f"merge[{name!r}]", how)


def _absolute(idle: Any) -> timedelta:
    """12 hours, or as long as the idle timeout where that is longer, as it is by Django's default."""
    try:
        return max(_LEAST_ABSOLUTE, timedelta(milliseconds=parse_duration("idle_timeout", idle)))
    except OptionError as error:
        raise renamed(error) from None


def _principal(given: Any) -> str | Callable[[Any], str]:
    if given is None:
        return "pk"
    if isinstance(given, str) and given and "." not in given:
        return given
    function = _function("principal", given)
    if function is None:
        raise ConfigurationError(setting("principal"), "takes the name of a field, or a function and its dotted path")
    return function


def _outage(given: Any) -> str:
    try:
        return check_outage("fail" if given is None else given)
    except OptionError as error:
        raise renamed(error) from None


def _former(given: Any) -> Former | None:
    if given is None:
        return None
    name = setting("former")
    options = {str(key).lower(): value for key, value in given.items()} if isinstance(given, Mapping) else {}
    if not options.keys() <= {"engine", "cookie_name"} or not isinstance(options.get("engine"), str):
        raise ConfigurationError(name, "takes {'ENGINE': the SESSION_ENGINE of before, 'COOKIE_NAME': its cookie's name}")
    try:
        store = getattr(import_module(options["engine"]), "SessionStore", None)
    except ImportError as error:
        raise ConfigurationError(f"{name}['ENGINE']", str(error)) from error
    if store is None or options["engine"].startswith("sojourn."):
        raise ConfigurationError(f"{name}['ENGINE']", "is no engine of before")
    if issubclass(store, signed_cookies.SessionStore):
        # Who has signed out could come back with the old cookie.
        raise ConfigurationError(
            f"{name}['ENGINE']", "keeps sessions in cookies, where none can be ended: they cannot go on here"
        )
    cookie_name = options.get("cookie_name", settings.SESSION_COOKIE_NAME)
    if not isinstance(cookie_name, str) or not cookie_name:
        raise ConfigurationError(f"{name}['COOKIE_NAME']", "takes the name of a cookie")
    return Former(options["engine"], cookie_name)


def _function(option: str, given: Any) -> Callable[..., Any] | None:
    if given is None or callable(given):
        return given
    if not isinstance(given, str):
        raise ConfigurationError(setting(option), "takes a function or its dotted path")
    try:
        found = import_string(given)
    except ImportError as error:
        raise ConfigurationError(setting(option), str(error)) from error
    if not callable(found):
        raise ConfigurationError(setting(option), f"{given} is no function")
    return found
