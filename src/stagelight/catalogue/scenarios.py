"""Ways to write the series of a scenario short."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from stagelight.catalogue.rows import Course

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stagelight.catalogue.rows import Metric


class Observed(NamedTuple):
    """What a histogram sees: always the same value, so often a minute."""

    value: float
    per_minute: float


def series(name: str, **labels: str) -> str:
    """Return the series `name` with `labels` as PromQL writes it.

    >>> series("up", job="shop")
    'up{job="shop"}'
    """
    said = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return f"{name}{{{said}}}"


def histogram(metric: Metric, *, calm: Observed, breach: Observed, **labels: str) -> tuple[Course, ...]:
    """Return the bucket series of `metric` while its observations go from `calm` to `breach`."""

    def courses() -> Iterator[Course]:
        for bound in (*metric.buckets, float("inf")):
            growth = [seen.per_minute if seen.value <= bound else 0.0 for seen in (calm, breach)]
            yield Course(series(f"{metric.name}_bucket", **labels, le=_le(bound)), *growth)

    return tuple(courses())


def at_most(metric: Metric, bound: float) -> str:
    r"""Return the matcher that finds the bucket of `metric` up to `bound`, however its `le` is spelled.

    Python writes 5.0, the collector 5, and Prometheus 3 makes one of both.

    Raises:
        ValueError: No bucket of `metric` ends at `bound`.

    >>> from stagelight.catalogue.rows import Metric
    >>> at_most(Metric(name="age_seconds", kind="histogram", help="Age.", buckets=(0.5, 5)), 5)
    'le=~"5([.]0+)?"'
    """
    if bound not in metric.buckets:
        raise ValueError(f"{metric.name} has no bucket that ends at {bound:g}; it has {metric.buckets}")
    whole, _, part = f"{bound:g}".partition(".")
    return f'le=~"{whole}[.]{part}0*"' if part else f'le=~"{whole}([.]0+)?"'


def _le(bound: float) -> str:
    return "+Inf" if bound == float("inf") else f"{bound:g}"
