"""Grafana's dashboards: fixed uids and ids, variables for what can be chosen, exemplars that open the trace."""

from __future__ import annotations

import importlib
import json
import warnings
from dataclasses import dataclass
from itertools import count, groupby
from typing import TYPE_CHECKING, Any, Final

from stagelight.catalogue import METRICS, PANELS
from stagelight.errors import MissingExtraError
from stagelight.generate import promql

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stagelight.catalogue.rows import Panel

PROMETHEUS: Final = "prometheus"  #: The data source's uid and type; provisioning gives it this uid.
TAG: Final = "stagelight"
COLUMNS: Final = 24
WIDEST: Final = ("tenant", "workspace")  #: Variables that come first: as one narrows down.
HEIGHTS: Final = {"stat": 4, "gauge": 6}  #: Rows of the grid; all other kinds take 8.
OURS_ONLY: Final = ("auto", "auto_count", "auto_min")  #: Fields that the SDK writes and Grafana 13 does not know.
BUILDERS: Final = {
    "timeseries": "timeseries",
    "bars": "timeseries",
    "gauge": "gauge",
    "stat": "stat",
    "table": "table",
    "heatmap": "heatmap",
    "status": "statetimeline",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a panel stands on the grid."""

    x: int
    y: int
    width: int
    height: int


def files() -> dict[str, str]:
    """Return every dashboard as JSON, by its file's name.

    Raises:
        MissingExtraError: Grafana's SDK is not installed.
    """
    titles = dict.fromkeys(panel.dashboard for panel in PANELS.values())
    return {f"{slug(title)}.json": _dashboard(title) for title in titles}


def slug(title: str) -> str:
    """Return a dashboard's title as a file's name and a part of its uid.

    >>> slug("Pipeline health")
    'pipeline-health'
    """
    return title.lower().replace(" ", "-")


def placed(panels: list[Panel]) -> Iterator[tuple[str | Panel, Place]]:
    """Yield each section's title and its panels with their places: from left to right, then down."""
    y = 0
    for section, members in groupby(panels, lambda panel: panel.section):
        yield section, Place(0, y, COLUMNS, 1)
        y, x, tallest = y + 1, 0, 0
        for panel in members:
            if x + panel.width > COLUMNS:
                x, y, tallest = 0, y + tallest, 0
            height = HEIGHTS.get(panel.kind, 8)
            yield panel, Place(x, y, panel.width, height)
            x, tallest = x + panel.width, max(tallest, height)
        y += tallest


def _dashboard(title: str) -> str:
    panels = [panel for panel in PANELS.values() if panel.dashboard == title]
    sdk = _sdk("builders.dashboard")
    models = _sdk("models.dashboard")
    link = sdk.DashboardLink("stagelight").type(models.DashboardLinkType.DASHBOARDS).tags([TAG])
    board = (
        sdk.Dashboard(title)
        .uid(f"{TAG}-{slug(title)}")
        .tags([TAG])
        .description("Written by `stagelight generate`, from the catalogue.")
        .time("now-1h", "now")
        .refresh("30s")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .link(link.keep_time(True).include_vars(True).as_dropdown(True))  # noqa: FBT003  the SDK's way
    )
    for name, metric in _variables(panels).items():
        board = board.with_variable(_variable(name, metric))
    built = board.build()
    built.panels = [
        _built(item, place, number) for number, (item, place) in zip(count(1), placed(panels), strict=False)
    ]
    return json.dumps(_cleaned(built), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _variables(panels: list[Panel]) -> dict[str, str]:
    """The dashboard's variables, each with the metric whose label gives its values."""
    exprs = [expr for panel in panels for expr in panel.expr]
    names = dict.fromkeys(name for expr in exprs for name in promql.variables(expr))
    known = promql.exposed()
    read = [known.get(one.name, "") for expr in exprs for one in promql.selectors(promql.readable(expr))]
    return {
        name: next(metric for metric in read if metric in METRICS and name in METRICS[metric].label_names)
        for name in sorted(names, key=lambda name: (WIDEST.index(name) if name in WIDEST else len(WIDEST), name))
    }


def _variable(name: str, metric: str) -> Any:
    return (
        _sdk("builders.dashboard")
        .QueryVariable(name)
        .label(name.capitalize())
        .datasource(_source())
        .query(f"label_values({metric}, {name})")
        .refresh(_sdk("models.dashboard").VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(_sdk("models.dashboard").VariableSort.ALPHABETICAL_ASC)
        .multi(True)  # noqa: FBT003  the SDK's way
        .include_all(True)  # noqa: FBT003  as above
        .all_value(".*")
        .current(_sdk("models.dashboard").VariableOption(selected=True, text="All", value="$__all"))
    )


def _built(item: str | Panel, place: Place, number: int) -> Any:
    position = _sdk("models.dashboard").GridPos(h=place.height, w=place.width, x=place.x, y=place.y)
    if isinstance(item, str):
        row = _sdk("builders.dashboard").Row(item).build()
        row.id_val, row.grid_pos = number, position
        return row
    panel = _sdk(f"builders.{BUILDERS[item.kind]}").Panel()
    panel = panel.id(number).title(item.name).description(item.help).datasource(_source()).grid_pos(position)
    if item.unit:
        panel = panel.unit(item.unit)
    for index, expr in enumerate(item.expr):
        panel = panel.with_target(_query(item, index, expr))
    return _styled(item, panel).build()


def _query(panel: Panel, index: int, expr: str) -> Any:
    formats = _sdk("models.prometheus").PromQueryFormat
    query = _sdk("builders.prometheus").Dataquery().expr(expr).ref_id(chr(ord("A") + index)).datasource(_source())
    if index < len(panel.legend):
        query = query.legend_format(panel.legend[index])
    if panel.kind == "table":
        return query.instant().format(formats.TABLE)
    query = query.range().format(formats.HEATMAP if panel.kind == "heatmap" else formats.TIME_SERIES)
    shows_calls = panel.kind in ("timeseries", "heatmap") and "_bucket" in expr
    return query.exemplar(shows_calls)


def _styled(row: Panel, panel: Any) -> Any:
    common, models = _sdk("builders.common"), _sdk("models.common")
    if row.kind in ("timeseries", "bars"):
        legend = common.VizLegendOptions().show_legend(True).placement(models.LegendPlacement.BOTTOM)  # noqa: FBT003  the SDK's way
        panel = panel.legend(legend.display_mode(models.LegendDisplayMode.LIST)).min(0)
        panel = panel.tooltip(
            common.VizTooltipOptions().mode(models.TooltipDisplayMode.MULTI).sort(models.SortOrder.DESCENDING)
        )
    if row.kind == "bars":
        stacked = common.StackingConfig().mode(models.StackingMode.NORMAL)
        return panel.draw_style(models.GraphDrawStyle.BARS).fill_opacity(80).stacking(stacked)
    if row.kind in ("stat", "gauge"):
        panel = panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        return _levelled(row, panel.min(0)) if row.kind == "gauge" else panel
    if row.kind == "heatmap":
        axis = _sdk("builders.heatmap").YAxisConfig().unit(row.unit)
        return panel.y_axis(axis)
    if row.kind == "table":
        hidden = {"excludeByName": {"Time": True}}
        return panel.with_transformation(
            _sdk("models.dashboard").DataTransformerConfig(id_val="organize", options=hidden)
        )
    if row.kind == "status":
        return _coloured(panel, {None: "red", 1: "green"})
    return panel


def _levelled(row: Panel, panel: Any) -> Any:
    """A gauge with its end and its colours: they say at a glance whether somebody should look."""
    if row.unit == "percentunit":
        panel = panel.max(1)
    if not row.levels:
        return panel
    worse = ["green", "orange", "red"][: len(row.levels) + 1]
    falls = row.levels[0] > row.levels[-1]
    colours = worse[::-1] if falls else worse
    return _coloured(panel, dict(zip((None, *sorted(row.levels)), colours, strict=True)))


def _coloured(panel: Any, colours: Mapping[float | None, str]) -> Any:
    """The panel coloured by its value: from each key on, as its value says."""
    builders, models = _sdk("builders.dashboard"), _sdk("models.dashboard")
    steps = [models.Threshold(value=value, color=colour) for value, colour in colours.items()]
    scheme = builders.FieldColor().mode(models.FieldColorModeId.THRESHOLDS)
    return panel.thresholds(builders.ThresholdsConfig().steps(steps)).color_scheme(scheme)


def _cleaned(built: Any) -> Any:
    """The dashboard as plain data, without the fields that Grafana does not know."""
    data = json.loads(_sdk("cog.encoder").JSONEncoder().encode(built))
    for variable in data["templating"].setdefault("list", []):
        for name in OURS_ONLY:
            variable.pop(name, None)
    return data


def _source() -> Any:
    return _sdk("models.common").DataSourceRef(type_val=PROMETHEUS, uid=PROMETHEUS)


def _sdk(module: str) -> Any:
    """A module of Grafana's SDK, imported when a dashboard is wanted: it is 5 MB of code."""
    try:
        with warnings.catch_warnings():
            # It says that a second schema exists; provisioning from files, which every Grafana can, reads the first.
            warnings.simplefilter("ignore", DeprecationWarning)
            return importlib.import_module(f"grafana_foundation_sdk.{module}")
    except ImportError as error:
        raise MissingExtraError("generate", "writing dashboards") from error
