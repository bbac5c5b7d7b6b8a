"""prometheus.yml and prometheus.v2.yml: valid, and the same but for how metrics get in."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from deployment import COLLECTOR, compose, read

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FOLDER = COLLECTOR / "prometheus"
THREE, TWO = FOLDER / "prometheus.yml", FOLDER / "prometheus.v2.yml"


@pytest.mark.parametrize("path", [THREE, TWO], ids=lambda path: path.name)
def test_prometheus_takes_the_file(program: Callable[[str], str], tmp_path: Path, path: Path) -> None:
    """Rules and targets included, promtool agrees; Debian's is of Prometheus 2 and does not know OTLP's part."""
    told = read(path)
    told.pop("otlp", None)
    for name in ("rules", "targets"):
        (tmp_path / name).symlink_to(FOLDER / name)
    written = tmp_path / path.name
    written.write_text(yaml.safe_dump(told), encoding="utf-8")
    done = subprocess.run(
        [program("promtool"), "check", "config", written], check=False, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "rules found" in done.stdout


def test_prometheus_3_makes_the_names_of_prometheus_2() -> None:
    """OTLP's names are translated as the collector does for a scrape, and no resource attribute becomes a label."""
    assert read(THREE)["otlp"] == {"translation_strategy": "UnderscoreEscapingWithSuffixes"}


def test_both_watch_the_same_and_tell_the_same_alertmanager() -> None:
    """Only applications' metrics come another way: by OTLP there, from the collector's page here."""
    three, two = read(THREE), read(TWO)
    jobs = [{job["job_name"]: job for job in told["scrape_configs"]} for told in (three, two)]
    applications = [job.pop("applications") for job in jobs]

    assert jobs[0] == jobs[1]
    assert applications[1].pop("static_configs") == [{"targets": ["collector:8889"]}]
    assert applications[0] == applications[1]
    assert {key: three[key] for key in ("global", "rule_files", "alerting")} == {
        key: two[key] for key in ("global", "rule_files", "alerting")
    }


def test_applications_keep_their_own_names() -> None:
    """`job` and `instance` are the program's, not the collector's that passes them on."""
    assert all(job["honor_labels"] for job in read(TWO)["scrape_configs"] if job["job_name"] == "applications")


def test_targets_are_programs_of_the_stack() -> None:
    """Every address that is scraped or told of alerts is a service of docker-compose.yml."""
    told = read(THREE)
    groups = [group for job in told["scrape_configs"] for group in job.get("static_configs", ())]
    groups += told["alerting"]["alertmanagers"][0]["static_configs"]
    hosts = {target.partition(":")[0] for group in groups for target in group["targets"]}

    assert hosts <= set(compose()["services"])
