"""Killed in the middle of it: no acknowledged feedback is lost, and nothing is learned twice (F4, F6)."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

SUPPORT = Path(__file__).parents[1] / "support"


@pytest.fixture
def found(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Run support/killing.py and return what it found."""

    def run(what: str, kills: int = 0, *, seconds: float = 110) -> dict[str, Any]:
        seed = random.SystemRandom().randrange(2**32)
        print(f"{what}: seed {seed}")
        command = [sys.executable, "killing.py", what, tmp_path, kills, seed]
        done = subprocess.run(
            [str(word) for word in command], cwd=SUPPORT, capture_output=True, text=True, timeout=seconds, check=False
        )
        assert done.returncode == 0, done.stderr
        print(done.stdout)
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    return run


LONG = (pytest.mark.long, pytest.mark.timeout(4_000))
NIGHT = (pytest.mark.release, pytest.mark.timeout(16_000))


@pytest.mark.parametrize("kills", [100, pytest.param(2_000, marks=LONG), pytest.param(10_000, marks=NIGHT)])
def test_f4_a_killed_feedback_writer(found: Callable[..., dict[str, Any]], kills: int) -> None:
    """After kill -9 all acknowledged feedback is there, each with one delivery, and sent again it changes nothing."""
    report = found("writers", kills, seconds=kills * 1.5)

    assert report["kills"] == kills
    assert report["acknowledged"] > kills
    assert report["lost"] == 0
    # At most the one that each was writing was committed without an answer.
    assert report["acknowledged"] <= report["kept"] <= report["acknowledged"] + kills
    assert report["queued"] == report["kept"]
    assert report["kept and queued after all was sent again"] == [report["kept"]] * 2
    assert report["integrity"]


@pytest.mark.parametrize("kills", [20, pytest.param(1_000, marks=LONG)])
def test_f6_a_worker_killed_in_mid_job(found: Callable[..., dict[str, Any]], kills: int) -> None:
    """After kill -9 its items are handed out again when the lease ends, and everything is learned exactly once."""
    report = found("workers", kills, seconds=100 + kills * 1.5)

    assert report["kills"] == kills
    assert report["held by the killed"] > 0
    assert report["learned"] == report["expected"]
    assert report["each once"]
    assert report["all of it learned within seconds"] < 60
    assert report["dead"] <= kills / 20  # nothing was wrong with these: they were held five times when the kill came
    assert report["integrity"]


def test_a_crash_between_any_two_steps(found: Callable[..., dict[str, Any]]) -> None:
    """Killed before each statement and each commit in turn, from the verdict to the policy: all is as if it had not been."""
    report = found("steps")

    assert report["steps"] > 30
    assert report["wrong"] == []
