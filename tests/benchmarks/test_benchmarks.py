"""The benchmarks run and judge; how fast anything is, is not a test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.measure import OURS, RAW, YARDSTICK, Result  # noqa: E402
from benchmarks.rows import ROWS, Row  # noqa: E402
from benchmarks.subjects import ours, raw  # noqa: E402

from benchmarks import crew, peers, table  # noqa: E402  the repository's root has to be on the path first


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the benchmarks quickly, without peers."""
    command = [sys.executable, "-m", "benchmarks", "--quick", "--no-peers", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)


EACH = """
import json, os
from benchmarks.subjects import ours, raw
costs, variables = {}, dict(os.environ)
for name, subject in (("raw", raw), ("ours", ours)):
    for case, prepare in subject.CASES.items():
        os.environ.clear(), os.environ.update(variables)
        costs[f"{name} {case}"] = prepare()(20)
print(json.dumps(costs), flush=True)
os._exit(0)
"""


def test_every_case_runs_for_raw_opentelemetry_and_for_us() -> None:
    """Each case can be set up and costs something; the exporting ones insist that no span was lost."""
    with crew.sink() as address:
        done = subprocess.run(
            [sys.executable, "-c", EACH],
            cwd=ROOT,
            env={**os.environ, "BENCH_SINK": address},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    assert done.returncode == 0, done.stderr
    costs = json.loads(done.stdout)
    assert len(costs) == len(raw.CASES) + len(ours.CASES)
    assert {name: found for name, found in costs.items() if not all(cost > 0 for cost in found)} == {}


def test_the_table_is_judged_in_json() -> None:
    """A row has a cost for raw OpenTelemetry and for us, and a verdict; an import is judged by the clock."""
    done = run("--json", "--only", "unconfigured", "--only", "import")

    assert done.returncode == 0, done.stderr
    lines = {(line["key"], line["subject"]): line for line in json.loads(done.stdout)["lines"]}
    for key in ("unconfigured", "import"):
        assert lines[key, RAW]["cost"] > 0
        assert lines[key, RAW]["met"] is None
        assert isinstance(lines[key, OURS]["met"], bool)
    assert lines["import", OURS]["ratio"] is None
    assert lines["import", "ddtrace"]["why"] == "not installed"


def test_the_table_is_readable() -> None:
    """For people each row has its name, absolute costs, ratios, the goal and whether it is met."""
    done = run("--only", "counter")

    assert "bound counter" in done.stdout
    assert "raw OpenTelemetry" in done.stdout
    assert "1.000x" in done.stdout
    assert "<=0.03x" in done.stdout
    assert "prometheus" in done.stdout
    assert "not installed" in done.stdout
    assert "of 1 goals met now" in done.stdout


def test_every_case_of_the_table_exists() -> None:
    """A row names no case that a subject does not have."""
    for row in ROWS:
        assert row.ours in ours.CASES
        assert {row.raw, row.yardstick} <= set(raw.CASES)
        assert len(row.goals) == len(row.figures)
    assert {row.peers for row in ROWS if row.peers} == {case for peer in peers.PEERS for case in peer.cases}


ROW = Row(key="k", item="i", ours="recorded", raw="unconfigured", base="recorded", goals=(0.5,))


@pytest.mark.parametrize(("cost", "ratio", "met"), [(49.0, 0.49, "yes"), (50.0, 0.5, "yes"), (51.0, 0.51, "NO")])
def test_a_goal_is_judged_against_the_yardstick(cost: float, ratio: float, met: str) -> None:
    """The ratio is to what is 1x, not to the same work of raw OpenTelemetry where the row says so."""
    results = {YARDSTICK: Result(YARDSTICK, (100.0,)), RAW: Result(RAW, (10.0,)), OURS: Result(OURS, (cost,))}
    first, second, third = table.lines(ROW, results)

    assert (first.ratio, second.ratio) == (1.0, 0.1)
    assert (third.subject, third.ratio) == (OURS, ratio)
    assert third.text().split()[-1] == met


def test_what_could_not_be_measured_says_why() -> None:
    """A peer that is not installed is a line of the table, without figures and without a verdict."""
    (line,) = table.lines(ROW, {"ddtrace": Result("ddtrace", (), "not installed")})

    assert line.text().split() == ["ddtrace", "not", "installed"]
    assert line.met is None


def test_a_worker_that_fails_says_what_happened() -> None:
    """The last line of a worker's traceback reaches the table."""
    with crew.Worker("raw", "no such case", environ={}) as worker, pytest.raises(crew.WorkerError, match="KeyError"):
        worker.ready()
