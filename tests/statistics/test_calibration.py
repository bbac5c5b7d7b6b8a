"""Figures of models against outside witnesses: scikit-learn, scipy, nannyml's table, calculations by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from sklearn import metrics
from sklearn.calibration import calibration_curve
from sklearn.isotonic import IsotonicRegression

from cbpe_oracle import CASES, METRICS
from stagelight import truth
from stagelight.truth import calibration, isotonic, proportions
from stagelight.truth.arrays import Judged

NANNYML = json.loads((Path(__file__).parent / "cbpe_nannyml.json").read_text())["estimates"]


def drawn(seed: int, size: int, power: float = 1.0) -> tuple[Any, Any]:
    """Scores, and truth that comes with probability score**power."""
    rng = np.random.default_rng(seed)
    scores = rng.random(size)
    return scores, (rng.random(size) < scores**power).astype(float)


@pytest.mark.parametrize("seed", range(5))
def test_figures_equal_scikit_learn_s(seed: int) -> None:
    """Accuracy, precision, recall, Brier score and log loss; certain scores that were wrong cost what they cost there."""
    scores, actual = drawn(seed, 500, 2.0)
    scores[:2], actual[:2] = (0.0, 1.0), (1.0, 0.0)

    found = truth.performance(Judged.made(scores, actual))

    said = scores >= 0.5
    assert found.accuracy
    assert found.precision
    assert found.recall
    assert found.brier
    assert found.log_loss
    assert found.accuracy.value == pytest.approx(metrics.accuracy_score(actual, said), abs=1e-12)
    assert found.precision.value == pytest.approx(metrics.precision_score(actual, said), abs=1e-12)
    assert found.recall.value == pytest.approx(metrics.recall_score(actual, said), abs=1e-12)
    assert found.brier.value == pytest.approx(metrics.brier_score_loss(actual, scores), abs=1e-12)
    assert found.log_loss.value == pytest.approx(metrics.log_loss(actual, scores), abs=1e-9)


@pytest.mark.parametrize("digits", [17, 1])
def test_the_reliability_curve_and_its_error_equal_scikit_learn_s(digits: int) -> None:
    """Bin by bin, also where every score lies on an edge; ECE is the curve's mean gap, weighted by bin."""
    scores, actual = drawn(7, 3000, 2.0)
    scores = np.round(scores, digits)

    found = truth.performance(Judged.made(scores, actual))

    shares, means = calibration_curve(actual, scores, n_bins=10)
    assert [point.share.value for point in found.curve] == pytest.approx(shares, abs=1e-12)
    assert [point.mean_score for point in found.curve] == pytest.approx(means, abs=1e-12)
    sizes = np.histogram(np.searchsorted(np.linspace(0, 1, 11)[1:-1], scores), np.arange(11) - 0.5)[0]
    assert found.calibration_error
    expected = np.sum(np.abs(shares - means) * sizes[sizes > 0]) / 3000
    assert found.calibration_error.value == pytest.approx(expected, abs=1e-12)


def test_ece_by_hand() -> None:
    """Four predictions at .8 of which two came true, six at .3 of which three did: (4·|.5-.8| + 6·|.5-.3|) / 10 = .24."""
    scores = np.array([0.8] * 4 + [0.3] * 6)
    actual = np.array([1, 1, 0, 0, 1, 1, 1, 0, 0, 0], dtype=float)

    assert calibration.binned(scores, actual).error == pytest.approx(0.24, abs=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_cbpe_equals_nannyml_s(name: str) -> None:
    """Estimated accuracy, precision and recall are those of nannyml 0.13, to 1e-9.

    nannyml calibrates only where cross-validation says that it helps; the table says where it did.
    """
    case, expected = CASES[name], NANNYML[name]
    window = case.window()
    reference = Judged.made(*case.reference(), cut=case.cut)
    current = Judged.made(window, np.full(len(window), np.nan), cut=case.cut)

    found = truth.estimate(reference, current, calibrate=expected["calibrated"])

    assert found
    figures = dict(zip(METRICS, (found.accuracy.value, found.precision, found.recall), strict=True))
    assert figures == pytest.approx({metric: expected[metric] for metric in METRICS}, abs=1e-9)


def test_cbpe_of_a_class_is_its_mean_calibrated_confidence() -> None:
    """Where truth is a class, each prediction is right as often as confidence like its own has been."""
    scores, actual = drawn(3, 2000)
    reference = Judged.made(scores, actual, np.ones(2000))
    current = Judged.made(scores[:500], np.full(500, np.nan), np.ones(500))

    found = truth.estimate(reference, current)

    expected = IsotonicRegression(out_of_bounds="clip").fit(scores, actual).predict(scores[:500]).mean()
    assert found
    assert found.accuracy.value == pytest.approx(expected, abs=1e-12)


def test_cbpe_is_blind_to_concept_drift() -> None:
    """Scores stay, their meaning turns: the estimate promises what was, the labels say what is. Why it never stands alone."""
    scores, actual = drawn(4, 4000)
    found = truth.estimate(Judged.made(scores, actual), Judged.made(scores, np.full(4000, np.nan)))

    measured = truth.performance(Judged.made(scores, 1 - actual)).accuracy
    assert found
    assert measured
    assert found.accuracy.value - measured.value > 0.4


def test_cbpe_says_nothing_out_of_too_little() -> None:
    """Under 100 labels, or without a score, there is no estimate."""
    few, nothing = drawn(1, 99), np.full(9, np.nan)

    assert truth.estimate(Judged.made(*few), Judged.made(*few)) is None
    assert truth.estimate(Judged.made(*drawn(1, 100)), Judged.made(nothing, nothing)) is None


@settings(max_examples=60, deadline=None)
@given(
    points=st.lists(st.tuples(st.integers(-5, 5), st.floats(-3, 3)), min_size=1, max_size=40),
    asked=st.lists(st.floats(-7, 7), min_size=1, max_size=5),
)
def test_isotonic_regression_equals_scikit_learn_s(points: list[tuple[int, float]], asked: list[float]) -> None:
    """Ties, single points, falling and constant data, and what lies beyond the data."""
    x, y = (np.array(column, dtype=float) for column in zip(*points, strict=True))
    found = isotonic.fit(x, y)

    assert bool(np.all(np.diff(found.y) >= 0))
    expected = IsotonicRegression(out_of_bounds="clip").fit(x, y).predict(np.array(asked))
    assert found(np.array(asked)) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("before", "now"),
    [((90, 100), (70, 100)), ((9, 10), (5, 10)), ((100, 100), (95, 100)), ((50, 100), (60, 100)), ((0, 9), (0, 9))],
)
def test_the_drop_s_p_value_is_fisher_s(before: tuple[int, int], now: tuple[int, int]) -> None:
    """The exact one-sided test, also in the far tail and where nothing can be worse."""
    table = [[hits, size - hits] for hits, size in (now, before)]

    assert proportions.drop_p_value(*before, *now) == pytest.approx(
        scipy.stats.fisher_exact(table, "less").pvalue, rel=1e-9
    )


