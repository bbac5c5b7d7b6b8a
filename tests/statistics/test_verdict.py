"""Verdicts that a statistician would sign: few false alarms however often one looks, and real losses found."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from stagelight import truth
from stagelight.truth import Comparison
from stagelight.truth.arrays import Judged
from stagelight.truth.comparison import DAY

SAMPLE = 800
WEEK = 600  #: Predictions.


def drawn(rng: np.random.Generator, size: int, *, accuracy: float | None = None, power: float = 1.0) -> Judged:
    """Predictions: calibrated scores, or of a given accuracy with a score to match it."""
    if accuracy is not None:
        scores = np.clip(rng.normal(accuracy, 0.05, size), 0.01, 0.99)
        return Judged.made(scores, (rng.random(size) < accuracy).astype(float), np.ones(size))
    scores = rng.random(size)
    return Judged.made(scores, (rng.random(size) < scores**power).astype(float))


@pytest.mark.parametrize(
    ("accuracy", "years"),
    [
        (0.8, 40),
        (0.97, 40),
        *(pytest.param(one, 1000, marks=[pytest.mark.long, pytest.mark.timeout(1800)]) for one in (0.8, 0.97)),
    ],
)
def test_a_year_of_looks_at_a_model_that_did_not_change_stays_silent(accuracy: float, years: int) -> None:
    """Years of a version that never changes, 52 looks each, windows overlapping: no more alert than were allowed.

    5 % may. Each look spends a 52nd of that; a plain 5 % test at each look alerts in most years.
    """
    rng = np.random.default_rng(1)
    compare = Comparison(accuracy_drop=0.05, calibration_rise=0.05, false_alarms=0.05)
    alerts = Counter[str]()
    for _ in range(years):
        found = set()
        days = drawn(rng, 60 * WEEK, accuracy=accuracy)
        for week in range(8, 60):
            past, present = (
                days.where(_weeks(days, first, last)) for first, last in ((week - 8, week - 2), (week - 2, week))
            )
            verdict = truth.compare_windows(past, present, compare=compare, looks_per_year=52)
            found |= {"accuracy"} if verdict.accuracy_status == "ALERT" else set()
            found |= {"calibration"} if verdict.calibration_status == "ALERT" else set()
            found |= {"plain"} if verdict.accuracy_p is not None and verdict.accuracy_p < 0.05 else set()
        alerts.update(found)
    print(alerts)
    most = 0.05 * years + 3 * (0.05 * 0.95 * years) ** 0.5
    assert alerts["accuracy"] <= most
    assert alerts["calibration"] <= most
    assert alerts["plain"] > years / 2


def _weeks(judged: Judged, first: int, last: int) -> Any:
    place = np.arange(len(judged))
    return (place >= first * WEEK) & (place < last * WEEK)


def test_the_calibration_test_keeps_its_promise() -> None:
    """One look at an unchanged curve, both windows small and their scores elsewhere: p below 5 % in 5 % of cases."""
    rng = np.random.default_rng(2)
    low, looks = 0, 300
    for _ in range(looks):
        past, present = drawn(rng, 1200, power=1.5), drawn(rng, 1200, power=1.5)
        present = present.where(present.score > rng.random(1200) * 0.6)
        verdict = truth.compare_windows(past, present, compare=Comparison(calibration_rise=0.08))
        assert verdict.calibration_p is not None
        low += verdict.calibration_p < 0.05
    print(low)
    assert low <= looks * 0.05 + 3 * (looks * 0.05 * 0.95) ** 0.5


def test_a_drop_twice_as_large_as_named_is_found() -> None:
    """Accuracy from .90 to .80, 800 a week: an ALERT in 95 of 100, at what a daily look may spend."""
    rng = np.random.default_rng(3)
    found = [
        truth.compare_windows(drawn(rng, 4 * SAMPLE, accuracy=0.9), drawn(rng, SAMPLE, accuracy=0.8))
        for _ in range(100)
    ]

    assert sum(one.accuracy_status == "ALERT" for one in found) >= 95


def test_scores_that_lose_their_meaning_are_found() -> None:
    """The curve bends (a score of .7 comes true in .34 of cases): an ALERT on calibration, each time."""
    rng = np.random.default_rng(4)
    found = [truth.compare_windows(drawn(rng, 4000), drawn(rng, 1500, power=3.0)) for _ in range(4)]

    assert [one.calibration_status for one in found] == ["ALERT"] * 4


def test_a_small_drop_that_is_sure_warns_and_does_not_alert() -> None:
    """.90 to .86 out of 20,000 is no chance, and less than the .05 that is worth an alert."""
    rng = np.random.default_rng(5)
    verdict = truth.compare_windows(drawn(rng, 20_000, accuracy=0.9), drawn(rng, 20_000, accuracy=0.86))

    assert (verdict.accuracy_status, verdict.enough) == ("WARN", True)
    assert verdict.accuracy_p is not None
    assert verdict.accuracy_p < verdict.alpha


def test_a_large_drop_that_chance_may_explain_does_not_alert_yet() -> None:
    """.90 to .84 out of 600 each: once in 500 by chance, which is not once in a year of daily looks; asked once, it alerts."""
    past, present = (Judged.made([0.9] * 600, [1.0] * hits + [0.0] * (600 - hits), np.ones(600)) for hits in (540, 504))

    daily, once = (truth.compare_windows(past, present, looks_per_year=looks) for looks in (365, 1))

    assert daily.accuracy_p is not None
    assert daily.alpha < daily.accuracy_p < once.alpha
    assert (daily.accuracy_status, once.accuracy_status) == ("WARN", "ALERT")


def test_too_little_truth_is_never_an_alert() -> None:
    """One fewer than 16·p(1-p)/d² on either side: OK, and the reason says how many there are and are needed."""
    rng = np.random.default_rng(6)
    past = Judged.made([0.9] * 1000, [1.0] * 900 + [0.0] * 100, np.ones(1000))
    bad = drawn(rng, 575, accuracy=0.3)

    verdict = truth.compare_windows(past, bad)

    assert (verdict.needed, verdict.accuracy_status, verdict.enough) == (576, "OK", False)
    assert verdict.reason.startswith("too little truth to tell: 1000 and 575 predictions, 576 on each side are needed")
    assert truth.compare_windows(bad, past).accuracy_status == "OK"
    one_more = drawn(rng, 576, accuracy=0.3)
    assert truth.compare_windows(past, one_more).accuracy_status == "ALERT"


def test_nothing_at_all_is_ok() -> None:
    """Empty windows have no figures and alarm nobody."""
    nothing = Judged.made([], [])

    verdict = truth.compare_windows(nothing, nothing)

    assert (verdict.accuracy_status, verdict.calibration_status) == ("OK", "OK")
    assert (verdict.accuracy_drop, verdict.calibration_rise) == (None, None)
    assert verdict.as_dict()["baseline_size"] == 0


def test_what_is_not_known_counts_on_neither_side() -> None:
    """Unlabelled predictions in a window change no figure of it."""
    rng = np.random.default_rng(7)
    past, present = drawn(rng, 2000), drawn(rng, 2000)
    hidden = present.actual.copy()
    hidden[::2] = np.nan

    with_more = truth.compare_windows(past, Judged(present.observed_at, present.score, present.predicted, hidden))

    half = present.where(np.arange(2000) % 2 == 1)
    assert with_more == truth.compare_windows(past, half)


def test_windows_end_where_all_is_mature_and_move_at_midnight() -> None:
    """Whatever the hour of the look, the same day gives the same windows, all of them past their maturity."""
    looks = [truth.windows(1000 * DAY + hour * 3600, maturity_s=10 * DAY + 3600) for hour in (1, 2, 12, 23.99)]

    assert len({(one.baseline_since, one.current_since, one.current_until) for one in looks}) == 1
    assert looks[0].current_until == 990 * DAY
    assert truth.windows(1000 * DAY + 3599, maturity_s=10 * DAY + 3600).current_until == 989 * DAY
    assert looks[0].looks_per_year == 365
