"""Every file that is generated, by its place in the repository; written, or compared with what is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagelight.catalogue import SECTIONS
from stagelight.generate import dashboards, promql, reference, rules, ruletests, runbooks

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from stagelight.generate.plan import Plan

RULES = "collector/prometheus/rules"
TESTS = "collector/prometheus/rules.test"
KUBERNETES = "collector/kubernetes/prometheusrule.yaml"
DASHBOARDS = "dashboards"
RUNBOOKS = "docs/runbooks"
METRICS = "docs/metrics.md"
MARK = "ritten by `stagelight generate`"  #: Stands in every file that is written here.


def texts(plan: Plan) -> dict[str, str]:
    """Return the text of every generated file, by its path under the folder it is written to.

    Raises:
        ValueError: A rule or a panel reads a metric that nobody declares.
        MissingExtraError: A package of the extra `generate` is not installed.
    """
    read = [(alert.name, alert.promql) for alert in plan.alerts]
    read += [(f"the section {row.name!r}", query) for row in SECTIONS.values() for query in row.queries]
    for what, query in read:
        if strange := promql.unknown(query):
            raise ValueError(f"{what} reads {', '.join(strange)}, which the catalogue does not know")
    return {
        **{f"{RULES}/{page}.yml": text for page, text in rules.files(plan).items()},
        **{f"{TESTS}/{name}.test.yml": text for name, text in ruletests.files(plan).items()},
        KUBERNETES: rules.kubernetes(plan),
        **{f"{DASHBOARDS}/{name}": text for name, text in dashboards.files().items()},
        **{f"{RUNBOOKS}/{name}": text for name, text in runbooks.files(plan).items()},
        METRICS: reference.page(),
    }


def differing(folder: Path, wanted: Mapping[str, str]) -> list[str]:
    """Return the paths under `folder` that are missing or hold another text, and those that nobody writes any more."""
    behind = [path for path, text in wanted.items() if _held(folder / path) != text]
    return behind + [path for path in _written(folder) if path not in wanted]


def write(folder: Path, wanted: Mapping[str, str]) -> list[str]:
    """Write what differs under `folder`, remove what is not generated any more, and return the paths that changed."""
    changed = differing(folder, wanted)
    for path in changed:
        target = folder / path
        if path in wanted:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(wanted[path], encoding="utf-8")
        else:
            target.unlink()
    return changed


def _held(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _written(folder: Path) -> list[str]:
    """Files that an earlier run has written; what people put beside them is left alone."""
    candidates = [*folder.glob(f"{RULES}/*.yml"), *folder.glob(f"{TESTS}/*.yml"), *folder.glob(f"{RUNBOOKS}/*.md")]
    candidates += folder.glob(f"{DASHBOARDS}/*.json")
    return [str(path.relative_to(folder)) for path in sorted(candidates) if MARK in path.read_text(encoding="utf-8")]
