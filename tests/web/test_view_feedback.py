"""The Feedback page's rows, out of a store."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from stagelight import _clock
from stagelight.sink.rows import Decision, Feedback
from stagelight.store import open_store
from stagelight.web import view_feedback
from stagelight.web.view_feedback import ROUTERS_SHOWN

if TYPE_CHECKING:
    from pathlib import Path

PART_S = 144  #: How long one of the parts is into which a day is cut at first.


def test_the_shortest_window_in_which_anything_happened_is_shown(tmp_path: Path) -> None:
    """Two hours after the last word the page opens on six hours; a window that was asked for is shown as it is."""
    now = _clock.wall_ns()
    said = Feedback(
        feedback_id="f", kind="explicit", signal="rating", value=2.0, trace_id="a" * 32, observed_at=now / 1e9
    )
    with open_store(tmp_path / "page.db") as store:
        store.rows.write([said])
        later = now + 2 * 3600 * 10**9

        assert view_feedback.feedback(store, "", now_ns=later).window == "6h"
        assert view_feedback.feedback(store, "5m", now_ns=later).count == 0
        assert view_feedback.feedback(store, "", now_ns=now).signals[0].said == "2.0 of 5"
        assert not view_feedback.feedback(store, "", now_ns=later, tenant="default").empty
        assert view_feedback.feedback(store, "", now_ns=later, tenant="other").empty


def test_of_very_many_routers_some_are_shown(tmp_path: Path) -> None:
    """Whoever makes up names of routers cannot make the page endless."""
    now = _clock.wall_ns() / 1e9
    rows = [
        Decision(decision_id=f"d{at}", router=f"r{at:03}", arm="a", observed_at=now) for at in range(ROUTERS_SHOWN + 5)
    ]
    with open_store(tmp_path / "page.db") as store:
        store.rows.write(rows)
        seen = view_feedback.feedback(store, "", now_ns=_clock.wall_ns())

    assert (len(seen.routers), seen.more_routers) == (ROUTERS_SHOWN, 5)
    assert seen.decisions == ROUTERS_SHOWN


@pytest.mark.parametrize("into", [0, 60, 138], ids=["from a part's beginning", "within a part", "over two parts"])
def test_a_run_of_seconds_is_seen_as_such_in_a_day(tmp_path: Path, into: int) -> None:
    """However long the window is, the pictures are cut from the time in which anything happened."""
    begin = 12_466_667 * PART_S + into
    rows = [
        Decision(decision_id=f"d{at}", router="r", arm="ab"[at >= 75], observed_at=begin + at / 10) for at in range(120)
    ]
    with open_store(tmp_path / "page.db") as store:
        store.rows.write(rows)
        (router,) = view_feedback.feedback(store, "24h", now_ns=(begin + 3600) * 10**9).routers

    assert router.steps.count > 50
    assert router.decisions == 120
    assert re.search(r"a 100 %, 100 %, \d+ %, 0 %", router.story)
