"""Two type checkers see the public signatures as they are meant: a decorated function keeps its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

API = "tests/typing/api.py"


def checked(command: Sequence[str], root: Path) -> subprocess.CompletedProcess[str]:
    """Run a checker over the file of expectations."""
    program = str(Path(sys.executable).parent / command[0])
    return subprocess.run([program, *command[1:]], cwd=root, capture_output=True, text=True, check=False, timeout=110)


def test_mypy_agrees(root: Path) -> None:
    """Every `assert_type` holds under mypy strict, and every call marked as wrong is one."""
    run = checked(["mypy", API], root)

    assert run.returncode == 0, run.stdout


def test_pyright_agrees(root: Path) -> None:
    """Every `assert_type` holds under pyright, which reads ParamSpec and overloads in its own way."""
    run = checked(["basedpyright", "--outputjson", API], root)
    found = json.loads(run.stdout)["generalDiagnostics"]

    assert run.returncode == 0, "\n".join(f"{f['range']['start']['line'] + 1}: {f['message']}" for f in found)
