"""OTLP metric requests to data points, and data points to OTLP JSON."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Literal

from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, DataPointFlags

from stagelight.wire.decoded import Decoded
from stagelight.wire.exponential import on_grid
from stagelight.wire.grouping import grouped
from stagelight.wire.records import MetricPoint
from stagelight.wire.values import MAX_NANOSECONDS, attributes, attributes_json, nanoseconds, text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
    from opentelemetry.proto.metrics.v1 import metrics_pb2

    from stagelight.wire.records import Attributes, Temporality

_TEMPORALITIES: Final[dict[int, Temporality]] = {
    AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA: "delta",
    AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE: "cumulative",
}
_TEMPORALITY_NUMBERS: Final = {name: number for number, name in _TEMPORALITIES.items()}
_NOTHING_RECORDED: Final = DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK


class _PointError(Exception):
    """One data point cannot be kept; its neighbours can."""


def points_of(request: ExportMetricsServiceRequest) -> Decoded[MetricPoint]:
    """Every data point of a parsed request; what cannot be kept is counted as rejected, with the first reason.

    Exponential histograms come out on fixed bounds (see `exponential`). Summaries, non-finite values and histograms whose
    parts do not fit each other are rejected one by one. Points marked as "nothing recorded" are passed over.

    Raises:
        MalformedBodyError: A time past 63 bits.
    """
    points: Decoded[MetricPoint] = Decoded()
    for of_resource in request.resource_metrics:
        resource = attributes(of_resource.resource.attributes)
        for of_scope in of_resource.scope_metrics:
            for metric in of_scope.metrics:
                _read(metric, resource, points)
    return points


def _read(metric: metrics_pb2.Metric, resource: Attributes, points: Decoded[MetricPoint]) -> None:
    kind = metric.WhichOneof("data")
    if kind is None:
        return
    data = getattr(metric, kind)
    for point in data.data_points:
        if point.flags & _NOTHING_RECORDED:
            continue
        try:
            points.append(_point(kind, metric, data, point, resource))
        except _PointError as error:
            points.reject(f"{metric.name[:80]!r}: {error}")


def _point(kind: str, metric: metrics_pb2.Metric, data: Any, point: Any, resource: Attributes) -> MetricPoint:
    if not metric.name:
        raise _PointError("the metric has no name")
    if kind == "summary":
        raise _PointError("summaries are not supported; send a histogram")
    common: dict[str, Any] = {
        "name": metric.name,
        "time_ns": nanoseconds(point.time_unix_nano, f"{type(point).__name__}.timeUnixNano"),
        "start_ns": nanoseconds(point.start_time_unix_nano, f"{type(point).__name__}.startTimeUnixNano"),
        "unit": metric.unit,
        "description": metric.description,
        "attributes": attributes(point.attributes),
        "resource": resource,
    }
    if kind == "gauge":
        return MetricPoint(kind="gauge", value=_number(point), **common)
    common["temporality"] = _temporality(data.aggregation_temporality)
    if kind == "sum":
        return MetricPoint(kind="sum", value=_number(point), monotonic=data.is_monotonic, **common)
    read = _buckets if kind == "histogram" else _exponential_buckets
    bounds, buckets = read(point)
    return MetricPoint(
        kind="histogram",
        value=_finite(point.sum),
        count=_count(point.count),
        bounds=bounds,
        buckets=buckets,
        **common,
    )


def _number(point: metrics_pb2.NumberDataPoint) -> float:
    kind = point.WhichOneof("value")
    if kind is None:
        raise _PointError("the data point has no value")
    return float(point.as_int) if kind == "as_int" else _finite(point.as_double)


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise _PointError(f"{number} is not a finite number")
    return number


def _count(count: int) -> int:
    if count > MAX_NANOSECONDS:
        raise _PointError("a count is over 63 bits")
    return count


def _temporality(number: int) -> Temporality:
    if number not in _TEMPORALITIES:
        raise _PointError("its temporality is neither delta nor cumulative")
    return _TEMPORALITIES[number]


def _buckets(point: metrics_pb2.HistogramDataPoint) -> tuple[tuple[float, ...], tuple[int, ...]]:
    bounds, counts = tuple(point.explicit_bounds), tuple(point.bucket_counts)
    if not counts and not bounds:
        return (), (_count(point.count),)
    if len(counts) != len(bounds) + 1:
        raise _PointError(f"{len(counts)} buckets do not fit {len(bounds)} bounds")
    if not all(map(math.isfinite, bounds)) or any(low >= high for low, high in pairwise(bounds)):
        raise _PointError("its bounds do not rise")
    _count(max(counts))
    return bounds, counts


def _exponential_buckets(point: metrics_pb2.ExponentialHistogramDataPoint) -> tuple[tuple[float, ...], tuple[int, ...]]:
    below = point.zero_count + sum(point.negative.bucket_counts)
    bounds, counts = on_grid(point.scale, point.positive.offset, point.positive.bucket_counts, below=below)
    _count(max(counts))
    return bounds, counts


def metrics_json(points: Iterable[MetricPoint]) -> dict[str, Any]:
    """One ExportMetricsServiceRequest as OTLP JSON, grouped by resource; each point is a metric of its own."""
    return {
        "resourceMetrics": [
            {
                "resource": {"attributes": attributes_json(resource)},
                "scopeMetrics": [{"metrics": [_json(point) for _, group in scopes for point in group]}],
            }
            for resource, scopes in grouped(points)
        ]
    }


def _json(point: MetricPoint) -> dict[str, Any]:
    data: dict[str, Any] = {"dataPoints": [_point_json(point)]}
    if point.kind != "gauge":
        data["aggregationTemporality"] = _TEMPORALITY_NUMBERS[point.temporality]
    if point.kind == "sum":
        data["isMonotonic"] = point.monotonic
    kind: Literal["sum", "gauge", "histogram"] = point.kind
    return {"name": text(point.name), "unit": text(point.unit), "description": text(point.description), kind: data}


def _point_json(point: MetricPoint) -> dict[str, Any]:
    common = {
        "attributes": attributes_json(point.attributes),
        "timeUnixNano": str(point.time_ns),
        "startTimeUnixNano": str(point.start_ns),
    }
    if point.kind != "histogram":
        return {**common, "asDouble": point.value}
    return {
        **common,
        "count": str(point.count),
        "sum": point.value,
        "bucketCounts": [str(count) for count in point.buckets],
        "explicitBounds": list(point.bounds),
    }
