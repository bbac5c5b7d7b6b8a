"""Quantiles out of buckets agree with a hand calculation, with Prometheus itself, and with the samples they stand for."""

from __future__ import annotations

import subprocess
from bisect import bisect_left
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagelight.catalogue.stages import STAGE_DURATION
from stagelight.store.quantile import histogram_quantile, merged

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BOUNDS = STAGE_DURATION.buckets
counts = st.lists(st.integers(0, 1000), min_size=len(BOUNDS) + 1, max_size=len(BOUNDS) + 1)


def bucketed(samples: np.ndarray) -> list[int]:
    """How many of `samples` fall into each bucket; a bound belongs to the bucket below it."""
    found = [0] * (len(BOUNDS) + 1)
    for sample in samples:
        found[bisect_left(BOUNDS, sample)] += 1
    return found


def test_by_hand() -> None:
    """Of 10 + 30 + 60 in (0, 1], (1, 2], (2, 4] the 25th is half way through the second: 1 + 15/30; the 70th 2 + 2·30/60."""
    assert histogram_quantile(0.25, [1.0, 2.0, 4.0], [10, 30, 60, 0]) == pytest.approx(1.5)
    assert histogram_quantile(0.70, [1.0, 2.0, 4.0], [10, 30, 60, 0]) == pytest.approx(3.0)
    assert histogram_quantile(0.05, [1.0, 2.0, 4.0], [10, 30, 60, 0]) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("bounds", "buckets", "expected"),
    [
        ([1.0, 2.0], [0, 0, 0], None),
        ([], [7], None),
        ([1.0, 2.0], [0, 0, 5], 2.0),
        ([-1.0, 2.0], [9, 0, 0], -1.0),
        ([1.0, 2.0], [0, 4, 0], 1.5),
    ],
)
def test_the_edges(bounds: list[float], buckets: list[int], expected: float | None) -> None:
    """Nothing observed, no bounds, all above the last bound, a first bound below zero: as Prometheus answers."""
    assert histogram_quantile(0.5, bounds, buckets) == expected


def test_zero_of_a_histogram_that_begins_later() -> None:
    """The 0th quantile is where the first bucket begins, also when nothing is in it."""
    assert histogram_quantile(0.0, [1.0, 2.0], [0, 3, 0]) == 0.0


@pytest.mark.parametrize("q", [0.5, 0.9, 0.95, 0.99])
def test_within_a_bucket_of_the_samples(q: float) -> None:
    """The estimate lies in the same bucket as numpy's quantile of the samples themselves."""
    samples = np.random.default_rng(7).lognormal(-3, 1, 10_000)

    estimate = histogram_quantile(q, BOUNDS, bucketed(samples))

    assert estimate is not None
    assert bisect_left(BOUNDS, estimate) == bisect_left(BOUNDS, float(np.quantile(samples, q)))


def test_even_samples_give_their_own_quantile() -> None:
    """Where samples are spread evenly within buckets, which is what is assumed, the estimate is numpy's answer."""
    samples = np.linspace(0, 1, 100_001)[1:]

    for q in (0.1, 0.5, 0.95, 0.99):
        assert histogram_quantile(q, BOUNDS, bucketed(samples)) == pytest.approx(
            float(np.quantile(samples, q)), abs=1e-4
        )


@given(counts, st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_is_never_a_smaller_value(buckets: list[int], one: float, other: float) -> None:
    """Quantiles rise with q and stay within the bounds."""
    low, high = (histogram_quantile(q, BOUNDS, buckets) for q in sorted([one, other]))

    if low is not None and high is not None:
        assert 0 <= low <= high <= BOUNDS[-1]


def test_prometheus_agrees(program: Callable[[str], str], tmp_path: Path) -> None:
    """The `histogram_quantile` of promtool over the same buckets gives the same numbers."""
    buckets = bucketed(np.random.default_rng(11).lognormal(-2, 1.5, 1_000))
    rising = np.cumsum(buckets)
    lines = [
        f'      - series: "d_bucket{{le=\\"{le}\\"}}"\n        values: "{count}"'
        for le, count in zip([*BOUNDS, "+Inf"], rising, strict=True)
    ]
    checks = [
        f"      - expr: abs(histogram_quantile({q}, d_bucket) - {histogram_quantile(q, BOUNDS, buckets)!r}) < bool 1e-9\n"
        "        exp_samples:\n          - {labels: '{}', value: 1}"
        for q in (0.01, 0.5, 0.95, 0.99, 0.9999)
    ]
    text = (
        "rule_files: []\ntests:\n  - input_series:\n"
        + "\n".join(lines)
        + "\n    promql_expr_test:\n"
        + "\n".join(checks)
        + "\n"
    )
    (tmp_path / "test.yml").write_text(text)

    done = subprocess.run(
        [program("promtool"), "test", "rules", tmp_path / "test.yml"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


@given(counts, counts)
def test_adding_up_equal_bounds_is_adding_counts(one: list[int], other: list[int]) -> None:
    """Histograms of the same bounds add up bucket by bucket."""
    assert merged([(BOUNDS, one), (BOUNDS, other)]) == (list(BOUNDS), [a + b for a, b in zip(one, other, strict=True)])


def test_adding_up_other_bounds_keeps_what_both_know() -> None:
    """At a bound which both have, the count below is exact; nothing is made up in between."""
    assert merged([([1.0, 2.0, 4.0], [1, 2, 3, 4]), ([2.0, 4.0, 8.0], [10, 20, 30, 40])]) == (
        [2.0, 4.0],
        [13.0, 23.0, 74.0],
    )
    assert merged([]) == ([], [])
    assert merged([([1.0], [1])]) == ([], [])  # counts that do not fit the bounds say nothing
