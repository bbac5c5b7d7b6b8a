"""Seven scores against scipy's, on the same edges."""

from __future__ import annotations

import math
from functools import reduce
from operator import add

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from stagelight.drift.bins import INNER, NumberBins
from stagelight.drift.reference import Reference
from stagelight.drift.scores import AT_ONCE, Table
from stagelight.drift.sketch import Sketch

EXACT = 1e-12


def shared(shift: float, rows: int = 5_000) -> tuple[Reference, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    before, now = rng.normal(size=20_000), rng.normal(shift, 1.1, size=rows)
    return Reference.of(before), before, now


def smoothed(counts: np.ndarray, used: np.ndarray) -> np.ndarray:
    raised = counts[used] + 0.5
    return raised / raised.sum()


@pytest.mark.parametrize("shift", [0.0, 0.05, 0.5, 3.0])
def test_scores_by_group_are_scipys(shift: float) -> None:
    """PSI, KL, JS and chi-squared are scipy's entropy, Jensen-Shannon distance and contingency test, to 1e-12."""
    reference, before, now = shared(shift)
    found = Table([reference]).scores([reference.count(now)])
    held, holds = (np.add.reduceat(reference.bins.count(x), reference.bins.groups) for x in (before, now))
    used = (held + holds) > 0
    p, q = smoothed(held, used), smoothed(holds, used)
    expected = stats.chi2_contingency(np.array([held[used], holds[used]]), correction=False).statistic

    assert math.isclose(found.psi[0], stats.entropy(q, p) + stats.entropy(p, q), abs_tol=EXACT)
    assert math.isclose(found.kl[0], stats.entropy(q, p), abs_tol=EXACT)
    assert math.isclose(found.js[0], jensenshannon(p, q), abs_tol=EXACT)
    assert math.isclose(found.chi2[0], expected, rel_tol=EXACT)


@pytest.mark.parametrize("shift", [0.0, 0.05, 0.5, 3.0])
def test_scores_in_order_are_scipys(shift: float) -> None:
    """KS and Wasserstein are scipy's on the middles of the bins, counted as numpy's histogram counts, to 1e-12."""
    reference, before, now = shared(shift)
    assert isinstance(reference.bins, NumberBins)
    edges = reference.bins.edges
    inner = [np.histogram(x, edges)[0] for x in (before, now)]
    under = [np.count_nonzero(x < edges[0]) for x in (before, now)]
    counts = [np.array([u, *i, x.size - u - i.sum()]) for u, i, x in zip(under, inner, (before, now), strict=True)]
    middles = np.array([edges[0], *(edges[:-1] + np.diff(edges) / 2), edges[-1]])
    found = Table([reference]).scores([reference.count(now)])

    assert np.array_equal(reference.count(now).counts[INNER - 1 : -1], counts[1])
    expected = stats.wasserstein_distance(middles, middles, *counts)
    assert math.isclose(found.wasserstein[0], expected, abs_tol=EXACT)
    values = [np.repeat(middles, c) for c in counts]
    assert math.isclose(found.ks[0], stats.ks_2samp(*values, method="asymp").statistic, abs_tol=EXACT)
    shift_ = (values[1].mean() - values[0].mean()) / values[0].std()
    assert math.isclose(found.mean_shift[0], shift_, abs_tol=1e-9)  # sums of 20,000 floats, in another order


@pytest.mark.parametrize("kind", ["normal", "skewed", "heavy", "whole"])
def test_ks_of_bins_is_nearly_that_of_the_values(kind: str) -> None:
    """With a hundred thousand rows the bins cost KS 0.0005 at most, whatever the distribution."""
    rng = np.random.default_rng(3)
    draw = {
        "normal": lambda: rng.normal(size=100_000),
        "skewed": lambda: np.exp(2 * rng.normal(size=100_000)),
        "heavy": lambda: rng.standard_cauchy(size=100_000),
        "whole": lambda: rng.poisson(40, size=100_000).astype(float),
    }[kind]
    before = draw()
    now = draw() * 1.05 + 0.03
    found = Table([reference := Reference.of(before)]).scores([reference.count(now)])

    assert abs(found.ks[0] - stats.ks_2samp(before, now, method="asymp").statistic) <= 5e-4


def test_one_outlier_moves_psi_by_a_hundredth_at_most() -> None:
    """A single value of a million, in the reference or now, neither stretches the bins nor moves PSI by more than 1 %."""
    rng = np.random.default_rng(11)
    before, now = rng.normal(size=100_000), rng.normal(0.4, 1, size=10_000)

    def psi(before: np.ndarray, now: np.ndarray) -> float:
        reference = Reference.of(before)
        return float(Table([reference]).scores([reference.count(now)]).psi[0])

    clean = psi(before, now)
    for one, other in (([*before, 1e6], now), (before, [*now, 1e6]), ([*before, -1e6], [*now, 1e6])):
        assert math.isclose(psi(np.array(one), np.array(other)), clean, rel_tol=0.01)


@settings(deadline=None)
@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=60))
def test_nothing_has_moved_from_itself(values: list[float]) -> None:
    """Whatever the values, compared with themselves every score is 0, and none is missing where any value is finite."""
    reference = Reference.of(values, kind="number")
    scores = Table([reference]).scores([reference.sketch]).row(0)

    assert all(abs(score) < 1e-9 for score in scores.values() if score is not None)
    assert (None in scores.values()) is not any(map(math.isfinite, values))


