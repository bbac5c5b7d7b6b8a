"""Late truth under disorder: what arrives in any order, twice, corrected, or on other clocks ends in the same figures."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from late_truth import DAY, came, figures, joined, outcomes, rule, said
from stagelight import truth
from stagelight.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stagelight.sink.rows import Truth

CHURN = "churn: {truth: exists, events: [cancelled, lapsed], within: 30d, grace: 2d, exclude: {events: [died]}}"


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the tables and nothing in them."""
    path = tmp_path_factory.mktemp("empty") / "empty.db"
    open_store(path).close()
    return path


@pytest.fixture(scope="module")
def variables() -> Iterator[pytest.MonkeyPatch]:
    """Variables for a whole module; the zone is put back at the end."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch
    time.tzset()


MIXED = f"""{CHURN}
  digit: {{truth: last, events: label, within: 20d}}
  spend: {{truth: sum, events: paid, within: 20d, threshold: 1.0}}
  clicks: {{truth: count, events: click, within: 20d, threshold: 2}}
"""
EVENTS = {
    "churn": ("cancelled", "lapsed", "died"),
    "digit": ("label",),
    "spend": ("paid",),
    "clicks": ("click",),
}
TYPES = tuple(EVENTS)


@st.composite
def _truths(draw: st.DrawFn) -> list[Truth]:
    """Events about eight predictions: words, second words, taken back, inside and outside their windows."""
    made = []
    for number in range(draw(st.integers(1, 14))):
        which = draw(st.integers(0, 7))
        named = draw(st.booleans())
        made.append(
            came(
                f"t{number}",
                draw(st.sampled_from(EVENTS[TYPES[which % 4]])),
                draw(st.integers(0, 250)) / 10,
                value=draw(st.sampled_from([None, 0.0, 1.0, -1.0, 0.1, 0.2, 0.7])),
                label=draw(st.sampled_from(["3", "8", ""])),
                **({"prediction_id": f"p{which}"} if named else {"of": f"p{which}"}),
            )
        )
    return made


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(truths=_truths(), data=st.data())
def test_any_order_duplicates_and_corrections_end_in_identical_figures(
    empty: Path, tmp_path: Path, truths: list[Truth], data: st.DataObject
) -> None:
    """However truth arrives (in any order, in parts with joins between, some of it twice), the figures are the same."""
    read = rule(MIXED)
    predictions = [said(f"p{n}", TYPES[n % 4], day=n / 10, decision="3", version="ab"[n % 2]) for n in range(8)]
    found = []
    shuffled = data.draw(st.permutations(truths)) + data.draw(st.lists(st.sampled_from(truths), max_size=4))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(shuffled)), max_size=3)))
    between = data.draw(st.lists(st.integers(5, 60), min_size=len(cuts), max_size=len(cuts)))
    for order, stops in ((truths, []), (shuffled, list(zip(cuts, between, strict=True)))):
        with open_store(Path(shutil.copy(empty, tmp_path / f"{len(found)}.db"))) as store:
            store.rows.write(predictions)
            done = 0
            for stop, day in stops:  # days in any order: a clock may have been set back between two joins
                store.rows.write(order[done:stop])
                joined(store, read, day)
                done = max(done, stop)
            store.rows.write(order[done:])
            joined(store, read, 60)
            found.append(figures(store, read, 60))
    assert found[0] == found[1]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hours=st.lists(st.integers(-14, 14), min_size=3, max_size=3), zone=st.sampled_from(["America/New_York", "UTC"]))
def test_zones_change_nothing(
    empty: Path, tmp_path: Path, hours: list[int], zone: str, variables: pytest.MonkeyPatch
) -> None:
    """The same moments written in other zones, on a machine in another zone, over a change of the clocks, are the same."""
    from stagelight.truth import reading

    variables.setenv("TZ", zone)
    time.tzset()
    begin = datetime(2026, 3, 7, 12, tzinfo=UTC)  # New York sets its clocks forward in that night
    read = rule("churn: {truth: exists, events: cancelled, within: 1d}")
    days = [begin + timedelta(hours=hours_later) for hours_later in (0, 24, 25)]
    found = []
    for name, offsets in (("plain", [0, 0, 0]), ("zoned", hours)):
        at = [
            reading.moment(day.astimezone(timezone(timedelta(hours=one))).isoformat())
            for day, one in zip(days, offsets, strict=True)
        ]
        with open_store(Path(shutil.copy(empty, tmp_path / f"{name}.db"))) as store:
            store.rows.write([replace(said("in"), observed_at=at[0]), replace(said("out"), observed_at=at[0])])
            store.rows.write([replace(came("t1", "cancelled", 0, of="in"), observed_at=at[1])])
            store.rows.write([replace(came("t2", "cancelled", 0, of="out"), observed_at=at[2])])
            truth.join(store, read, now=at[0] + 5 * DAY)
            found.append(outcomes(store))
    assert found == [{"in": "1", "out": "0"}] * 2
