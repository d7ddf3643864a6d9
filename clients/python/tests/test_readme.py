"""The example of the README runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from .conftest import SECRETS
from .servers import Server


def test_the_example(server: Server) -> None:
    text = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    code = code.replace("redis://127.0.0.1:6379", server.url)
    env = {**os.environ, "SESSION_SECRET": SECRETS[0]}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("__Host-session=")
    assert lines[1:] == ["ada {'cart': ['apple', 'pear'], 'theme': 'dark'}", "['Firefox on Linux']"]
