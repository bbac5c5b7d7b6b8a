"""The kinds of row: Metric, Foreign, Alert, Slo, Panel, Runbook, Section, Recording."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from string import Template
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

from stagelight.catalogue.durations import seconds

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

Kind = Literal["counter", "gauge", "histogram"]
Severity = Literal["critical", "page", "warning", "ticket", "info"]

NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
FENCE = re.compile(r"^```promql\n(.*?)^```$", re.MULTILINE | re.DOTALL)
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
    unsaid: str = (
        ""  #: A value that goes without saying: the label is then empty, which is to say absent in Prometheus.
    )


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
class Foreign:
    """A metric that another program exports and that our rules or panels read, as seen in Prometheus."""

    name: str
    kind: Kind
    by: Literal["collector", "prometheus", "alertmanager"]
    help: str
    labels: tuple[str, ...] = ()  #: Those that we read.


@dataclass(frozen=True, slots=True)
class Course:
    """How one series goes in a scenario.

    A counter's figure is its growth per minute, a gauge's its value; None means that the series is not there.
    """

    series: str  #: With its labels, as `up{job="shop"}`.
    calm: float | None
    breach: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A course of events that a rule is tested on: calm (silent), breach (fires), calm again (resolves)."""

    courses: tuple[Course, ...]
    labels: Mapping[str, str] = field(default_factory=dict)  #: What the firing alert says besides its own labels.
    says: str = ""  #: The summary as people read it; needed where it shows a value.
    fires: bool = True  #: False: the breach is one that the rule must not take for its own; it is silent all along.


@dataclass(frozen=True, slots=True, kw_only=True)
class Runbook:
    """What the person on call looks at and does; several alerts may share one."""

    name: str
    page: str  #: The page under docs/runbooks, and the file of rules, without their endings.
    look: tuple[str, ...]  #: PromQL that shows what is wrong, and commands, which begin with `$ `.
    mitigate: tuple[str, ...]  #: What to do, in order.

    @property
    def anchor(self) -> str:
        """Where it stands: page and heading, as GitHub and most others make a link of it."""
        return f"{self.page}.md#{re.sub(r'[^a-z0-9 -]', '', self.name.lower()).replace(' ', '-')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of a runbook's page that belongs to no alert: operations, tuning, recovery, reviews."""

    name: str  #: Its heading.
    page: str  #: The page that carries it, after the alerts.
    text: str  #: Markdown; each of its fences for PromQL holds one query, which is checked as those of a runbook are.

    @property
    def queries(self) -> tuple[str, ...]:
        """The PromQL in it."""
        return tuple(query.strip() for query in FENCE.findall(self.text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A rule that fires, and what the person it wakes should know and do first.

    Every figure that a deployment may want otherwise is a field of its own and stands in `expr` as `$threshold`,
    `$window` and so on.
    """

    name: str
    expr: str  #: PromQL, with `$field` where a figure belongs.
    threshold: float | None = None
    minimum: float | None = None  #: Events before it speaks at all: a share of three calls is no share.
    window: str = ""  #: The range that is looked at.
    short: str = ""  #: A second, shorter range which must agree, so that it resolves soon.
    before: str = ""  #: The range of the past that is compared with.
    for_: str = "0s"  #: How long it must hold.
    severity: Severity
    summary: str  #: One line in the chat; may show `{{ $labels.stage }}` and `{{ $value }}`.
    means: str
    first_step: str
    runbook: Runbook
    scenarios: tuple[Scenario, ...]

    def __post_init__(self) -> None:
        """Refuse a row whose expression and fields do not fit."""
        used = set(Template(self.expr).get_identifiers())
        if used != set(self.figures):
            raise ValueError(f"{self.name}: the expression uses {sorted(used)}, the row gives {sorted(self.figures)}")
        for duration in (self.for_, self.window, self.short, self.before):
            seconds(duration or "0s")
        if not any(scenario.fires for scenario in self.scenarios):
            raise ValueError(f"{self.name}: no scenario shows that it fires")

    @property
    def figures(self) -> dict[str, str]:
        """The fields that stand in the expression, as PromQL."""
        numbers = {"threshold": self.threshold, "minimum": self.minimum}
        ranges = {"window": self.window, "short": self.short, "before": self.before}
        said = {name: f"{number:.12g}" for name, number in numbers.items() if number is not None}
        return said | {name: length for name, length in ranges.items() if length}

    @property
    def promql(self) -> str:
        """The expression with its figures."""
        return Template(self.expr).substitute(self.figures)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A series that Prometheus computes out of others, for alerts and panels that read it."""

    name: str  #: As Prometheus' habit has it: `stagelight:what:window`.
    page: str  #: The file of rules that holds it; recordings stand before its alerts, in the catalogue's order.
    expr: str
    help: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Slo:
    """A promise: the share of good events over all, and how much of it must hold."""

    name: str
    good: str  #: PromQL of good events per second; `$window` stands for the range.
    total: str  #: PromQL of all events per second, with the same labels.
    objective: float  #: 0.99 for 99 %.
    days: int = 30
    minimum: float = 0  #: Events in an alert's long window before it speaks.
    event: str  #: What is counted, in the plural.
    summary: str  #: What is promised to whom, for the alert's first line; may show `{{ $labels.stage }}`.
    means: str
    first_step: str
    runbook: Runbook
    scenario: Scenario  #: In breach more than a quarter of the events is bad.

    def __post_init__(self) -> None:
        """Refuse an objective that leaves no budget, or none to lose."""
        if not 0 < self.objective < 1:
            raise ValueError(f"{self.name}: objective {self.objective}; expected a share between 0 and 1, as 0.99")


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A picture on a dashboard."""

    name: str
    dashboard: str  #: Its title.
    section: str  #: The row it stands in.
    kind: Literal["timeseries", "gauge", "stat", "bars", "table", "heatmap", "status"]
    expr: tuple[str, ...]  #: PromQL, a query each; `$tenant` and the like become the dashboard's variables.
    legend: tuple[str, ...] = ()  #: A name for each query's series, as `{{stage}}`.
    unit: str = ""
    help: str = ""
    width: int = 12  #: Of 24 columns.
    levels: tuple[float, ...] = ()  #: From where a gauge is orange, and red; falling where less is worse.


R = TypeVar("R", bound=Named)


def collected(kind: type[R], *modules: ModuleType) -> Mapping[str, R]:
    """Return every row of `kind` in `modules`, by name; rows may also stand in a dict, as values.

    Raises:
        ValueError: Two rows have one name.
    """
    rows: dict[str, R] = {}
    for module in modules:
        held = vars(module).values()
        for row in (*held, *(row for table in held if isinstance(table, dict) for row in table.values())):
            if isinstance(row, kind) and rows.setdefault(row.name, row) is not row:
                raise ValueError(f"two rows are called {row.name!r}")
    return MappingProxyType(rows)
