"""`compare`: what a person asks, and the answer."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from stagelight import drift
from stagelight.drift.dependence import LAGS, LOOKED_AT, Links, effective_rows, inflation, spread
from stagelight.drift.reference import Reference
from stagelight.drift.severity import noise_floor, severity_of

RNG = np.random.default_rng(4)
BEFORE = RNG.normal(size=20_000)


def test_the_answer_is_whole_and_cannot_be_changed() -> None:
    """Seven scores, a p-value, rows and effective rows, noise, severity, and what to make of it; frozen."""
    found = drift.compare(BEFORE, RNG.normal(1, 1, 800))

    assert (found.severity, found.alert, found.warning) == ("high", True, True)
    assert (found.rows, found.reference_rows, found.groups) == (800, 20_000, 20)
    assert found.effective_rows == 800
    assert found.p_value < 1e-12
    assert found.noise == pytest.approx(noise_floor(20, 20_000, 800))
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.psi = 0.0


@pytest.mark.parametrize("rows", [0, 1, 50, 199])
def test_few_rows_are_never_an_alert(rows: int) -> None:
    """Under 200 rows, however far they moved, nothing is said but the scores."""
    found = drift.compare(BEFORE, RNG.normal(9, 1, rows))

    assert not found.alert
    assert not found.warning
    assert math.isfinite(found.psi)


@pytest.mark.parametrize("odd", [math.nan, math.inf, None])
def test_what_has_no_finite_value_has_no_place(odd: float | None) -> None:
    """Where all is missing or infinite that is drift, but there is no way it went and no mean; nor in a reference of such."""
    for before, now in ((BEFORE, [odd] * 500), ([odd] * 500, BEFORE)):
        found = drift.compare(before, now)

        assert found.alert
        assert (found.ks, found.wasserstein, found.mean_shift) == (None, None, None)


@pytest.mark.parametrize("before", [BEFORE, ["red"] * 900 + ["blue"] * 100], ids=["number", "category"])
def test_no_rows_have_not_moved(before: object) -> None:
    """An empty window is no drift by any method, however uneven the reference is."""
    found = drift.compare(before, [])

    assert (found.severity, found.alert, found.warning) == ("none", False, False)
    assert (found.psi, found.kl, found.js, found.chi2) == (0, 0, 0, 0)
    assert (found.ks, found.wasserstein, found.mean_shift) == (None, None, None)


def test_a_small_reference_is_never_ground_for_an_alert() -> None:
    """Nor is a reference of under 200 rows."""
    assert not drift.compare(BEFORE[:150], RNG.normal(9, 1, 1_000)).alert


def test_an_alert_needs_more_than_noise() -> None:
    """A PSI over the threshold that 200 rows may have by chance is low, and no alert."""
    found = drift.compare(BEFORE, np.random.default_rng(8).normal(0.3, 1, 210))

    assert found.psi > 0.1
    assert found.psi < found.noise
    assert found.severity != "none"
    assert not found.alert


def test_severities_scale_with_the_threshold() -> None:
    """Low, medium, high and critical are 1, 2.5, 5 and 10 times the threshold, whatever it is."""
    for threshold in (0.05, 0.1, 0.2):
        steps = [severity_of(threshold * times, threshold) for times in (0.99, 1, 2.5, 5, 10)]

        assert steps == ["none", "low", "medium", "high", "critical"]
    assert drift.compare(BEFORE, RNG.normal(0.4, 1, 5_000), threshold=0.5).severity == "none"


def test_categories_and_booleans_are_compared_too() -> None:
    """A new category is drift; so are more of the true ones. Categories have no order, booleans have."""
    colours = drift.compare(["red", "blue"] * 1_000, RNG.choice(["red", "blue", "green"], 500))
    truths = drift.compare(RNG.random(5_000) < 0.5, (RNG.random(1_000) < 0.8).tolist())

    assert colours.alert
    assert (colours.ks, colours.wasserstein, colours.mean_shift) == (None, None, None)
    assert truths.alert
    assert truths.ks == pytest.approx(0.3, abs=0.05) == truths.wasserstein


@pytest.mark.parametrize(("kinds", "rows"), [(500, 1_000), (2_000, 1_000), (2_000, 10_000)])
def test_many_rare_categories_are_no_drift_when_they_are_drawn_again(kinds: int, rows: int) -> None:
    """Postal codes: a fifth of the new rows has one that the reference never saw, and nothing has changed (Good, Turing).

    Before, each of these checks was a critical alert, or one in ten where the reference is large.
    """
    rng = np.random.default_rng(kinds + rows)
    shares = 1 / np.arange(1, kinds + 1)
    codes = np.array([f"c{number}" for number in range(kinds)])

    def drawn(size: int) -> np.ndarray:
        return rng.choice(codes, size, p=shares / shares.sum())

    assert not any(drift.compare(drawn(rows), drawn(1_000)).alert for _ in range(25))
    assert drift.compare(drawn(rows), np.where(rng.random(1_000) < 0.5, "new", drawn(1_000))).alert


def test_what_begins_to_be_missing_is_drift() -> None:
    """A feature that is None in a third of the rows has drifted, though its numbers have not."""
    values = RNG.normal(size=900)
    found = drift.compare(BEFORE, [None if number % 3 else value for number, value in enumerate(values)])

    assert found.severity == "critical"
    assert found.alert


def test_tables_are_compared_column_by_column() -> None:
    """Mappings of columns give a comparison each; a column without a reference is left out."""
    before = {"age": BEFORE, "plan": ["a", "b"] * 500}
    now = {"plan": ["a"] * 400, "age": RNG.normal(size=400), "new": [1]}
    found = drift.compare(before, now)

    assert {name: one.alert for name, one in found.items()} == {"age": False, "plan": True}
    assert drift.compare(before, {"new": [1]}) == {}


def test_a_reference_made_once_gives_the_same() -> None:
    """Values, the reference of them, and sketches of them are three ways to say the same."""
    now = RNG.normal(0.3, 1, 500)
    kept = drift.Reference.of(BEFORE)

    assert drift.compare(BEFORE, now) == drift.compare(kept, now) == drift.compare(kept, kept.count(now))


@pytest.mark.parametrize("rows", [0, 1, 2, 5, 8, 9, 40, 3_000])
def test_links_are_what_is_found_pair_by_pair(rows: int) -> None:
    """Few rows or many: each lag has its pairs, those in one group, and the sums and products of their places."""
    bins = Reference.of(BEFORE).bins
    values = RNG.normal(size=rows)
    places, groups = bins.place(values[:LOOKED_AT]).tolist(), bins.group_of[bins.place(values[:LOOKED_AT])].tolist()

    for lag, found in zip(LAGS, Links.of(bins, values).sums.T.tolist(), strict=True):
        pairs = list(zip(places[lag:], places, strict=False))
        alike = sum(one == other for one, other in zip(groups[lag:], groups, strict=False))
        assert found == [len(pairs), alike, sum(map(sum, pairs)), sum(map(math.prod, pairs))]


def test_groups_of_likeness() -> None:
    """A fifth of the rows, each five times in a row, are worth about a fifth; a rhythm is no memory and costs nothing."""
    reference = Reference.of(BEFORE)
    repeated = np.repeat(RNG.normal(size=400), 5)
    swinging = np.tile([-1.0, 1.0], 1_000) + RNG.normal(0, 0.1, 2_000)

    def worth(values: np.ndarray) -> float:
        sketch = reference.count(values)
        return effective_rows(sketch.counts, sketch.links, reference.bins)

    assert 200 < worth(repeated) < 450
    assert worth(swinging) == 2_000
    assert worth(RNG.normal(size=2_000)) == 2_000
    assert worth(np.array([])) == 0
    assert worth(np.array([1.0])) == 1


def test_categories_that_come_in_runs_are_worth_less() -> None:
    """Runs of one category are less than as many rows, too."""
    reference = Reference.of(["red", "green", "blue"] * 300)
    runs = np.repeat(RNG.choice(["red", "green", "blue"], 100), 6)
    sketch = reference.count(runs)

    assert effective_rows(sketch.counts, sketch.links, reference.bins) < 250


def test_likeness_adds_up() -> None:
    """One after the other by nine tenths is worth a nineteenth; ends that come soon cost little; chance costs nothing."""
    assert inflation(0.9 ** np.array(LAGS), 0.1) == pytest.approx(19, rel=1e-6)
    assert inflation(np.array([0.5, 0.2, 0.1, 0.0]), 0.1) == pytest.approx(1 + 2 * (0.9 + math.sqrt(0.02)))
    assert inflation(np.array([0.05, 0.9, 0.9, 0.9]), 0.1) == 1.0
    assert inflation(np.array([0.3, 0.1, 0.9, 0.9]), 0.1) == inflation(np.array([0.3, 0.1, 0.1, 0.1]), 0.1)
    assert spread(19, 1.0, 1.0, 0.001) == pytest.approx(1.0)
    assert spread(1, 4.0, 4.0, 0.001) == pytest.approx(4.0)
    assert np.array_equal(Links.none().sums, (Links.none() + Links.none()).sums)
