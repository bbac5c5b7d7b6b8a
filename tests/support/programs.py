"""Programs run in fresh processes, as a user's program runs: what they print, how they end, how long they take."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Run:
    """What a program did."""

    status: int
    out: str
    err: str
    seconds: float

    @property
    def json(self) -> Any:
        """What it printed, as JSON; fails with its stderr where it did not end well."""
        assert self.status == 0, self.err
        return json.loads(self.out)


def python(code: str, *, folder: Path, command: tuple[str, ...] = (sys.executable,), **variables: str) -> Run:
    """Run `code` as `app.py` in `folder`, by `command`, with these variables on top of a clean environment."""
    app = folder / "app.py"
    app.write_text(code, encoding="utf-8")
    began = time.monotonic()
    done = subprocess.run(
        [*command, str(app)],
        cwd=folder, env={**os.environ, **variables}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return Run(done.returncode, done.stdout, done.stderr, time.monotonic() - began)
