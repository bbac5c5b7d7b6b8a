"""Texts that are printed from the code: compared with the file on disk, or with `--update-golden` written to it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Compare a whole file with the text it should hold."""

    def compare(path: Path, text: str) -> None:
        if request.config.getoption("--update-golden"):
            path.write_text(text, encoding="utf-8")
        on_disk = path.read_text(encoding="utf-8") if path.exists() else ""
        assert on_disk == text, f"{path.name} is behind the code; `make reference` prints it anew"

    return compare


@pytest.fixture
def golden_block(golden: Callable[[Path, str], None]) -> Callable[[Path, str, str], None]:
    """Compare one fenced block of a page, found by what stands on its fence."""

    def compare(page: Path, fence: str, text: str) -> None:
        before = page.read_text(encoding="utf-8")
        pattern = re.compile(rf"(?<=^```{re.escape(fence)}\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)
        assert pattern.search(before), f"{page.name} has no block ```{fence}"
        golden(page, pattern.sub(lambda _: text, before, count=1))

    return compare
