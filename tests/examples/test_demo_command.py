"""`stagelight demo`, run as a person runs it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from stagelight.catalogue.stages import STAGE_CALLS
from stagelight.cli.demo_digits import errors
from stagelight.store import TraceQuery, open_store
from stagelight.wire.records import MetricPoint

ROOT = Path(__file__).parents[2]
REQUESTS = 150


def demo(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    command = [sys.executable, "-m", "stagelight", "demo", "--port", "0", *arguments]
    return subprocess.run(
        command, env={**os.environ, **variables}, capture_output=True, text=True, check=False, timeout=100
    )


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """What one short run printed as JSON, and the store it left."""
    store = tmp_path_factory.mktemp("demo") / "demo.db"
    done = demo("--once", "--json", "--requests", str(REQUESTS), "--store", str(store))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), store


def test_every_request_is_served_and_all_telemetry_arrives(ran: tuple[dict[str, Any], Path]) -> None:
    """The statuses add up to the requests, and the program says that all it sent was delivered."""
    score = ran[0]["score"]

    assert sum(score["statuses"].values()) == REQUESTS
    assert score["delivered"] is True
    assert score["truths"] == score["statuses"]["answered"] // 5


def test_the_stage_table_counts_what_happened(ran: tuple[dict[str, Any], Path]) -> None:
    """Calls come from the stages' metrics, and each refused upload is an error of the stage that refused it."""
    stages = {row["stage"]: row for row in ran[0]["stages"]}
    statuses = ran[0]["score"]["statuses"]

    assert {row["source"] for row in stages.values()} == {"metrics"}
    assert stages["read digit"]["calls"] == REQUESTS
    assert stages["preprocess"]["errors"] == statuses["refused"]
    assert {row["stage"] for row in ran[0]["errors"]} >= {"preprocess"}
    assert sum(row["calls"] for row in ran[0]["errors"] if row["stage"] == "preprocess") == statuses["refused"]


def test_every_trace_prediction_and_truth_is_in_the_store(ran: tuple[dict[str, Any], Path]) -> None:
    """A trace per request, whole; a prediction per answer, in its trace; a truth for each that was checked."""
    score = ran[0]["score"]
    with open_store(ran[1]) as store:
        page = store.traces.search(TraceQuery(limit=1000))
        longest = store.traces.get(ran[0]["slowest"]["trace_id"])
        answered = next(row for row in page.rows if row.model_version)

        assert len(page.rows) == REQUESTS
        assert store.rows.count("predictions") == score["statuses"]["answered"]
        assert store.rows.count("truth") == score["truths"]
        assert longest is not None
        assert longest.root is not None
        assert {row.trace_id for row in store.rows.of_trace(answered.trace_id)} <= {answered.trace_id}
        assert max(row.duration_ns for row in page.rows) == longest.root.duration_ns


def test_a_truth_judges_the_prediction_it_is_about(ran: tuple[dict[str, Any], Path]) -> None:
    """Each checked answer is told under the id of its own prediction, so that later work can join the two."""
    with open_store(ran[1]) as store:
        predictions = {row["prediction_id"]: row for row in map(as_dict, store.rows.export("predictions"))}
        truths = list(map(as_dict, store.rows.export("truth")))

    assert truths
    for truth in truths:
        assert (truth["label"] == predictions[truth["prediction_id"]]["decision"]) == bool(truth["value"])


def as_dict(row: Any) -> dict[str, Any]:
    """A row as the store gives it, by column."""
    return dict(row) if isinstance(row, dict) else {name: getattr(row, name) for name in row.__dataclass_fields__}


def test_what_went_wrong_before_this_run_is_not_shown(tmp_path: Path) -> None:
    """In a store that is used again, only the counters that this run sent are summed up, failures alone."""
    labels = {"stage": "preprocess", "error_type": "BlankImageError"}
    calls = [
        MetricPoint(
            name=STAGE_CALLS.name, kind="sum", monotonic=True, time_ns=10**18, value=3, attributes=labels | more
        )
        for more in ({"outcome": "error"}, {"outcome": "ok", "error_type": ""})
    ]
    with open_store(tmp_path / "used.db") as store:
        store.metrics.write(calls)

        assert errors(store, 10**18) == [{"stage": "preprocess", "error": "BlankImageError", "calls": 3}]
        assert errors(store, 10**18 + 1) == []


def test_the_page_stays_until_ctrl_c_below_what_there_is_to_see() -> None:
    """Tree, stage table and address are printed; without `--once` the page answers until SIGINT ends the command with 0."""
    command = [sys.executable, "-m", "stagelight", "demo", "--port", "0", "--requests", "60"]
    environ = {**os.environ, "NO_COLOR": "1"}
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        try:
            stays = next(found for line in running.stderr or () if (found := re.search(r"page stays on (\S+)", line)))
            with urllib.request.urlopen(f"{stays[1]}/health") as answer:
                assert answer.status == 200
            running.send_signal(signal.SIGINT)
            printed, _ = running.communicate(timeout=20)
        finally:
            running.kill()

    assert running.returncode == 0
    url = re.escape(stays[1])
    assert re.search(r"^60 requests in [\d.]+ s: answered \d+", printed, re.MULTILINE)
    assert re.search(rf"^The slowest trace: {url}/traces/[0-9a-f]{{32}}\nread digit .*\n├─ load", printed, re.MULTILINE)
    assert re.search(r"^stage +calls +errors +p50 ms +p95 ms +p99 ms *$", printed, re.MULTILINE)
    assert re.search(rf"^The page: {url}$", printed, re.MULTILINE)


def test_a_failing_example_is_told_in_one_line(tmp_path: Path) -> None:
    """If the example itself cannot run, the command says so and ends with 2."""
    site = installed(tmp_path)
    (site / "stagelight" / "_examples" / "digits" / "__main__.py").write_text("raise SystemExit(7)\n")
    done = demo("--once", PYTHONPATH=str(site))

    assert done.returncode == 2
    assert (
        done.stderr.splitlines()[-1] == "stagelight: the example ended with exit code 7; what went wrong stands above."
    )


def installed(folder: Path) -> Path:
    """A folder on which an installed wheel is laid out, examples included."""
    site = folder / "site"
    shutil.copytree(ROOT / "src" / "stagelight", site / "stagelight", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "examples" / "digits", site / "stagelight" / "_examples" / "digits")
    return site


def where(site: Path, *, modules: str = "") -> subprocess.CompletedProcess[str]:
    """Ask the package in `site` where its example is, with `modules` made impossible to import."""
    code = f"import sys; sys.modules.update(dict.fromkeys({modules.split()!r})); from stagelight.cli.demo import example; print(example())"
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_example_is_found_in_checkout_and_wheel(tmp_path: Path) -> None:
    """A checkout uses its own examples folder, an installation the copy inside the package."""
    site = installed(tmp_path)

    assert where(ROOT / "src").stdout.strip() == str(ROOT / "examples" / "digits")
    assert where(site).stdout.strip() == str(site / "stagelight" / "_examples" / "digits")


def test_an_installation_without_examples_says_what_to_do(tmp_path: Path) -> None:
    """Where neither folder is there, the command names both ways to get it."""
    site = installed(tmp_path)
    shutil.rmtree(site / "stagelight" / "_examples")

    assert "this installation has no examples" in where(site).stderr


def test_a_missing_scikit_learn_names_the_extra(tmp_path: Path) -> None:
    """Without the packages of the demo the message is the command that installs them."""
    assert "pip install 'stagelight[demo]'" in where(ROOT / "src", modules="sklearn").stderr
