"""Sessions for web applications that run on many nodes, kept in Redis or Valkey.

The same sessions as those of the other implementations of the Sojourn protocol: whoever signs in to one application is
signed in to the others, and whoever signs out of one is signed out of all.
"""

from .cookie import SetCookie
from .duration import Duration
from .errors import (
    HeadersSentError,
    NotSignedInError,
    OptionError,
    SessionAttributeError,
    SessionConflictError,
    SessionElsewhereError,
    SessionEndedError,
    SessionLimitError,
    SessionTooLargeError,
    SojournError,
    StoreRefusedError,
    StoreUnavailableError,
)
from .expiry import ExpiredSession
from .limit import LimitedLogin, SessionLimit
from .merge import counter, fields, union
from .options import CookieOptions, SessionsOptions
from .principal_sessions import AsyncPrincipalSessions, PrincipalSessions, SessionInfo
from .rebase import Merge
from .session import AsyncSession, Session
from .sessions import AsyncSessions, Sessions
from .values import BigInt, Map, Members, Moment, OrderedSet, Pairs

__version__ = "0.1.0"

__all__ = [
    "AsyncPrincipalSessions",
    "AsyncSession",
    "AsyncSessions",
    "BigInt",
    "CookieOptions",
    "Duration",
    "ExpiredSession",
    "HeadersSentError",
    "LimitedLogin",
    "Map",
    "Members",
    "Merge",
    "Moment",
    "NotSignedInError",
    "OptionError",
    "OrderedSet",
    "Pairs",
    "PrincipalSessions",
    "Session",
    "SessionAttributeError",
    "SessionConflictError",
    "SessionElsewhereError",
    "SessionEndedError",
    "SessionInfo",
    "SessionLimit",
    "SessionLimitError",
    "SessionTooLargeError",
    "Sessions",
    "SessionsOptions",
    "SetCookie",
    "SojournError",
    "StoreRefusedError",
    "StoreUnavailableError",
    "counter",
    "fields",
    "union",
]