def test_the_drop_s_p_value_is_right_for_a_million() -> None:
    """Large windows: no overflow, and what the normal curve says there."""
    found = proportions.drop_p_value(900_000, 1_000_000, 898_500, 1_000_000)

    z = 0.0015 / (2 * 0.89925 * 0.10075 / 1e6) ** 0.5
    assert found == pytest.approx(scipy.stats.norm.sf(z), rel=0.02)


def test_wilson_s_interval_is_scipy_s() -> None:
    """Of any share, also 0 and 1."""
    for hits, size in ((0, 5), (3, 7), (50, 50), (480, 1000)):
        expected = scipy.stats.binomtest(hits, size).proportion_ci(0.95, method="wilson")
        found = proportions.share(hits, size)
        assert found
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_the_ece_interval_covers_the_true_error() -> None:
    """Of 300 windows whose true error is known, the 95 % interval holds it in nine of ten at least; perfect models too."""
    grid = np.linspace(0, 1, 100_001)
    for power, size in ((2.0, 1000), (1.0, 1000)):
        place = np.searchsorted(np.linspace(0, 1, 11)[1:-1], grid)
        gaps = [np.mean(grid[place == one] - grid[place == one] ** power) for one in range(10)]
        true = float(np.mean(np.abs(gaps)))
        inside = 0
        for seed in range(300):
            found = calibration.error_interval(calibration.binned(*drawn(seed, size, power)), seed=seed, draws=300)
            inside += bool(found and found.low - 1e-12 <= true <= found.high)
        assert inside >= 270, (power, inside)


def test_the_distance_of_coverage_bias_is_scipy_s() -> None:
    """Labelled and unlabelled scores side by side, their divergence, and how much of it chance alone makes."""
    rng = np.random.default_rng(0)
    scores = rng.random(5000)
    known = rng.random(5000) < 0.2 + 0.6 * scores
    found = truth.coverage_bias(Judged.made(scores, np.where(known, 1.0, np.nan)))

    expected = jensenshannon(found.labelled, found.unlabelled, base=2) ** 2
    assert found.distance == pytest.approx(expected, abs=1e-12)
    assert found.noise
    assert found.distance
    assert found.distance > 10 * found.noise

    by_chance = [
        truth.coverage_bias(Judged.made(scores, np.where(rng.random(5000) < 0.5, 1.0, np.nan))) for _ in range(200)
    ]
    mean = float(np.mean([one.distance for one in by_chance]))
    assert mean == pytest.approx(by_chance[0].noise, rel=0.15)


def test_coverage_bias_of_one_side_alone_has_no_distance() -> None:
    """All labelled, none labelled, no score, scores that are no probabilities: histograms, and no figure out of nothing."""
    for scores, actual in (([0.1], [1.0]), ([0.1], [np.nan]), ([np.nan], [1.0])):
        assert truth.coverage_bias(Judged.made(scores, actual)).distance is None
    assert truth.coverage_bias(Judged.made([-3.0, 9.0], [1.0, np.nan])).edges[0] == -3.0
