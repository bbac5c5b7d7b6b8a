"""What a rename breaks: everything that reads a metric, a label or an alert by its name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stagelight.catalogue import METRICS, PANELS, RECORDINGS
from stagelight.errors import did_you_mean
from stagelight.generate import everything, promql

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from stagelight.generate.plan import Plan

SUFFIXES = {".json", ".md", ".py", ".tmpl", ".txt", ".yaml", ".yml"}
NOT_READ = {".git", ".venv", "node_modules", "__pycache__"}
LARGEST = 4 * 2**20  #: Bytes of a file that is still read.
HEADING = re.compile(r"^## (\w+)$", re.MULTILINE)
LABEL = re.compile(r"^\| `(\w+)` \|", re.MULTILINE)
ALERT = re.compile(r"^ *- alert: (\w+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Name:
    """A metric, a label of one, or an alert."""

    name: str
    label: str = ""

    def __str__(self) -> str:
        """As PromQL would write it."""
        return f"{self.name}{{{self.label}}}" if self.label else self.name


@dataclass(frozen=True, slots=True)
class Use:
    """A line of a file that reads a name."""

    path: str
    line: int
    generated: bool  #: `stagelight generate` writes the file anew; a copy that is deployed stays as it is.


@dataclass(frozen=True, slots=True)
class Broken:
    """A name that is gone, or would be, and what reads it."""

    name: Name
    hint: str  #: What was probably meant, as a sentence.
    rows: tuple[str, ...]  #: Alerts, promises, recordings and panels of the catalogue.
    uses: tuple[Use, ...]


def gone(folder: Path, plan: Plan) -> list[Name]:
    """Return the names that the generated files in `folder` know and the catalogue has no more."""
    page = folder / everything.METRICS
    sections = HEADING.split(page.read_text(encoding="utf-8"))[1:] if page.is_file() else []
    found = []
    for name, text in zip(sections[::2], sections[1::2], strict=True):
        if name not in METRICS:
            found.append(Name(name))
        else:
            found += [Name(name, label) for label in LABEL.findall(text) if label not in METRICS[name].label_names]
    known = {alert.name for alert in plan.alerts}
    written = [
        text for path in sorted(folder.glob(f"{everything.RULES}/*.yml")) for text in ALERT.findall(path.read_text())
    ]
    return found + [Name(name) for name in dict.fromkeys(written) if name not in known]


def broken(names: Sequence[Name], folders: Sequence[Path], plan: Plan) -> list[Broken]:
    """Return what reads each of `names`: in the catalogue, and in the files under `folders`."""
    files = [(path, text) for folder in folders for path, text in _files(folder)]
    return [_broken(name, files, plan) for name in names]


def _broken(name: Name, files: Sequence[tuple[str, str]], plan: Plan) -> Broken:
    known = [*METRICS, *(alert.name for alert in plan.alerts)]
    hint = "" if name.name in known else did_you_mean(name.name, known).strip()
    return Broken(
        name, hint, tuple(_rows(name, plan)), tuple(use for path, text in files for use in _uses(name, path, text))
    )


def _rows(name: Name, plan: Plan) -> Iterator[str]:
    exprs = [(f"alert {alert.name}", alert.promql) for alert in plan.alerts]
    exprs += [(f"slo {slo.name}", expr.replace("$window", "5m")) for slo in plan.slos for expr in (slo.good, slo.total)]
    exprs += [(f"recording {row.name}", row.expr) for row in RECORDINGS.values()]
    exprs += [
        (f"panel {panel.dashboard}: {panel.name}", promql.readable(expr))
        for panel in PANELS.values()
        for expr in panel.expr
    ]
    pattern = _pattern(name)
    found = [what for what, expr in exprs if pattern.search(expr) and _has_label(name, expr)]
    yield from dict.fromkeys(found)


def _uses(name: Name, path: str, text: str) -> Iterator[Use]:
    pattern, generated = _pattern(name), everything.MARK in text
    for number, line in enumerate(text.splitlines(), 1):
        if pattern.search(line) and _has_label(name, line):
            yield Use(path, number, generated)


def _has_label(name: Name, text: str) -> bool:
    return not name.label or re.search(rf"\b{re.escape(name.label)}\b", text) is not None


def _pattern(name: Name) -> re.Pattern[str]:
    parts = "|".join(promql.PARTS)
    return re.compile(rf"(?<!\w){re.escape(name.name)}(?:{parts})?(?!\w)")


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob("*")):
        if path.suffix not in SUFFIXES or NOT_READ & set(path.parts) or not path.is_file():
            continue
        if path.stat().st_size <= LARGEST:
            yield str(path.relative_to(folder)), path.read_text(encoding="utf-8", errors="replace")
