"""What a rename breaks: found in the catalogue's own rows, and in files that people keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagelight.generate import renames
from stagelight.generate.renames import Name, Use

if TYPE_CHECKING:
    from pathlib import Path

    from stagelight.generate.plan import Plan

SPANS = "stagelight_spans_total"
DURATION = "stagelight_stage_duration_seconds"


def test_nothing_is_gone_where_the_files_are_fresh(written: Path, plan: Plan) -> None:
    """Right after `stagelight generate` no name is missing."""
    assert renames.gone(written, plan) == []


def test_names_that_the_catalogue_has_no_more_are_found(written: Path, plan: Plan) -> None:
    """A metric, a label and an alert that were there when the files were written."""
    reference = written / "docs/metrics.md"
    rules = written / "collector/prometheus/rules/stages.yml"
    text = reference.read_text().replace(f"## {SPANS}", "## stagelight_span_total")
    reference.write_text(text.replace("| `signal` |", "| `sort` |"))
    rules.write_text(rules.read_text().replace("alert: StagelightStageSlow", "alert: StagelightSlow"))

    assert renames.gone(written, plan) == [
        Name("stagelight_feedback_total", "sort"),
        Name("stagelight_span_total"),
        Name("StagelightSlow"),
    ]


def test_an_empty_folder_has_no_names(tmp_path: Path, plan: Plan) -> None:
    """Where nothing was generated nothing can be gone."""
    assert renames.gone(tmp_path, plan) == []


def test_every_reader_of_a_metric_is_named(written: Path, plan: Plan) -> None:
    """Alerts, promises and panels of the catalogue; lines of files, generated ones and one's own."""
    own = written / "mine" / "board.json"
    own.parent.mkdir()
    own.write_text(f'{{\n"expr": "sum({SPANS})"\n}}')
    (broken,) = renames.broken([Name(SPANS)], [written], plan)
    found = {use.path: use.generated for use in broken.uses}

    assert broken.rows == (
        "alert StagelightSpansLost",
        "slo StagelightDelivery",
        "panel Pipeline health: Spans by fate",
    )
    assert Use("mine/board.json", 2, generated=False) in broken.uses
    assert found["dashboards/pipeline-health.json"]
    assert found["collector/prometheus/rules/delivery.yml"]
    assert found["docs/metrics.md"]
    assert not found["mine/board.json"]


def test_what_is_recorded_out_of_a_metric_is_named(tmp_path: Path, plan: Plan) -> None:
    """An alert that reads a recording reads the metric only through it."""
    (broken,) = renames.broken([Name("stagelight_drift_reference_rows")], [tmp_path], plan)

    assert "recording stagelight:drift_reference:rows" in broken.rows


def test_a_histogram_is_found_by_its_parts_and_no_other_by_its_beginning(tmp_path: Path, plan: Plan) -> None:
    """`_bucket`, `_sum` and `_count` belong to it; a longer name is another metric."""
    (tmp_path / "a.yml").write_text(
        f"{DURATION}_bucket\n{DURATION}_sum\n{DURATION}_count\n{DURATION}\n{DURATION}_old\nx{DURATION}\n"
    )
    (broken,) = renames.broken([Name(DURATION)], [tmp_path], plan)

    assert [use.line for use in broken.uses] == [1, 2, 3, 4]


def test_a_label_is_looked_for_beside_its_metric(tmp_path: Path, plan: Plan) -> None:
    """The label of another metric with the same name stays."""
    (tmp_path / "a.yml").write_text(f'{SPANS}{{fate="failed"}}\nother_total{{fate="x"}}\n{SPANS}\n')
    (broken,) = renames.broken([Name(SPANS, "fate")], [tmp_path], plan)

    assert [use.line for use in broken.uses] == [1]
    assert "alert StagelightSpansLost" in broken.rows
    assert str(broken.name) == f"{SPANS}{{fate}}"


def test_a_name_that_is_gone_comes_with_the_one_that_is_near(tmp_path: Path, plan: Plan) -> None:
    """Mostly it was renamed, and the new name is much like it."""
    (broken,) = renames.broken([Name("stagelight_span_total")], [tmp_path], plan)

    assert broken.hint == f"Did you mean {SPANS!r}?"


def test_what_is_no_text_or_not_ours_is_not_read(tmp_path: Path, plan: Plan) -> None:
    """Environments, pictures and huge files are left out."""
    for path in (".venv/a.yml", ".git/a.md", "a.png"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(SPANS)
    (tmp_path / "huge.json").write_text(SPANS + " " * renames.LARGEST)
    (broken,) = renames.broken([Name(SPANS)], [tmp_path], plan)

    assert not broken.uses
