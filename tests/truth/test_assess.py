"""Everything that is said of a version in one call, and where Prometheus sees it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from late_truth import DAY, START, came, joined, rule, said
from stagelight import truth
from stagelight.testing import in_memory

if TYPE_CHECKING:
    from stagelight.store import Store
    from stagelight.truth import Assessment, Rules

DIGIT = (
    "digit: {truth: last, events: label, within: 2d,"
    " compare: {baseline: 10d, current: 5d, accuracy_drop: 0.2, calibration_rise: 0.2}}"
)


def a_month(store: Store, read: Rules, *, turned_on: float, now: float) -> Assessment:
    """Thirty digits a day, labelled after a day and a half, half of them wrong from a day on; judged on day `now`."""
    rows = []
    for number in range(600):
        day = number / 30
        rows.append(said(f"p{number}", "digit", day=day, decision="3", score=0.8 + number % 10 / 50))
        wrong = number % 2 if day >= turned_on else number % 10 == 0
        rows.append(came(f"t{number}", "label", day + 1.5, of=f"p{number}", label="8" if wrong else "3"))
    store.rows.write([row for row in rows if row.observed_at <= START + now * DAY])
    joined(store, read, now)
    (found,) = truth.assess(store, read.rules["digit"], now=START + now * DAY)
    return found


def test_a_concept_drift_alerts_when_its_cohort_is_mature_and_not_before(store: Store) -> None:
    """Labels turn on day 12; until two days later nobody can know. The estimate from scores never sees it."""
    read = rule(DIGIT)

    early = a_month(store, read, turned_on=12, now=13.9)
    late = a_month(store, read, turned_on=12, now=19)

    assert early.windows.current_until == START + 11 * DAY
    assert (early.verdict.accuracy_status, late.verdict.accuracy_status) == ("OK", "ALERT")
    assert late.current.accuracy
    assert late.estimated
    assert late.estimated.accuracy.value - late.current.accuracy.value > 0.3
    assert late.expected
    assert late.expected.predictions == 61  # two days that are not mature yet, and a moment
    assert late.verdict.reason.startswith("accuracy 0.900 before, 0.500 now (300 and 150 predictions, p = ")


def test_what_no_join_has_looked_at_is_not_mature(store: Store) -> None:
    """Of predictions since the last join a yes may be known and no no: judged, they made a good model an ALERT."""
    read = rule("churn: {truth: exists, events: gone, within: 5d, compare: {baseline: 10d, current: 5d}}")
    rows = []
    for number in range(600):
        right = number % 10 < 8
        rows.append(said(f"p{number}", day=number / 30, score=0.1 if right else 0.2))
        rows += [] if right else [came(f"t{number}", "gone", number / 30, of=f"p{number}")]
    store.rows.write(rows)
    joined(store, read, 16)

    (found,) = truth.assess(store, read.rules["churn"], now=START + 25 * DAY)

    assert found.coverage.ratio == 1.0
    assert found.coverage.mature == 331  # of eleven days, and the moment itself
    assert found.current.predictions == 0
    assert found.verdict.accuracy_status == "OK"


def test_an_assessment_is_plain_data(store: Store) -> None:
    """It can be printed as JSON, with the figures that are worked out of others."""
    found = a_month(store, rule(DIGIT), turned_on=99, now=19).as_dict()

    data = json.loads(json.dumps(found))
    assert data["verdict"]["accuracy_drop"] == pytest.approx(0.0)
    assert data["current"]["coverage"] == 1.0
    assert data["coverage"]["mature"] == 511


def test_each_version_and_owner_is_assessed_by_itself(store: Store) -> None:
    """One assessment for each that predicted, or the one that is asked for."""
    store.rows.write([said("p1", version="a"), said("p2", version="b")])
    read = rule("churn: {truth: exists, events: cancelled, within: 5d}")
    joined(store, read, 9)
    now = START + 9 * DAY

    assert [one.model_version for one in truth.assess(store, read.rules["churn"], now=now)] == ["a", "b"]
    assert [one.model_version for one in truth.assess(store, read.rules["churn"], "b", now=now)] == ["b"]
    assert truth.assess(store, read.rules["churn"], now=now, workspace="other") == []


def test_two_tenants_with_a_model_of_one_name_have_their_own_figures(store: Store) -> None:
    """Neither overwrites the other; the default tenant's have the contract's labels alone."""
    mine = a_month(store, rule(DIGIT), turned_on=12, now=19)
    theirs = replace(
        mine, tenant="acme", workspace="shop", current=replace(mine.current, accuracy=mine.baseline.accuracy)
    )
    with in_memory() as seen:
        truth.show(mine, theirs)

        now = {"model": "digit", "model_version": "a", "window": "current"}
        assert seen.value("stagelight_model_accuracy", **now, tenant="", workspace="") == pytest.approx(0.5)
        assert seen.value("stagelight_model_accuracy", **now, tenant="acme", workspace="shop") == pytest.approx(0.9)


def test_the_figures_are_metrics(store: Store) -> None:
    """Accuracy, calibration, estimate, coverage and verdict of each version and window, and the lag of every truth."""
    with in_memory() as seen:
        truth.show(a_month(store, rule(DIGIT), turned_on=12, now=19))

        version = {"model": "digit", "model_version": "a"}
        assert seen.value("stagelight_model_accuracy", **version, window="baseline") == pytest.approx(0.9)
        assert seen.value("stagelight_model_accuracy", **version, window="current") == pytest.approx(0.5)
        assert seen.value("stagelight_model_calibration_error", **version, window="current") > 0.3
        assert seen.value("stagelight_model_estimated_accuracy", **version, window="coming") > 0.8
        assert seen.value("stagelight_label_coverage_ratio", **version) == 1.0
        assert seen.value("stagelight_model_status", **version, figure="accuracy") == 2
        assert seen.value("stagelight_label_lag_seconds", **version) == 526
        (lags,) = seen.points("stagelight_label_lag_seconds")
        assert lags.sum == pytest.approx(526 * 1.5 * DAY)


def test_a_version_without_any_truth_shows_nothing_made_up(store: Store) -> None:
    """No accuracy of nothing: the gauges stay away."""
    store.rows.write([said("p1", day=0)])
    read = rule("churn: {truth: exists, events: cancelled, within: 50d}")
    joined(store, read, 9)
    with in_memory() as seen:
        truth.show(*truth.assess(store, read.rules["churn"], now=START + 9 * DAY))

        assert seen.points("stagelight_model_accuracy") == []
        assert seen.points("stagelight_label_coverage_ratio") == []
