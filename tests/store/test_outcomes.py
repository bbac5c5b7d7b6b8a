"""Outcomes in the store: revisions, views that say what Python says, what is kept how long, and a million of them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from late_truth import DAY, START, came, joined, outcomes, rule, said
from many_predictions import END, RULES, fill
from stagelight import truth
from stagelight.store import open_store

if TYPE_CHECKING:
    from pathlib import Path

    from stagelight.sink.rows import Row
    from stagelight.store import Store
    from stagelight.testing import SteppingClock

CHURN = "churn: {truth: exists, events: cancelled, within: 30d, grace: 2d}"


def view(store: Store, name: str) -> list[dict[str, Any]]:
    """The rows of a view."""
    with store._database.reading() as connection:
        return [dict(row) for row in connection.execute(sa.text(f"SELECT * FROM {name}")).mappings()]


def test_revisions_are_kept_and_the_last_one_holds(store: Store) -> None:
    """A correction is a new row; the prediction's row says what holds; nothing that was said is changed."""
    read = rule("churn: {truth: last, events: review, within: 30d}")
    store.rows.write([said("p1", decision="good")])
    for number, label in enumerate(("good", "bad", "bad", "good"), start=1):
        store.rows.write([came(f"t{number}", "review", number, of="p1", label=label)])
        joined(store, read, number)

    history = store.outcomes.history("p1")

    assert [(row.revision, row.actual_outcome, row.actual) for row in history] == [
        (1, "good", 1),
        (2, "bad", 0),
        (3, "good", 1),
    ]
    assert outcomes(store) == {"p1": "good"}
    assert [row.lag_seconds for row in history] == [DAY, DAY, DAY]  # until something was known at all


def test_the_weekly_view_says_what_python_says(store: Store) -> None:
    """Accuracy, calibration error, Brier score and coverage of each week and version, immature ones in none."""
    read = rule("digit: {truth: last, events: label, within: 10d}")
    scores = [0.05, 0.1, 0.3, 0.3000001, 0.55, 0.7, 0.7, 0.9, 1.0, None, 7.0]
    rows: list[Row] = []
    for number, score in enumerate(scores * 4):
        day, version = number % 30, "ab"[number % 2]
        rows.append(said(f"p{number}", "digit", day=day, version=version, decision="3", score=score))
        if number % 5:
            rows.append(came(f"t{number}", "label", day + 1, of=f"p{number}", label="38"[number % 3 == 0]))
    store.rows.write(rows)
    now = START + 30 * DAY
    joined(store, read, 30)

    rows = view(store, "v_concept_drift_metrics")

    assert len(rows) > 4
    assert {row["week"] for row in rows} >= {"2024-10-07", "2024-10-14"}
    for row in rows:
        begin = monday(row["week"])
        judged = truth.judged(store, "digit", row["model_version"], begin, begin + 7 * DAY, now=now)
        found = truth.performance(judged)
        figures = found.accuracy, found.calibration_error, found.brier
        expected = [None if one is None else pytest.approx(one.value, abs=1e-12) for one in figures]
        assert [row["accuracy"], row["calibration_error"], row["brier_score"]] == expected
        assert (row["mature"], row["labelled"]) == (found.predictions, found.labelled)
        assert row["coverage"] == (found.coverage if found.predictions else None)


def test_the_view_cuts_bins_where_python_does(store: Store) -> None:
    """A score on an edge belongs below it: (.05, no) and (.1, yes) share a bin, |.15 - 1| / 2 = .425 and not .475."""
    store.rows.write([said("no", score=0.05), said("yes", score=0.1), came("t1", "cancelled", 1, of="yes")])
    joined(store, rule(CHURN), 40)

    (row,) = view(store, "v_concept_drift_metrics")

    assert row["calibration_error"] == pytest.approx(0.425, abs=1e-12)


