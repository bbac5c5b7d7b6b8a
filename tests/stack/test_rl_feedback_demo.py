"""The demo of the router that learns from users, run whole: its course in the figures, in the terminal and on the page."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest

from stagelight import config
from stagelight.cli import demo_feedback
from stagelight.store import open_store
from stagelight.web import running

if TYPE_CHECKING:
    from pathlib import Path

REQUESTS = 1000
BEST = ("forest-2", "photo-3")  #: Of the first half, of the second.


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """What one run of the demo printed as JSON, and the store it left."""
    store = tmp_path_factory.mktemp("loop") / "demo.db"
    command = [sys.executable, "-m", "stagelight", "demo", "--example", "rl_feedback_loop", "--once", "--json"]
    command += ["--port", "0", "--requests", str(REQUESTS), "--store", str(store)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), store


def course(row: list[float], change: int) -> tuple[float, float, float, float]:
    """A share at the beginning and the end of each half, each over a fifth of it."""
    before, after = row[:change], row[change:]
    ends = before[: len(before) // 5], before[-len(before) // 5 :], after[: len(after) // 5], after[-len(after) // 5 :]
    first, last, new, settled = (float(np.mean(part)) for part in ends)
    return first, last, new, settled


def test_the_best_arms_share_rises_falls_at_the_change_and_recovers(ran: tuple[dict[str, Any], Path]) -> None:
    """Whichever model is best: few requests at first, most of them soon, few after the change, most of them again."""
    shares = ran[0]["shares"]
    scans, photographs = (course(shares["arms"][best], shares["change"]) for best in BEST)

    print(
        f"\nshare of the best arm: {scans[0]:.2f} -> {scans[1]:.2f}, change, {photographs[2]:.2f} -> {photographs[3]:.2f}"
    )
    assert scans[1] > max(0.6, scans[0] + 0.1)
    assert photographs[2] < 0.4
    assert photographs[3] > 0.7
    assert scans[3] < 0.2


def test_the_router_beats_the_model_that_was_best_at_first(ran: tuple[dict[str, Any], Path]) -> None:
    """Over the whole run it is right more often than the best fixed choice of the first half, on the very same images."""
    accuracy, halves = ran[0]["accuracy"], ran[0]["score"]["halves"]

    print("\n" + demo_feedback.verdict(accuracy, halves))
    assert max(halves[0]["alone"], key=halves[0]["alone"].get) == BEST[0]
    assert accuracy["router"]["all"] > accuracy[BEST[0]]["all"]


def test_every_opinion_was_learned_once(ran: tuple[dict[str, Any], Path]) -> None:
    """All feedback was acknowledged, none waits or is dead, and each taught the policy."""
    score, queue = ran[0]["score"], ran[0]["queue"]
    with open_store(ran[1]) as store:
        decisions = store.rows.count("decisions")

    assert score["delivered"] is True
    assert score["accepted"] == sum(score["feedback"].values()) == queue["done"]
    assert (queue["waiting"], queue["leased"], queue["dead"]) == (0, 0, 0)
    assert decisions == score["requests"] == REQUESTS


def test_the_terminal_shows_the_course_the_verdict_and_a_judged_trace(
    ran: tuple[dict[str, Any], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """A line of blocks for each arm with the change marked, the table, the verdict, and a trace with its feedback."""
    demo_feedback.show(ran[0])
    printed = capsys.readouterr().out

    assert re.search(r"^ +scans +┊photographs$", printed, re.MULTILINE)
    for arm in ("forest-2", "photo-3", "small-1"):
        assert re.search(rf"^{arm} +[ ▁▂▃▄▅▆▇█]+┊[ ▁▂▃▄▅▆▇█]+ +\d+% of late$", printed, re.MULTILINE)
    assert re.search(r"^with the router +[\d.]+% +[\d.]+% +[\d.]+% *$", printed, re.MULTILINE)
    assert re.search(
        r"^The router was right in [\d.]+%. forest-2, the best model of the first half, ", printed, re.MULTILINE
    )
    assert re.search(r"^read digit .*\n├─ route .*\n├─ predict .*\n├─ respond .*\n└─ feedback ", printed, re.MULTILINE)


def test_the_page_shows_the_same_course(ran: tuple[dict[str, Any], Path]) -> None:
    """The picture's words give each arm's share by quarters: one leads the second, the other the last."""
    with running(config.load(environ={}, store=str(ran[1]), port=0)) as serving:
        page = httpx.get(f"{serving.url}/feedback").text
    told = re.search(r'aria-label="Shares of the arms of digits in each quarter of this time: ([^"]*)"', page)
    assert told is not None
    shares = dict(part.split(" ", 1) for part in told[1].split("; "))
    forest, photo = ([int(word.removesuffix(" %")) for word in shares[best].split(", ")] for best in BEST)

    assert forest[1] > 50 > forest[3]
    assert photo[1] < 50 < photo[3]
    assert f"{REQUESTS:,} decisions" in page
