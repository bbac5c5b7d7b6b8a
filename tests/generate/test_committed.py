"""The files that are committed are those that the catalogue gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from repository import ROOT
from stagelight.generate import everything

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def test_every_committed_file_is_what_the_catalogue_says(texts: Mapping[str, str]) -> None:
    """A dashboard or a rule changed by hand, or a row changed without `stagelight generate`, is found here."""
    assert everything.differing(ROOT, texts) == []


def test_a_changed_a_missing_and_a_forgotten_file_are_found(texts: Mapping[str, str], written: Path) -> None:
    """`--check` sees what differs, what is not there, and what an earlier catalogue left behind."""
    (written / "docs/metrics.md").write_text("by hand")
    (written / "dashboards/stages.json").unlink()
    left = written / "collector/prometheus/rules/old.yml"
    left.write_text((written / "collector/prometheus/rules/stages.yml").read_text())

    assert everything.differing(written, texts) == [
        "dashboards/stages.json",
        "docs/metrics.md",
        "collector/prometheus/rules/old.yml",
    ]


def test_writing_mends_what_differs_and_leaves_what_people_put_there(texts: Mapping[str, str], written: Path) -> None:
    """What nobody generates any more goes; rules that people wrote themselves stay."""
    old, own = (written / f"collector/prometheus/rules/{name}.yml" for name in ("old", "own"))
    old.write_text((written / "collector/prometheus/rules/stages.yml").read_text())
    own.write_text("groups: []\n")
    (written / "docs/metrics.md").write_text("by hand")

    assert everything.write(written, texts) == ["docs/metrics.md", "collector/prometheus/rules/old.yml"]
    assert everything.differing(written, texts) == []
    assert own.exists()
    assert not old.exists()


def test_generating_twice_gives_the_same_bytes(texts: Mapping[str, str]) -> None:
    """A diff of two commits shows what changed in the catalogue, and nothing else."""
    from stagelight import generate

    assert generate.texts(generate.plan()) == texts
