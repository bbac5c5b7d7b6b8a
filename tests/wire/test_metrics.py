"""Data points one by one: those that cannot be kept are counted with a reason, their neighbours stay."""

from __future__ import annotations

import json
import math
import tracemalloc
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagelight import wire
from stagelight.errors import MalformedBodyError
from stagelight.wire.exponential import BOUNDS, on_grid

GOOD = {"name": "good", "gauge": {"dataPoints": [{"asDouble": 1.0, "timeUnixNano": "1"}]}}
HISTOGRAM = {"count": "3", "sum": 6.0, "bucketCounts": ["1", "2"], "explicitBounds": [1.0], "timeUnixNano": "1"}
EXPONENTIAL = {"count": "3", "sum": 6.0, "scale": 0, "positive": {"offset": 0, "bucketCounts": ["3"]}}


def decode(*metrics: dict[str, Any]) -> wire.Decoded[Any]:
    """The points of these metrics, sent as JSON."""
    text = json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]})
    return wire.decode_metrics(text.encode(), "json")


def one(kind: str, point: dict[str, Any], name: str = "m", temporality: int = 2) -> dict[str, Any]:
    """A metric with one data point."""
    return {"name": name, kind: {"dataPoints": [point], "aggregationTemporality": temporality}}


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        (one("summary", {"count": "1"}), "'m': summaries are not supported; send a histogram"),
        (one("gauge", {"asDouble": "NaN"}), "'m': nan is not a finite number"),
        (one("sum", {"asDouble": "-Infinity"}), "'m': -inf is not a finite number"),
        (one("gauge", {}), "'m': the data point has no value"),
        (one("gauge", {"asDouble": 1}, name=""), "'': the metric has no name"),
        (one("sum", {"asInt": 1}, temporality=0), "'m': its temporality is neither delta nor cumulative"),
        (one("histogram", {**HISTOGRAM, "sum": "NaN"}), "'m': nan is not a finite number"),
        (one("histogram", {**HISTOGRAM, "bucketCounts": ["1"]}), "'m': 1 buckets do not fit 1 bounds"),
        (one("histogram", {**HISTOGRAM, "explicitBounds": []}), "'m': 2 buckets do not fit 0 bounds"),
        (one("histogram", {**HISTOGRAM, "explicitBounds": ["NaN"]}), "'m': its bounds do not rise"),
        (
            one("histogram", {**HISTOGRAM, "explicitBounds": [2, 2], "bucketCounts": [0, 1, 2]}),
            "'m': its bounds do not rise",
        ),
        (one("histogram", {**HISTOGRAM, "count": str(2**63)}), "'m': a count is over 63 bits"),
        (one("histogram", {**HISTOGRAM, "bucketCounts": [0, str(2**63)]}), "'m': a count is over 63 bits"),
        (one("exponentialHistogram", {**EXPONENTIAL, "zeroCount": str(2**63)}), "'m': a count is over 63 bits"),
        (one("exponentialHistogram", {**EXPONENTIAL, "count": str(2**63)}), "'m': a count is over 63 bits"),
    ],
)
def test_a_bad_point_is_rejected_alone(metric: dict[str, Any], reason: str) -> None:
    """The answer to the sender says how many points were left out and why; the good ones are kept."""
    got = decode(metric, GOOD)

    assert [point.name for point in got] == ["good"]
    assert (got.rejected, got.message) == (1, reason)


def test_the_first_reason_is_kept() -> None:
    """Many rejected points make one message, not a list of them."""
    got = decode(one("summary", {}, name="a"), one("gauge", {}, name="b"))

    assert (got.rejected, got.message) == (2, "'a': summaries are not supported; send a histogram")


def test_nothing_recorded_is_passed_over() -> None:
    """A point that marks a series as gone is no error and no zero."""
    got = decode(one("gauge", {"flags": 1, "asDouble": "NaN"}), {"name": "empty"}, GOOD)

    assert ([point.name for point in got], got.rejected) == (["good"], 0)


def test_a_time_past_63_bits_is_refused() -> None:
    """No database could keep it."""
    with pytest.raises(MalformedBodyError, match=r"^NumberDataPoint.timeUnixNano is after the year 2262"):
        decode(one("gauge", {"asInt": "1", "timeUnixNano": str(2**63)}))


def test_a_histogram_without_buckets_has_one() -> None:
    """Count and sum alone are a histogram with a single bucket for all."""
    (point,) = decode(one("histogram", {"count": "4", "sum": 8.0}))

    assert (point.bounds, point.buckets, point.count, point.value) == ((), (4,), 4, 8.0)


def test_zero_and_negative_values_of_an_exponential_histogram_lie_at_or_under_zero() -> None:
    """The grid has one bucket for what is not positive."""
    point = {**EXPONENTIAL, "zeroCount": 2, "negative": {"offset": 3, "bucketCounts": [5]}, "count": 10}

    (got,) = decode(one("exponentialHistogram", point))

    assert (got.bounds, got.buckets[0], sum(got.buckets)) == (BOUNDS, 7, 10)


@given(
    scale=st.integers(-(2**31), 2**31 - 1),
    offset=st.integers(-(2**31), 2**31 - 1),
    counts=st.lists(st.integers(0, 9), max_size=8),
    below=st.integers(0, 9),
)
def test_the_grid_loses_no_count(scale: int, offset: int, counts: list[int], below: int) -> None:
    """However hostile scale and offset are, every count lands in some bucket, quickly."""
    bounds, buckets = on_grid(scale, offset, counts, below=below)

    assert sum(buckets) == sum(counts) + below
    assert len(buckets) == len(bounds) + 1
    assert all(low < high for low, high in pairwise(bounds))


def test_a_hostile_scale_makes_no_huge_number() -> None:
    """The lowest scale that fits in the message would shift a number by two billion bits."""
    tracemalloc.start()
    on_grid(-(2**31), 4, [1])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 2**20


@given(scale=st.integers(-12, 12), upper=st.integers(-60_000, 60_000))
def test_a_bucket_goes_where_its_upper_bound_lies(scale: int, upper: int) -> None:
    """By exact fractions: the first bound of the grid which is not under the bucket's own."""
    _, buckets = on_grid(scale, upper - 1, [1])

    quarters = math.ceil(Fraction(upper) * 4 / Fraction(2) ** scale)  # of a doubling, counted from 1
    assert buckets.index(1) == min(max(quarters, -80), 129) + 81


def test_the_grid_is_what_it_says() -> None:
    """0, then four bounds for each doubling from 2^-20 to 2^32."""
    assert len(BOUNDS) == 1 + 4 * 52 + 1
    assert (BOUNDS[0], BOUNDS[1], BOUNDS[81], BOUNDS[83], BOUNDS[-1]) == (0.0, 2.0**-20, 1.0, 2.0**0.5, 2.0**32)
