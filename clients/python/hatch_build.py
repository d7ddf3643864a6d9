"""Takes the Lua scripts along: those of the checkout, or of the source distribution that this is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ScriptsHook(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        root = Path(self.root)
        packed = root / "scripts"
        folder = packed if packed.is_dir() else root.parents[1] / "protocol" / "scripts"
        target = "scripts" if self.target_name == "sdist" else "sojourn/scripts"
        for path in sorted(folder.glob("*.lua")):
            build_data["force_include"][str(path)] = f"{target}/{path.name}"
