"""The chi-squared distribution of our own, against scipy's."""

from __future__ import annotations

import math

import pytest
from scipy import stats

from stagelight.drift.chi2 import normal_quantile, quantile, upper_tail, wilson_hilferty


@pytest.mark.parametrize("freedom", [1, 2, 3.7, 19, 60, 400, 3000])
def test_the_tail_is_scipys(freedom: float) -> None:
    """From one degree of freedom to thousands, from the middle to a millionth, a p-value is scipy's."""
    for share in (0.999, 0.5, 0.1, 1e-3, 1e-6):
        statistic = stats.chi2.isf(share, freedom)

        assert math.isclose(upper_tail(statistic, freedom), share, rel_tol=1e-9)


@pytest.mark.parametrize("freedom", [1, 2, 3.7, 19, 60, 400])
@pytest.mark.parametrize("share", [0.05, 0.001, 1e-6])
def test_the_quantile_is_scipys(freedom: float, share: float) -> None:
    """What chance exceeds in a given share of cases is scipy's `isf`."""
    assert math.isclose(quantile(share, freedom), stats.chi2.isf(share, freedom), rel_tol=1e-9)


def test_the_short_formula_is_close_and_never_too_small() -> None:
    """Wilson and Hilferty's, which Prometheus computes, is at most 1 % above the quantile from eight degrees of freedom on."""
    for freedom in range(1, 61):
        exact, short = stats.chi2.isf(0.001, freedom), wilson_hilferty(0.001, freedom)

        assert exact < short < exact * (1.01 if freedom >= 8 else 1.05)


def test_the_normal_quantile_is_scipys() -> None:
    """As many standard deviations as scipy says."""
    assert math.isclose(normal_quantile(0.001), stats.norm.isf(0.001), rel_tol=1e-9)


def test_the_ends() -> None:
    """Nothing measured is no surprise, an endless statistic is a certainty, and one group cannot differ."""
    assert upper_tail(0.0, 5) == 1.0
    assert upper_tail(math.inf, 5) == 0.0
    assert upper_tail(3.0, 0) == 1.0
    assert quantile(0.001, 0) == 0.0
