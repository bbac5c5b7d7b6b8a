"""The queue's rows run and judge; how fast anything is, is not a test."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_queue_is_judged_against_a_bare_loop() -> None:
    """Each way of writing has a bare loop that is 1x, and ours with a verdict; every item was learned, or the row says why not."""
    command = [sys.executable, "-m", "benchmarks", "--quick", "--no-peers", "--json", "--only", "queue"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)

    assert done.returncode == 0, done.stderr
    lines = {(line["key"], line["subject"]): line for line in json.loads(done.stdout)["lines"]}
    for key, level in (("queue_normal", "NORMAL"), ("queue_full", "FULL")):
        assert lines[key, f"bare sqlite3 loop of the same, synchronous={level}"]["ratio"] == 1
        ours = lines[key, f"stagelight, SQLite {level}"]
        assert ours["why"] == ""
        assert isinstance(ours["met"], bool)
        assert ours["goal"] == ">=0.4x"
        assert lines[key, "bare loop without keys and JSON"]["met"] is None
