"""The keys in Redis (protocol, section 5)."""

from __future__ import annotations

import re

from .errors import OptionError
from .partitions import partition_tag

TAG_LENGTH = 3
#: Of an id without the tag.
HASH_LENGTH = 22

_PREFIX = re.compile(r"[A-Za-z0-9:_.-]{1,64}")


def record_key(prefix: str, session_id: str) -> str:
    """`<prefix>:{<tag>}:s:<22 characters>`. The scripts count on these 22 characters at the end."""
    return f"{prefix}:{{{session_id[:TAG_LENGTH]}}}:s:{session_id[TAG_LENGTH:]}"


def index_key(prefix: str, partition: str, owner_tag: str) -> str:
    """`<prefix>:{<tag>}:p:<22 characters>`: the hash that lists a principal's sessions."""
    return f"{prefix}:{{{partition}}}:p:{owner_tag}"


def awaited_key(prefix: str, partition: str) -> str:
    """`<prefix>:{<tag>}:x`: the sorted set of sessions whose expiry is told of."""
    return f"{prefix}:{{{partition}}}:x"


def turn_key(prefix: str) -> str:
    """Whose turn it is to look for expired sessions, in all partitions."""
    return f"{awaited_key(prefix, partition_tag(0))}:turn"


def listens_key(prefix: str) -> str:
    """Says that there is somebody who tells applications of expired sessions."""
    return f"{awaited_key(prefix, partition_tag(0))}:listens"


def hash_within(partition: str, session_id: str | None) -> str:
    """The last 22 characters of an id; '' for none, and for one of another partition.

    Such a one is not in that index, and its last 22 characters could be, by malice.
    """
    if session_id is None or session_id[:TAG_LENGTH] != partition:
        return ""
    return session_id[TAG_LENGTH:]


def check_prefix(prefix: object) -> str:
    if isinstance(prefix, str) and _PREFIX.fullmatch(prefix):
        return prefix
    raise OptionError("prefix", "takes 1 to 64 characters of A-Z a-z 0-9 : _ . -")
