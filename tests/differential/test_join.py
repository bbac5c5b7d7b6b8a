"""The join of truth against a plain loop over the same events, and its cost as there is more to join."""

from __future__ import annotations

import shutil
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from late_truth import outcomes
from many_predictions import END, RULES, fill
from stagelight import truth
from stagelight.store import open_store
from stagelight.truth import rules

if TYPE_CHECKING:
    from pathlib import Path

    from stagelight.store import Store
    from stagelight.store.outcome_model import Labelling


def joined(store: Store) -> None:
    """Join everything there is."""
    report = truth.join(store, rules.parse(RULES), now=END)
    assert sum(one.predictions for one in report.types) == store.rows.count("predictions")


def rows(store: Store, table: str) -> list[Any]:
    """Return all rows of a table."""
    with store._database.reading() as connection:
        return list(connection.execute(sa.text(f"SELECT * FROM {table}")))


def turned_out(rule: Labelling, heard: list[Any]) -> str:
    """Say what a prediction turned out to be when all is over, by the events in its window, the oldest first."""
    taken_back = {event.event: event.value == 0 for event in heard}  # the last word of each kind
    if any(not taken_back.get(event, True) for event in rule.exclude_events):
        return ""
    if rule.kind == "last":
        return next((event.label for event in reversed(heard) if event.label), "")
    if rule.kind == "exists":
        return str(int(any(not taken_back.get(event, True) for event in rule.events)))
    values = [event.value for event in heard]
    if rule.kind == "count":
        values = [-1 if value < 0 else int(value > 0) for value in values]
    return str(int(sum(values) >= (rule.threshold or 1)))


def by_a_plain_loop(store: Store) -> dict[str, str]:
    """Return what each prediction turned out to be, one after the other."""
    named, nameless = defaultdict(list), defaultdict(list)
    for event in sorted(rows(store, "truth"), key=lambda event: (event.observed_at, event.truth_id)):
        (named[event.prediction_id] if event.prediction_id else nameless[event.entity]).append(event)
    read, found = {name: rule.labelling for name, rule in rules.parse(RULES).rules.items()}, {}
    for one in rows(store, "predictions"):
        rule, begin = read[one.type], one.observed_at
        heard = [event for event in named[one.prediction_id] if event.observed_at <= begin + rule.within_s]
        heard += [event for event in nameless[one.entity] if begin <= event.observed_at <= begin + rule.within_s]
        wanted = [event for event in heard if event.event in (*rule.events, *rule.exclude_events)]
        found[one.prediction_id] = turned_out(rule, sorted(wanted, key=lambda event: event.observed_at))
    return found


def test_the_statement_finds_what_a_plain_loop_finds(empty_store: Path, tmp_path: Path) -> None:
    """Four kinds of rule over ten thousand predictions and thirty thousand events: the same outcome for each."""
    with open_store(shutil.copy(empty_store, tmp_path / "both.db")) as store:
        fill(store, 10_000)
        joined(store)

        found, expected = outcomes(store), by_a_plain_loop(store)

    assert found == expected
    assert {"", "0", "1", "d4"} < set(found.values())


def processor_seconds(store: Store, size: int) -> float:
    """What joining `size` predictions with three times as many events costs."""
    fill(store, size)
    begin = time.process_time()
    joined(store)
    return time.process_time() - begin


@pytest.mark.timeout(300)
def test_the_cost_of_a_join_grows_linearly(empty_store: Path, tmp_path: Path) -> None:
    """From 10,000 predictions to 100,000 it grows ten times, give or take half; a quadratic one would grow hundredfold.

    Others who use the processor's caches can spoil a round, but no quadratic cost looks linear in one of three.
    """
    ratio = 100.0
    for turn in range(3):
        seconds = []
        for size in (10_000, 100_000):
            path = shutil.copy(empty_store, tmp_path / f"{turn}-{size}.db")
            with open_store(path, max_bytes=2**40) as store:
                seconds.append(processor_seconds(store, size))
        ratio = min(ratio, seconds[1] / seconds[0])
        print("10,000: {:.2f} s, 100,000: {:.2f} s of processor time".format(*seconds), f"ratio {ratio:.1f}")
        if ratio < 15:
            break
    assert ratio < 15
