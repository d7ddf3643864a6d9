"""What `Session.login` is asked for, checked."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from .duration import parse_duration
from .errors import OptionError
from .limit import LimitedLogin, limit_of
from .login import Everything, LoginPlan
from .options import Settings
from .principal import name_principal

_LONGEST_LABEL = 256
_LONGEST_KIND = 64
_HIGHEST_LEVEL = 255


def login_plan(
    settings: Settings,
    principal: str,
    *,
    keep: Any,
    device: Any,
    address: Any,
    kind: Any,
    level: Any,
    persistent: Any,
    idle_timeout: Any,
    absolute_timeout: Any,
    max_sessions: Any,
) -> LoginPlan:
    """Raises OptionError, and SessionAttributeError for a principal that is none."""
    idle = settings.idle_timeout if idle_timeout is None else parse_duration("idle_timeout", idle_timeout)
    absolute = settings.absolute_timeout
    if absolute_timeout is not None:
        absolute = parse_duration("absolute_timeout", absolute_timeout)
    if idle > absolute:
        raise OptionError("idle_timeout", "is longer than absolute_timeout; give both to login")
    if not isinstance(persistent, bool):
        raise OptionError("persistent", "takes True or False")
    name = name_principal(principal, settings.pepper)
    checked = _kind(kind)
    limit = settings.limit_of if max_sessions is None else limit_of(max_sessions)
    return LoginPlan(
        name=name,
        keep=_keep(keep),
        level=None if level is None else check_level(level),
        kind=checked,
        device=_label("device", device),
        address=_label("address", address),
        limit=limit(LimitedLogin(name.principal, checked)),
        persistent=persistent,
        idle_timeout=idle,
        absolute_timeout=absolute,
    )


def check_level(level: Any) -> int:
    if isinstance(level, int) and not isinstance(level, bool) and 0 <= level <= _HIGHEST_LEVEL:
        return level
    raise OptionError("level", f"takes a whole number from 0 to {_HIGHEST_LEVEL}")


def _keep(keep: Any) -> Container[str]:
    if isinstance(keep, Everything):
        return keep
    if isinstance(keep, (list, tuple, set, frozenset)) and all(isinstance(name, str) for name in keep):
        return tuple(keep)
    raise OptionError("keep", "takes a list of attribute names")


def _kind(kind: Any) -> str | None:
    if kind is None:
        return None
    if isinstance(kind, str) and 0 < len(kind) <= _LONGEST_KIND and _is_well_formed(kind):
        return kind
    raise OptionError("kind", f"takes a text of 1 to {_LONGEST_KIND} characters")


def _label(option: str, label: Any) -> str | None:
    if label is None:
        return None
    if not isinstance(label, str):
        raise OptionError(option, "takes text")
    # From a header, and so with whatever a client has sent.
    return label[:_LONGEST_LABEL].encode("utf-8", "replace").decode()


def _is_well_formed(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
