"""ARCHITECTURE.md shows the modules as they are, and the floors as import-linter holds them."""

from __future__ import annotations

import re
import textwrap
import tomllib
from typing import TYPE_CHECKING

import pytest

from repository import ROOT, blocks, modules

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PAGE = ROOT / "ARCHITECTURE.md"
WIDTH = 140


def tree() -> str:
    """Every module with the first sentence of its docstring; a room's own sentence stands on its folder."""
    lines = ["src/stagelight/"]
    for module in modules():
        parts = module.name.split(".")[1:]
        if not parts or "migrations" in parts:
            continue
        name = "  " * (len(parts) - 1) + parts[-1] + ("/" if module.path.name == "__init__.py" else ".py")
        sentence = re.split(r"(?<=[.;])\s", module.first_line)[0].rstrip(".;")
        lines.append(f"  {name:<22} {textwrap.shorten(sentence, WIDTH - 25, placeholder=' …')}".rstrip())
    return "\n".join(lines) + "\n"


def floors() -> list[set[str]]:
    """The layers of pyproject.toml, top first, each as the set of its rooms."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = next(c for c in settings["tool"]["importlinter"]["contracts"] if c["type"] == "layers")["layers"]
    return [set(re.findall(r"\w+", layer)) for layer in layers]


def test_the_tree_is_the_real_one(golden_block: Callable[[Path, str, str], None]) -> None:
    """The tree in ARCHITECTURE.md names every module with what the module says of itself (`make reference` prints it)."""
    golden_block(PAGE, "text tree", tree())


def test_the_picture_has_the_floors_that_are_held() -> None:
    """Each room stands in the picture on the floor that import-linter gives it."""
    picture = next(block.source for block in blocks(PAGE) if block.info == "floors")
    drawn: dict[str, int] = {}
    for line in picture.splitlines():
        if match := re.match(r" *(\d+)  +(\S+(?: \| \S+)*)", line):
            drawn |= dict.fromkeys(re.findall(r"\w+", match[2]), int(match[1]))
    held = {room: number for number, rooms in enumerate(reversed(floors())) for room in rooms}

    assert drawn == held


@pytest.mark.parametrize("room", sorted({module.room for module in modules()} - {"stagelight"}))
def test_every_room_has_a_floor(room: str) -> None:
    """A room without a floor could be imported by anyone."""
    assert any(room in floor for floor in floors())
