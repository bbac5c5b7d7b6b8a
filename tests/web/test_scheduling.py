"""The scheduled tasks inside a server."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from stagelight import config
from stagelight.errors import ConfigurationError
from stagelight.store import current, open_store
from stagelight.web.app import create_app
from stagelight.web.scheduling import Scheduling

if TYPE_CHECKING:
    from pathlib import Path

    from stagelight.store import Store

RULES = "schedules: {short: {every: 1h}}\ntypes: {t: {schedule: short, truth: exists, events: e, within: 1d}}"


def done(store: Store, *names: str) -> bool:
    """Wait until tasks have been done, for a minute at most."""
    pause = threading.Event()
    for _ in range(1200):
        if all(store.leases.done_ns(name) for name in names):
            return True
        pause.wait(0.05)
    return False


async def test_a_server_runs_what_was_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules in the working folder are found; the window and the check for drift run soon after the start, on the server's store, which is nobody else's."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "outcome_truth_rules.yaml").write_text(RULES)
    with open_store(tmp_path / "s.db") as store:
        scheduling = Scheduling(store, config.load(), after_s=0.0)
        scheduling.start()
        assert await asyncio.to_thread(done, store, "feedback-loop-short-window", "drift-check")
        assert current.current() is None
        await scheduling.stop()


async def test_a_server_that_ends_at_once_starts_nothing(tmp_path: Path) -> None:
    """Stopped before its moment has come, it leaves no thread and no store behind."""
    with open_store(tmp_path / "s.db") as store:
        scheduling = Scheduling(store, config.load(drift_check_interval=0.0))
        scheduling.start()
        await scheduling.stop()
        assert current.current() is None
        assert store.leases.done_ns("drift-check") == 0


def test_rules_that_are_named_and_wrong_are_refused(tmp_path: Path) -> None:
    """A server does not start on rules that nobody can follow."""
    (tmp_path / "r.yaml").write_text("types: {}")
    with open_store(tmp_path / "s.db") as store, pytest.raises(ConfigurationError, match=r"r\.yaml"):
        create_app(store, config.load(truth_rules=str(tmp_path / "r.yaml")))


def test_rules_that_only_lie_there_and_are_wrong_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A file in the working folder that is another program's does not keep the page from opening."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "outcome_truth_rules.yaml").write_text("types: {}")
    with open_store(tmp_path / "s.db") as store:
        Scheduling(store, config.load())
    assert "no truth is joined" in caplog.text
