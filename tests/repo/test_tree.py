"""What is committed can be read by anyone, anywhere: no path of a machine, no registry's address, no secret."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from repository import ROOT, files

if TYPE_CHECKING:
    from pathlib import Path

# Built from parts, so that this file may be searched too.
MACHINE = re.compile(
    "|".join((r"(?<![\w.])/wo" + r"rk/", "/home" + r"/\w", "/ro" + r"ot/\w", "/Use" + r"rs/\w", "/tmp" + r"/w/"))
)
REGISTRY = re.compile(
    r"py" + r"pi\.org|files\.python" + r"hosted|registry\.npm" + r"js|npm" + r"js\.org|unpkg" + r"\.com|jsdel" + r"ivr"
)
SECRET = re.compile(r"-----BEGIN [A-Z ]*PRIVATE" + r" KEY|sl_[0-9a-z]{6,}_[0-9A-Za-z_-]{40,}")
BINARY = {".png", ".ico", ".woff2", ".db", ".gz"}


def text_files() -> list[Path]:
    """All files but pictures and vendored code, which is taken as it is."""
    return [p for p in files() if p.suffix not in BINARY and not (p.parent.name == "vendor" and p.suffix != ".md")]


@pytest.mark.parametrize("pattern", [MACHINE, REGISTRY, SECRET], ids=["machine", "registry", "secret"])
def test_nothing_of_one_machine_is_committed(pattern: re.Pattern[str]) -> None:
    """A path, a host or a key that holds on one machine alone misleads everyone else."""
    found = []
    for path in text_files():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if match := pattern.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {match.group()}")

    assert not found, "\n".join(found)


def test_no_file_is_left_to_do() -> None:
    """An open end is an issue, not a comment."""
    mark = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
    found = [str(path.relative_to(ROOT)) for path in text_files() if mark.search(path.read_text(encoding="utf-8"))]

    assert not found
