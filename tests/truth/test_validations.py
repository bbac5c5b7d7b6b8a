"""Validation outcomes: the same sentences for memory and SQLite, and which of them is chosen."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from stagelight.store import current, open_store
from stagelight.truth.validations import ValidationOutcomeStore, get_validation_outcome_store
from validations import Conformance, failure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class TestMemory(Conformance):
    """Outcomes in memory."""

    @pytest.fixture
    def outcomes(self) -> ValidationOutcomeStore:
        """A fresh one."""
        return get_validation_outcome_store(use_supabase=False)


class TestSqlite(Conformance):
    """Outcomes in SQLite."""

    @pytest.fixture
    def outcomes(self, tmp_path: Path) -> Iterator[ValidationOutcomeStore]:
        """The store that is in use."""
        with open_store(tmp_path / "v.db") as store, current.using(store):
            yield get_validation_outcome_store()


async def test_without_a_configured_store_the_named_or_default_file_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A URL wins; without one STAGELIGHT_STORE names the file; both outlive the object."""
    monkeypatch.setenv("STAGELIGHT_STORE", str(tmp_path / "named.db"))
    named, told = get_validation_outcome_store(), get_validation_outcome_store(url=str(tmp_path / "told.db"))
    assert named.durable
    await named.store(failure(1))
    await told.store(failure(2))
    assert [one.outcome_id for one in await get_validation_outcome_store().query_failures()] == ["o1"]
    assert (tmp_path / "told.db").is_file()


async def test_an_unreachable_server_means_memory_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing raises; outcomes are kept, and the log says that they end with the process."""
    kept = get_validation_outcome_store(url="postgresql+psycopg://nobody@127.0.0.1:9/none?connect_timeout=1")
    assert not kept.durable
    assert "kept in memory and end with the process" in caplog.text
    await kept.store(failure(1))
    assert await kept.get("o1") is not None


async def test_views_show_failures_and_their_patterns(tmp_path: Path) -> None:
    """Both views of the contract answer in plain SQL; an old failure is not a recent one, a pass is neither."""
    with open_store(tmp_path / "v.db") as store, current.using(store):
        kept = get_validation_outcome_store()
        await kept.store(failure(1))
        await kept.store(failure(2, timestamp=0.0))
        await kept.store(failure(3, outcome_type="passed", timestamp=0.0))
    with closing(sqlite3.connect(tmp_path / "v.db")) as connection:
        patterns = connection.execute("SELECT pattern, failures, brands FROM v_validation_failure_patterns").fetchall()
        recent = connection.execute("SELECT outcome_id FROM v_validation_recent_failures").fetchall()
    assert patterns == [("placebo_effect", 2, 1)]
    assert recent == [("o2",)]