def monday(text: str) -> float:
    """Seconds since 1970 of a Monday."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def test_the_monthly_view_counts_right_and_wrong(store: Store) -> None:
    """True and false positives and negatives of a month; what is excluded, unknown or immature is in none of them."""
    read = rule("churn: {truth: exists, events: cancelled, within: 5d, exclude: {events: died}}")
    cases = {"tp": (0.9, True), "fp": (0.9, False), "tn": (0.1, False), "fn": (0.1, True), "tn2": (0.2, False)}
    for name, (score, happened) in cases.items():
        store.rows.write([said(name, score=score)])
        store.rows.write([came(name, "cancelled", 1, of=name)] * happened)
    store.rows.write([said("out"), came("out", "died", 1, of="out"), said("young", day=28)])
    joined(store, read, 30)

    rows = view(store, "v_model_performance_tracking")

    counts = {row["month"]: [row[name] for name in ("predictions", "mature", "tp", "fp", "tn", "fn")] for row in rows}
    assert counts == {"2024-10": [5, 5, 1, 1, 2, 1], "2024-11": [1, 0, 0, 0, 0, 0]}
    october = next(row for row in rows if row["month"] == "2024-10")
    assert [october["accuracy"], october["precision_score"], october["recall_score"]] == [0.6, 0.5, 0.5]


def test_the_alerts_view_shows_the_newest_verdict_of_each_version(store: Store, stepping: SteppingClock) -> None:
    """What Python concluded is what SQL shows: statuses, figures and the reason."""
    read = rule("digit: {truth: last, events: label, within: 1d, compare: {baseline: 20d, current: 5d}}")
    rows: list[Row] = []
    for number in range(1000):
        day = number / 40
        good = day < 20 or number % 2
        rows.append(said(f"p{number}", "digit", day=day, decision="3", score=0.9))
        rows.append(came(f"t{number}", "label", day + 0.5, of=f"p{number}", label="3" if good else "8"))
    store.rows.write(rows)
    read_rule = read.rules["digit"]
    for day in (24.5, 26.5):
        joined(store, read, day)
        for assessment in truth.assess(store, read_rule, now=START + day * DAY):
            truth.keep(store, assessment)
        stepping.advance(days=2)

    (shown,) = view(store, "v_drift_alerts")

    kept = store.outcomes.verdicts(type_="digit")
    assert len(kept) == 2
    assert (shown["accuracy_status"], shown["calibration_status"]) == ("OK", "OK")
    assert shown["reason"].startswith("too little truth to tell: 800 and 200 predictions")
    assert shown["judged_ns"] == kept[0].judged_ns
    assert shown["current_accuracy"] == kept[0].current_accuracy == 0.5


def test_predictions_in_their_truth_window_do_not_expire(path: Path, stepping: SteppingClock) -> None:
    """Rows are kept for a week here; a prediction and its truth stay while the rule still waits, and then go together."""
    with open_store(path, row_days=7) as store:
        now = stepping.now
        store.rows.write([replace(said("p1"), observed_at=now), replace(said("other", "unjudged"), observed_at=now)])
        stepping.advance(days=3)
        store.rows.write([replace(came("t1", "cancelled", 0, of="p1"), observed_at=stepping.now)])
        truth.join(store, rule(CHURN), now=stepping.now)

        stepping.advance(days=20)
        store.admin.expire()
        assert (store.rows.count("predictions"), store.rows.count("truth")) == (1, 1)
        assert len(store.outcomes.history("p1")) == 1

        stepping.advance(days=40)
        store.admin.expire()
        assert (store.rows.count("predictions"), store.rows.count("truth")) == (0, 0)
        assert store.outcomes.history("p1") == []


def test_a_join_that_is_killed_half_way_is_finished_by_the_next(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """After any slice the process may end: what was written stays, and the next join ends with the same outcomes."""
    store.outcomes._slice = 10
    store.rows.write([said(f"p{number}", day=number / 10) for number in range(35)])
    store.rows.write([came(f"t{number}", "cancelled", 9, of=f"p{number}") for number in range(0, 35, 2)])
    revise, done = store.outcomes._revise, []

    def dies(*arguments: Any) -> int:
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(1)
        return revise(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(store.outcomes, "_revise", dies)
        with pytest.raises(KeyboardInterrupt):
            joined(store, rule(CHURN), 50)
    assert sum(found != "" for found in outcomes(store).values()) == 20

    report = joined(store, rule(CHURN), 50)

    assert (report.types[0].predictions, report.revisions) == (35, 15)
    assert outcomes(store) == {f"p{number}": "01"[number % 2 == 0] for number in range(35)}


def test_lags_are_told_once_by_version_and_bucket(store: Store, stepping: SteppingClock) -> None:
    """How long truth took, for those it came for: a correction is no new truth, silence took no time, a late no to it did."""
    store.rows.write([said("p1"), said("p2", version="b"), said("p3"), said("p4")])
    store.rows.write([came("t1", "cancelled", 1.5, of="p1"), came("t2", "cancelled", 6, of="p2")])
    lags = [joined(store, rule(CHURN), 20).types[0].lags]
    for late in (came("t3", "cancelled", 1, of="p1"), came("t4", "cancelled", 12, of="p4")):
        store.rows.write([late])
        lags.append(joined(store, rule(CHURN), 40).types[0].lags)

    told = [[(lag.model_version, lag.count, lag.mean_seconds / DAY) for lag in some] for some in lags]

    assert told == [[("a", 1, 1.5), ("b", 1, 6.0)], [], [("a", 1, 12.0)]]
    assert [row.actual_outcome for row in store.outcomes.history("p4")] == ["0", "1"]


JOIN = """
import re, sys, time
from pathlib import Path
from stagelight import truth
from stagelight.store import open_store
from stagelight.truth import rules
with open_store(sys.argv[1], max_bytes=2**40) as store:
    read = rules.load(sys.argv[2])
    wall, processor = time.perf_counter(), time.process_time()
    report = truth.join(store, read, now=float(sys.argv[3]))
    peak = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]  # ru_maxrss knows the parent's
    print(time.process_time() - processor, time.perf_counter() - wall, peak)
    assert sum(one.predictions for one in report.types) == int(sys.argv[4])
"""


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_million_predictions_and_three_million_events_take_a_minute(tmp_path: Path) -> None:
    """Joined within 60 s of processor time on SQLite; the memory is that of a tenth of them, but for SQLite's caches of bounded size."""
    (tmp_path / "rules.yaml").write_bytes(RULES)
    found = []
    for size in (100_000, 1_000_000):
        path = tmp_path / f"{size}.db"
        with open_store(path, max_bytes=2**40) as store:
            fill(store, size)
        command = [sys.executable, "-c", JOIN, str(path), str(tmp_path / "rules.yaml"), str(END), str(size)]
        said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=1800).stdout
        found.append([float(figure) for figure in said.split()])
        print(size, said.strip())
    assert found[1][0] <= 60
    assert found[1][2] - found[0][2] < 64 * 1024  # kB: a connection caches pages up to 16 MiB, and there are a few
