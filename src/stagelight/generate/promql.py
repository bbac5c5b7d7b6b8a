"""What an expression reads: parsed, so that a wrong one is found here and not by Prometheus."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from stagelight.catalogue import FOREIGN, METRICS
from stagelight.errors import MissingExtraError

if TYPE_CHECKING:
    from stagelight.catalogue.rows import Kind

# What Grafana puts into an expression, and something of the same kind that PromQL can read.
GRAFANA = {"$__rate_interval": "5m", "$__interval": "1m", "$__range": "1h"}
VARIABLE = re.compile(r"\$(?!__)(\w+)")
PARTS = ("_bucket", "_sum", "_count")  #: What Prometheus makes of a histogram.
RECORDED = re.compile(r"stagelight:\w+:\w+")  #: What our own recording rules are called.


class Selector(NamedTuple):
    """A series that an expression reads."""

    name: str
    labels: tuple[str, ...]  #: Those that it is chosen by.


def exposed() -> dict[str, str]:
    """Return every series name that the catalogue knows, with the metric it belongs to.

    >>> exposed()["stagelight_stage_duration_seconds_bucket"]
    'stagelight_stage_duration_seconds'
    """
    kinds: dict[str, Kind] = {name: row.kind for name, row in METRICS.items()}
    kinds |= {name: row.kind for name, row in FOREIGN.items()}
    return {series: name for name, kind in kinds.items() for series in parts(name, kind)}


def parts(name: str, kind: Kind) -> tuple[str, ...]:
    """Return the series that a metric is in Prometheus.

    >>> parts("age_seconds", "histogram")
    ('age_seconds_bucket', 'age_seconds_sum', 'age_seconds_count')
    """
    return tuple(f"{name}{part}" for part in PARTS) if kind == "histogram" else (name,)


def variables(expr: str) -> list[str]:
    """Return the dashboard's own variables in `expr`, in order.

    >>> variables('up{job=~"$job"}[$__rate_interval]')
    ['job']
    """
    return list(dict.fromkeys(VARIABLE.findall(expr)))


def readable(expr: str) -> str:
    """Return an expression of a dashboard as PromQL can read it: with Grafana's variables filled in.

    >>> readable('rate(up{job=~"$job"}[$__rate_interval])')
    'rate(up{job=~".*"}[5m])'
    """
    for name, value in GRAFANA.items():
        expr = expr.replace(name, value)
    return VARIABLE.sub(".*", expr)


def selectors(expr: str) -> list[Selector]:
    """Return every series that `expr` reads.

    Raises:
        ValueError: It does not parse, or reads a series without naming it.
        MissingExtraError: The parser is not installed.

    >>> selectors('sum(rate(a_total{b="c"}[5m])) / d')
    [Selector(name='a_total', labels=('b',)), Selector(name='d', labels=())]
    """
    try:
        import promql_parser
    except ImportError as error:
        raise MissingExtraError("generate", "reading PromQL") from error
    found: list[Selector] = []

    def visit(node: object) -> None:
        if not isinstance(node, promql_parser.VectorSelector):
            return
        if node.name is None:
            raise ValueError(f"a selector without a metric's name: {expr}")
        found.append(Selector(node.name, tuple(matcher.name for matcher in node.matchers.matchers)))

    promql_parser.walk(promql_parser.parse(expr), visit)
    return found


def unknown(expr: str) -> list[str]:
    """Return the series of `expr` that neither the catalogue nor a recording rule gives.

    Raises:
        ValueError: As `selectors`.
    """
    known = exposed()
    return [one.name for one in selectors(expr) if one.name not in known and not RECORDED.fullmatch(one.name)]
