"""A store that somebody else keeps locked, and what a program's own calls do meanwhile."""

from __future__ import annotations

import shutil
import sqlite3
import threading
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

import stagelight
from stagelight import _guard, setup
from stagelight.feedback import alog_feedback, log_feedback
from stagelight.routing import decisions, get_rl_model_router, registry
from stagelight.sink import hurry
from stagelight.store import current as stores
from stagelight.testing import in_memory
from stagelight.truth.log import log_prediction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from stagelight.store import Store
    from stagelight.store.model import Kind

TRACE = "0af7651916cd43dd8448eb211c80319c"
SLACK_S = 1.5  #: What a busy machine may add.


@pytest.fixture
def store(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A program configured on a store of its own; calls are in more of a hurry than usual."""
    monkeypatch.setattr(hurry, "HURRY_S", 0.2)
    path = shutil.copyfile(empty_store, tmp_path / "s.db")
    stagelight.configure(
        store=str(path), spool=str(tmp_path / "spool"), traces_exporter="none", metrics_exporter="none"
    )
    found = stores.current()
    assert found is not None
    yield found
    setup.shutdown()
    registry.forget()
    _guard.forget()


@contextmanager
def locked(store: Store) -> Iterator[None]:
    """Have another program write, and not end."""
    with closing(sqlite3.connect(str(store.path), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def soon(true: Callable[[], bool]) -> bool:
    """Whether something comes true."""
    until = time.monotonic() + 20
    while not (found := true()) and time.monotonic() < until:
        time.sleep(0.02)
    return found


def kept(store: Store, kind: Kind, count: int) -> bool:
    """Whether so many rows arrive soon, and no more."""
    return soon(lambda: store.rows.count(kind) >= count) and store.rows.count(kind) == count


def test_feedback_waits_a_moment_and_is_on_disk_then(store: Store) -> None:
    """The receipt comes soon, says truly that the row is spooled and why, and the row arrives when the lock is gone."""
    with locked(store):
        began = time.monotonic()
        receipt = log_feedback(TRACE, rating=4, idempotency_key="k")
        took = time.monotonic() - began
        assert store.rows.count("feedback") == 0

    assert (receipt.status, receipt.id) == ("spooled", "k")
    assert "database is locked" in receipt.reason
    assert took < hurry.HURRY_S + SLACK_S
    assert kept(store, "feedback", 1)
    # The row is in the store a moment before the spool knows that it is empty.
    assert soon(lambda: log_feedback(TRACE, rating=4, idempotency_key="k").duplicate)


async def test_the_asynchronous_form_and_predictions_wait_no_longer(store: Store) -> None:
    """`alog_feedback` and `log_prediction` are as quick to answer."""
    with locked(store):
        began = time.monotonic()
        receipts = [await alog_feedback(TRACE, rating=4), log_prediction("churn", score=0.5)]
        took = time.monotonic() - began

    assert [receipt.status for receipt in receipts] == ["spooled", "spooled"]
    assert took < 2 * hurry.HURRY_S + SLACK_S
    assert kept(store, "feedback", 1)
    assert kept(store, "predictions", 1)


def test_a_program_that_writes_itself_holds_nobody_up(store: Store) -> None:
    """Another thread of this process that writes for long is waited for as briefly, and the reason says so."""
    writing, done = threading.Event(), threading.Event()

    def hold() -> None:
        with store._database.writing():
            writing.set()
            done.wait(20)

    holder = threading.Thread(target=hold)
    holder.start()
    assert writing.wait(20)
    began = time.monotonic()
    receipt = log_feedback(TRACE, rating=4)
    took = time.monotonic() - began
    done.set()
    holder.join()

    assert (receipt.status, took < hurry.HURRY_S + SLACK_S) == ("spooled", True)
    assert "this process is writing" in receipt.reason
    assert kept(store, "feedback", 1)


def test_a_choice_waits_for_no_lock(store: Store) -> None:
    """`choose` answers at once, and its decision is written when that is possible."""
    router = get_rl_model_router(create_if_missing=True, arms=["small", "large"])
    router.choose()
    assert decisions.log.flush()
    with locked(store):
        began = time.monotonic()
        router.choose()
        took = time.monotonic() - began

    assert took < SLACK_S
    assert kept(store, "decisions", 2)


def test_without_a_spool_the_truth_is_a_refusal(
    tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no spool is wanted, a row that could not be committed in time is refused with the reason."""
    monkeypatch.setattr(hurry, "HURRY_S", 0.2)
    path = shutil.copyfile(empty_store, tmp_path / "s.db")
    stagelight.configure(store=str(path), spool_max_bytes=0, traces_exporter="none", metrics_exporter="none")
    found = stores.current()
    assert found is not None
    with locked(found):
        receipt = log_feedback(TRACE, rating=4)
    setup.shutdown()

    assert receipt.status == "refused"
    assert "database is locked" in receipt.reason


def test_background_work_keeps_its_patience(store: Store) -> None:
    """A write that nobody waits for is done after a lock that is held for longer than a hurry lasts."""
    with closing(sqlite3.connect(str(store.path), isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        threading.Timer(4 * hurry.HURRY_S, other.execute, ["ROLLBACK"]).start()
        store.tokens.create("t", tenant="default", scopes=("read",), days=1)

    assert hurry.left_s() is None


def test_a_hurry_within_a_hurry_is_not_a_second_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that does several things has its time once."""
    with hurry.hurrying():
        first = hurry.left_s()
        with hurry.hurrying():
            second = hurry.left_s()

    assert first is not None
    assert second is not None
    assert second <= first


@pytest.mark.parametrize("earlier", [0, 1])
def test_a_key_sent_thrice_while_the_store_is_away_counts_once(store: Store, earlier: int) -> None:
    """The metric, like the store, counts a row when it is taken as new; one that was there before is not counted again."""
    if earlier:
        log_feedback(TRACE, rating=4, idempotency_key="k")
    with in_memory() as telemetry:
        with locked(store):
            receipts = [log_feedback(TRACE, rating=4, idempotency_key="k") for _ in range(3)]
            log_feedback(TRACE, thumbs=True)
            assert telemetry.value("stagelight_feedback_total") == 0
        assert kept(store, "feedback", 2)
        assert soon(lambda: telemetry.value("stagelight_feedback_total", signal="thumbs") == 1)
        ratings = telemetry.value("stagelight_feedback_total", signal="rating")
        spans = [span for span in telemetry.spans if span.attributes["gen_ai.evaluation.name"] == "rating"]

    assert {receipt.status for receipt in receipts} == {"spooled"}
    assert (ratings, len(spans)) == (1 - earlier, 1 - earlier)
