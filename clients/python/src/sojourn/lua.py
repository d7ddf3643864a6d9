"""The Lua scripts that all implementations share: `protocol/scripts` of the repository, `sojourn/scripts` of a wheel."""

from __future__ import annotations

import hashlib
from functools import cache, lru_cache
from pathlib import Path


class Script:
    __slots__ = ("name", "sha1", "text")

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.sha1 = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


@lru_cache(maxsize=1)
def _folder() -> Path:
    here = Path(__file__).resolve()
    installed = here.parent / "scripts"
    if installed.is_dir():
        return installed
    for parent in here.parents:
        if (parent / "protocol" / "scripts" / "commit.lua").is_file():
            return parent / "protocol" / "scripts"
    raise FileNotFoundError("the Lua scripts are neither beside the package nor in protocol/scripts of a checkout")


@cache
def script(name: str) -> Script:
    return Script(name, (_folder() / f"{name}.lua").read_text(encoding="utf-8"))