@settings(deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=1, max_size=80), st.lists(st.floats(-5, 5), min_size=1, max_size=80))
def test_scores_stay_within_their_limits(before: list[float], now: list[float]) -> None:
    """No score is below 0, JS is at most the root of ln 2, KS at most 1, and PSI is the same from either side."""
    reference = Reference.of(before)
    row = Table([reference]).scores([sketch := reference.count(now)]).row(0)
    back = Table([Reference(reference.bins, sketch)]).scores([reference.sketch]).row(0)

    for method in ("psi", "kl", "js", "ks", "wasserstein", "chi2"):
        assert row[method] >= -EXACT
    assert row["js"] <= math.sqrt(math.log(2)) + EXACT
    assert row["ks"] <= 1 + EXACT
    assert math.isclose(row["psi"], back["psi"], rel_tol=1e-9, abs_tol=EXACT)


def test_many_features_are_scored_as_each_alone() -> None:
    """Numbers and categories side by side get the very scores that each gets by itself; categories have no order."""
    rng = np.random.default_rng(5)
    pairs = [
        (rng.normal(size=3_000), rng.normal(0.2, 1, size=900)),
        (rng.integers(1, 6, 3_000), rng.integers(2, 6, 900)),
        (rng.choice(["red", "green", "blue"], 3_000), rng.choice(["red", "grey"], 900)),
        *((rng.normal(size=500), rng.normal(size=300)) for _ in range(AT_ONCE)),
    ]
    references = [Reference.of(before) for before, _ in pairs]
    sketches = [one.count(now) for one, (_, now) in zip(references, pairs, strict=True)]
    together = Table(references).scores(sketches)

    for number, (reference, sketch) in enumerate(zip(references, sketches, strict=True)):
        assert together.row(number) == pytest.approx(Table([reference]).scores([sketch]).row(0), abs=EXACT)
    assert {name for name, score in together.row(2).items() if score is None} == {"ks", "wasserstein", "mean_shift"}


NUMBERS = Reference.of(np.linspace(-3, 3, 300))
COLOURS = Reference.of(["red", "green", "blue"] * 9)
KINDS = {
    NUMBERS: st.floats(allow_nan=True, allow_infinity=True) | st.none() | st.sampled_from([0.0, 1.0, 1e6]),
    COLOURS: st.sampled_from(["red", "green", "blue", "never seen", None]),
}


@settings(deadline=None)
@given(st.data(), st.sampled_from([NUMBERS, COLOURS]))
def test_sketches_add_up_in_any_order(data: st.DataObject, reference: Reference) -> None:
    """Parts merged in any order and grouping give the very counts of the whole, to the last digit."""
    parts = data.draw(st.lists(st.lists(KINDS[reference], max_size=12), min_size=1, max_size=5))
    sketches = [reference.count(part) for part in parts]
    whole = reference.count([value for part in parts for value in part])
    order = data.draw(st.permutations(range(len(parts))))
    cut = data.draw(st.integers(0, len(parts)))
    empty = Sketch.empty(reference.bins)
    merged = reduce(add, [sketches[at] for at in order[:cut]], empty) + reduce(
        add, [sketches[at] for at in order[cut:]], empty
    )
    straight = reduce(add, sketches, empty)

    assert np.array_equal(merged.counts, whole.counts)
    assert np.array_equal(merged.counts, straight.counts)
    assert np.array_equal(merged.links.sums, straight.links.sums)
