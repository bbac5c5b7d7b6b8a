"""The kinds of row: Metric, Alert, Slo, Panel, Runbook."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

Kind = Literal["counter", "gauge", "histogram"]
Severity = Literal["critical", "page", "warning", "ticket", "info"]

NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
OVERFLOW = "__other__"  #: The value that stands for all values past a label's bound.
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Named(Protocol):
    """A row that can be found by its name."""

    @property
    def name(self) -> str:
        """What the row is called in Prometheus or Grafana."""
        ...


@dataclass(frozen=True, slots=True)
class Label:
    """A label and how many values it may take before the rest counts as `__other__`."""

    name: str
    bound: int  #: Distinct values kept for the life of a process.
    values: tuple[str, ...] = ()  #: The closed set, where there is one; any other value is overflow.
    default: str = ""  #: Value where the caller gives none.


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A metric, as seen in Prometheus.

    `name` is the instrument's name letter for letter: it carries its unit and, for a counter, `_total`. The instrument
    itself is declared without a unit, because exporters append one (and two of them disagree how).
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[Label, ...] = ()
    unit: str = ""  #: For people and dashboards (Grafana's unit names: s, ms, bytes, percentunit); never exported.
    buckets: tuple[float, ...] = SECONDS  #: Upper bounds, for histograms alone.

    def __post_init__(self) -> None:
        """Refuse names that an exporter would change."""
        for name in (self.name, *(label.name for label in self.labels)):
            if not NAME.fullmatch(name):
                raise ValueError(f"{name!r} would be renamed on its way to Prometheus; use letters, digits and _")
        if (self.kind == "counter") != self.name.endswith("_total"):
            raise ValueError(f"{self.name!r}: counters, and they alone, end in _total")

    @property
    def label_names(self) -> tuple[str, ...]:
        """The labels' names, in order."""
        return tuple(label.name for label in self.labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A rule that fires, and what the person it wakes should know and do first."""

    name: str
    expr: str  #: PromQL.
    for_: str = "0s"  #: How long it must hold.
    severity: Severity
    means: str
    first_step: str
    runbook: str  #: Page and anchor under docs/runbooks.


@dataclass(frozen=True, slots=True, kw_only=True)
class Slo:
    """A promise: the share of good events over all, and how much of it must hold."""

    name: str
    good: str  #: PromQL of good events; `$window` stands for the range.
    total: str  #: PromQL of all events.
    objective: float  #: 0.99 for 99 %.
    days: int = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A picture on a dashboard."""

    name: str
    dashboard: str
    kind: Literal["timeseries", "gauge", "stat", "bars", "table", "heatmap", "status"]
    expr: tuple[str, ...]  #: PromQL, a query each.
    unit: str = ""
    help: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runbook:
    """A page for the person on call."""

    name: str
    look: tuple[str, ...]  #: Queries and commands that show what is wrong.
    mitigate: tuple[str, ...]  #: What to do, in order.


R = TypeVar("R", bound=Named)


def collected(kind: type[R], *modules: ModuleType) -> Mapping[str, R]:
    """Return every row of `kind` in `modules`, by name.

    Raises:
        ValueError: Two rows have one name.
    """
    rows: dict[str, R] = {}
    for module in modules:
        for row in vars(module).values():
            if isinstance(row, kind) and rows.setdefault(row.name, row) is not row:
                raise ValueError(f"two rows are called {row.name!r}")
    return MappingProxyType(rows)
