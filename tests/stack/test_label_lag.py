"""The outcome of the example: what is known of a model without labels, what only with them, and when."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from stagelight.cli import demo_lag

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def days(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, dict[str, Any]]:
    """Three weeks, lived through by the example as its users run it."""
    variables = {
        **os.environ,
        "PYTHONPATH": str(root / "examples"),
        "STAGELIGHT_STORE": str(tmp_path_factory.mktemp("lag") / "lag.db"),
        "OTEL_TRACES_EXPORTER": "none",
        "OTEL_METRICS_EXPORTER": "none",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "label_lag"]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=170, check=False)
    assert done.returncode == 0, done.stderr
    score = json.loads(done.stdout)
    demo_lag.show({"url": "http://127.0.0.1:4318", "score": score})
    return {day["day"]: day for day in score["days"]}


def told(day: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """What people were told of a kind on an evening."""
    return [alert for alert in day["alerts"] if alert["kind"] == kind]


def test_drift_alerts_on_the_day_it_begins_before_any_label(days: dict[int, dict[str, Any]]) -> None:
    """Nothing is told for a week; on day 8 score and features drift, each with an example, and the promised accuracy falls with them."""
    assert not any(days[number]["alerts"] for number in range(1, 8))
    features = {alert["feature"] for alert in told(days[8], "score_drift")}
    assert {"score", "contrast"} <= features
    assert all(alert["trace_ids"] for alert in days[8]["alerts"])
    assert days[7]["estimated"] > 0.9
    assert days[8]["estimated"] < days[7]["estimated"] - 0.15


def test_concept_drift_is_seen_by_labels_alone(days: dict[int, dict[str, Any]]) -> None:
    """From day 11 on PSI is quiet and scores go on promising what they did; labels say that four answers in ten are wrong."""
    for number in range(11, 15):
        assert days[number]["psi"] < 0.15
        assert not told(days[number], "score_drift")
        assert days[number]["estimated"] > 0.85
        assert days[number]["measured"] < 0.7


def test_the_alert_comes_when_the_cohort_is_mature_and_says_what_to_do(days: dict[int, dict[str, Any]]) -> None:
    """Day 8's loss is told when its labels are in, as a change of what comes in; day 11's as a change of what labels mean."""
    accuracy = {number: told(day, "accuracy_degradation") for number, day in days.items()}
    first = min(number for number, alerts in accuracy.items() if alerts)
    assert first == 15
    assert accuracy[15][0]["action"].startswith("What comes in has changed")
    meant = [
        number for number, alerts in accuracy.items() if any("The meaning of the label" in a["action"] for a in alerts)
    ]
    assert min(meant) == 18
    assert accuracy[18][0]["trace_ids"]


def test_the_terminal_shows_it(days: dict[int, dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    """The table has a line a day, and each advice is printed once, with the address of an example."""
    demo_lag.show({"url": "http://x", "score": {"days": list(days.values()), "seconds": 1.0}})
    printed = capsys.readouterr().out
    assert printed.count("The meaning of the label has changed") == 1
    assert printed.count("http://x/traces/") >= 4
    assert "http://x/models" in printed
