"""Django's own tests of sessions, which its wheel has not: from the source distribution of the version under test, by pip.

They are kept in `.django/` beside the code, and not in the repository.
"""

from __future__ import annotations

import ast
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from types import ModuleType

import django

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".django"


class NotToBeHad(Exception):  # noqa: N818 (no error: the tests are skipped)
    pass


#: What is kept of it: the tests that have to do with sessions, and what runs them.
_KEPT = (
    "runtests.py",
    "urls.py",
    "templates",
    "auth_tests",
    "csrf_tests",
    "messages_tests",
    "sessions_tests",
    "test_client",
    "test_client_regress",
)


def session_tests(names: set[str]) -> ModuleType:
    """Classes of Django's `sessions_tests`, by their names. Raises NotToBeHad."""
    tree = ast.parse((folder() / "sessions_tests" / "tests.py").read_text(encoding="utf-8"))
    tree.body = [
        node
        for node in tree.body
        if isinstance(node, ast.Import)
        # What is relative is a model of theirs, which is of no use here.
        or (isinstance(node, ast.ImportFrom) and node.level == 0)
        or (isinstance(node, ast.ClassDef) and node.name in names)
    ]
    module = ModuleType("sessions_tests")
    exec(compile(tree, "sessions_tests/tests.py", "exec"), module.__dict__)
    return module


def folder() -> Path:
    """Django's tests, of the version that is installed. Raises NotToBeHad."""
    version = django.get_version()
    kept = CACHE / f"tests-{version}"
    if not kept.exists():
        CACHE.mkdir(exist_ok=True)
        archive = _download(version)
        with tempfile.TemporaryDirectory(dir=CACHE) as unpacked:
            with tarfile.open(archive) as files:
                files.extractall(unpacked, [each for each in files.getmembers() if _is_kept(each.name)], filter="data")
            (tests,) = Path(unpacked).glob("*/tests")
            # At once, so that an interrupted one is not taken for it.
            tests.rename(kept)
        archive.unlink()
    return kept


def _is_kept(name: str) -> bool:
    parts = name.split("/")
    return len(parts) > 2 and parts[1] == "tests" and parts[2] in _KEPT


def _download(version: str) -> Path:
    pinned = HERE / f"django-{version.rpartition('.')[0]}.txt"
    if not pinned.exists() or f"=={version} " not in pinned.read_text(encoding="utf-8"):
        raise NotToBeHad(f"no hash of the sources of Django {version} in tests/django")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--no-binary", "django", "--require-hashes", "-r", str(pinned), "-d", str(CACHE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotToBeHad(f"pip did not get the sources of Django {version}: {done.stderr.strip()[-300:]}")
    return next(each for each in CACHE.glob("*.tar.gz") if version in each.name)
