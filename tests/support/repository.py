"""The repository as the tests about it see it: its modules, its pages and the blocks of code in them."""

from __future__ import annotations

import ast
import re
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent.parent
PACKAGE = ROOT / "src" / "stagelight"

FENCE = re.compile(r"^(?P<indent> *)```(?P<info>[^\n`]+)\n(?P<source>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Module:
    """A module of the package, parsed."""

    name: str  #: As `stagelight.store.rows`.
    path: Path
    tree: ast.Module

    @property
    def room(self) -> str:
        """The part of the name below `stagelight`; the package itself for its own `__init__`."""
        return [*self.name.split("."), ""][1] or "stagelight"

    @property
    def first_line(self) -> str:
        """What the module says of itself in one sentence."""
        return (ast.get_docstring(self.tree) or "").split("\n")[0]


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page."""

    page: Path
    line: int  #: Of the fence, from 1.
    language: str
    info: str  #: What stands after the language on the fence.
    source: str

    @property
    def where(self) -> str:
        """The block's place, as an editor opens it."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@cache
def files() -> tuple[Path, ...]:
    """Every file that is, or would be, committed."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return tuple(path for name in sorted(set(listing.stdout.split("\0")) - {""}) if (path := ROOT / name).is_file())


@cache
def modules() -> tuple[Module, ...]:
    """Every module of the package, in order of names; database migrations, which nobody imports, are not."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        if "versions" in parts or "_examples" in parts:
            continue
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found.append(Module(name, path, ast.parse(path.read_text(encoding="utf-8"))))
    return tuple(found)


@cache
def pages() -> tuple[Path, ...]:
    """Every Markdown page, but for those of vendored code."""
    return tuple(path for path in files() if path.suffix == ".md" and "vendor" not in path.parts)


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of `page` that name a language."""
    text = page.read_text(encoding="utf-8")
    for match in FENCE.finditer(text):
        language, _, info = match["info"].strip().partition(" ")
        source = re.sub(f"^{match['indent']}", "", match["source"], flags=re.MULTILINE)
        yield Block(page, text[: match.start()].count("\n") + 1, language, info.strip(), source)
