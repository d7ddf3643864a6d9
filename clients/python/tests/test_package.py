"""What is shipped: the Lua scripts of the protocol are beside the code, also of a wheel that is built from the sdist."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from sojourn.lua import script

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT.parents[1] / "protocol" / "scripts"


def build(folder: Path, kind: str, to: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(to)]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    (made,) = to.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return made


def test_a_wheel_of_a_source_distribution(tmp_path: Path) -> None:
    with tarfile.open(build(ROOT, "sdist", tmp_path / "sdist")) as sdist:
        names = sdist.getnames()
        assert not any(".venv" in name or "/tests/" in name for name in names)
        sdist.extractall(tmp_path / "unpacked")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    wheel = build(unpacked, "wheel", tmp_path / "wheel")
    with zipfile.ZipFile(wheel) as files:
        shipped = {Path(name).name: files.read(name) for name in files.namelist() if name.endswith(".lua")}
        assert shipped == {path.name: path.read_bytes() for path in SCRIPTS.glob("*.lua")}
        assert {"sojourn/py.typed", "sojourn/scripts/commit.lua"} <= set(files.namelist())
        assert "sojourn/django/templates/admin/sojourn/session/page.html" in files.namelist()
        files.extractall(tmp_path / "installed")
    # Installed, it finds its own.
    code = "import sojourn.lua as lua; print(lua.script('commit').sha1, lua._folder())"
    command = [sys.executable, "-c", code]
    env = {"PYTHONPATH": str(tmp_path / "installed")}
    found = subprocess.run(command, check=True, capture_output=True, text=True, env=env, cwd=tmp_path).stdout.split()
    assert found == [script("commit").sha1, str(tmp_path / "installed" / "sojourn" / "scripts")]
