"""`stagelight generate` in a checkout, in a wheel, and with a file of overrides."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from repository import ROOT
from stagelight.generate import everything

if TYPE_CHECKING:
    from click.testing import Result

METRIC = "stagelight_spans_total"


def call(*arguments: object) -> Result:
    """Call the command in this process."""
    from stagelight.cli.main import cli

    return CliRunner().invoke(cli, ["generate", *map(str, arguments)], prog_name="stagelight")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")


def test_the_committed_files_are_checked_in_a_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    """`stagelight generate --check` at the root of the repository is what CI runs."""
    monkeypatch.chdir(ROOT)
    result = call("--check")

    assert result.exit_code == 0, result.stdout
    assert "are what the catalogue says" in result.stderr


def test_a_checkout_is_written_to_without_being_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A contributor types two words."""
    (tmp_path / "src/stagelight/catalogue").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    result = call()

    assert result.exit_code == 0
    assert "collector/prometheus/rules/stages.yml" in result.stdout
    assert (tmp_path / "dashboards/stages.json").is_file()


def test_elsewhere_one_says_where() -> None:
    """Who installed a wheel has no checkout; nothing is strewn over the folder one happens to be in."""
    result = call()

    assert result.exit_code == 2
    assert "say where to write with --to DIR" in result.stderr
    assert not [*Path.cwd().iterdir()]


def test_a_wheel_writes_everything_to_a_folder(tmp_path: Path, texts: dict[str, str]) -> None:
    """`--to DIR` gives all that the repository holds, and `--check --to DIR` then finds nothing to do."""
    target = tmp_path / "monitoring"
    assert call("--to", target).exit_code == 0

    assert {str(path.relative_to(target)) for path in target.rglob("*") if path.is_file()} == set(texts)
    assert call("--check", "--to", target).exit_code == 0


def test_check_names_what_is_behind_and_fails(tmp_path: Path, written: Path) -> None:
    """One path a line, and the command that mends it."""
    (written / "docs/metrics.md").write_text("by hand")
    result = call("--check", "--to", written)

    assert result.exit_code == 2
    assert result.stdout == "docs/metrics.md\n"
    assert "1 files are not what the catalogue says; `stagelight generate` writes them." in result.stderr


def test_overrides_are_named_or_lie_in_the_folder(tmp_path: Path) -> None:
    """A deployment keeps its file beside what is generated with it."""
    text = "alerts:\n  StagelightTargetDown: {for: 7m}\n"
    named, lying = tmp_path / "mine.yaml", tmp_path / "b" / "stagelight.overrides.yaml"
    lying.parent.mkdir()
    for path in (named, lying):
        path.write_text(text)
    call("--to", tmp_path / "a", "--overrides", named)
    call("--to", tmp_path / "b")

    for folder in "ab":
        assert "for: 7m" in (tmp_path / folder / everything.RULES / "pipeline.yml").read_text()


def test_a_mistake_in_the_overrides_is_one_line(tmp_path: Path) -> None:
    """No traceback, exit code 2."""
    path = tmp_path / "mine.yaml"
    path.write_text("alerts: {StagelightTargetDwn: {for: 7m}}")
    result = call("--to", tmp_path / "a", "--overrides", path)

    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert "Did you mean 'StagelightTargetDown'?" in result.stderr


def test_diff_shows_what_a_rename_would_break(written: Path, tmp_path: Path) -> None:
    """By name: before one renames; with one's own folders, too."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "board.json").write_text(f'"{METRIC}"')
    result = call("diff", METRIC, f"{METRIC}{{fate}}", "--to", written, "--in", tmp_path / "mine")

    assert result.exit_code == 1
    assert f"{METRIC}:\n  alert StagelightSpansLost\n" in result.stdout
    assert "  board.json:1\n" in result.stdout
    assert "dashboards/pipeline-health.json" in result.stdout
    assert f"{METRIC}{{fate}}:\n" in result.stdout


def test_diff_shows_what_is_gone(written: Path) -> None:
    """Without a name: what the files know from last time and the catalogue has no more."""
    page = written / "docs/metrics.md"
    page.write_text(page.read_text().replace(f"## {METRIC}", "## stagelight_span_total"))
    result = call("diff", "--to", written, "--json")
    (found,) = json.loads(result.stdout)

    assert result.exit_code == 1
    assert found["hint"] == f"Did you mean '{METRIC}'?"
    assert [use["path"] for use in found["uses"]] == ["docs/metrics.md"]


def test_diff_of_nothing_is_quiet(written: Path) -> None:
    """Nothing gone: 0; a name that nothing reads: said, and 0."""
    fresh = call("diff", "--to", written)
    unread = call("diff", "no_such_metric_total", "--to", written)

    assert (fresh.exit_code, fresh.stdout) == (0, "")
    assert "no name is gone" in fresh.stderr
    assert (unread.exit_code, unread.stdout) == (0, "no_such_metric_total:\n  nothing reads it\n")


def test_every_command_says_what_it_is_for() -> None:
    """`--help` of each names its options in words."""
    for arguments in ((), ("diff",), ("check-live",)):
        assert call(*arguments, "--help").exit_code == 0


@pytest.mark.parametrize("package", ["pydantic", "yaml", "promql_parser", "grafana_foundation_sdk"])
def test_a_missing_package_is_one_line_that_names_the_extra(tmp_path: Path, package: str) -> None:
    """Whoever installed less reads what to install, not a traceback."""
    program = f"import sys; sys.modules[{package!r}] = None; from stagelight.cli.main import run; run(sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", program, "generate", "--to", tmp_path / "a"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "pip install 'stagelight[generate]'" in done.stderr
    assert not (tmp_path / "a").exists()
