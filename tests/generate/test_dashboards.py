"""Dashboards: what Grafana needs to be there, and panels that read what the code really emits."""

from __future__ import annotations

import json
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest

from stagelight import catalogue
from stagelight.generate import dashboards, everything, promql

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMES = ("stages.json", "rl-feedback.json", "models.json", "pipeline-health.json")


@pytest.fixture(params=NAMES)
def dashboard(request: pytest.FixtureRequest, texts: Mapping[str, str]) -> dict[str, Any]:
    """One dashboard after the other."""
    return json.loads(texts[f"{everything.DASHBOARDS}/{request.param}"])


def panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    """All panels but the rows' titles."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def test_every_dashboard_is_there(texts: Mapping[str, str]) -> None:
    """Each under a uid that links may rely on."""
    found = {path: json.loads(text) for path, text in texts.items() if path.startswith(everything.DASHBOARDS)}

    assert set(found) == {f"{everything.DASHBOARDS}/{name}" for name in NAMES}
    assert {one["uid"] for one in found.values()} == {f"stagelight-{name.removesuffix('.json')}" for name in NAMES}


def test_every_panel_of_the_catalogue_is_shown(texts: Mapping[str, str]) -> None:
    """A row is a panel, with its queries in order."""
    boards = [json.loads(text) for path, text in texts.items() if path.startswith(everything.DASHBOARDS)]
    shown = {panel["title"]: tuple(t["expr"] for t in panel["targets"]) for board in boards for panel in panels(board)}

    assert shown == {panel.name: panel.expr for panel in catalogue.PANELS.values()}


def test_ids_are_set_and_fixed(dashboard: dict[str, Any]) -> None:
    """Grafana numbers panels without an id anew at each load, and links to them break."""
    ids = [panel["id"] for panel in dashboard["panels"]]

    assert ids == list(range(1, len(ids) + 1))


def test_no_field_is_left_that_grafana_does_not_know(texts: Mapping[str, str]) -> None:
    """The SDK writes three fields of interval variables into every variable."""
    for path, text in texts.items():
        if path.startswith(everything.DASHBOARDS):
            assert not [name for name in dashboards.OURS_ONLY if f'"{name}":' in text], path


def test_panels_stand_side_by_side(dashboard: dict[str, Any]) -> None:
    """No panel covers another, none reaches over the edge, and rows stand above what they name."""
    places = [panel["gridPos"] for panel in dashboard["panels"]]
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above, (one, other)
    assert all(place["x"] + place["w"] <= 24 for place in places)
    assert places == sorted(places, key=lambda place: (place["y"], place["x"]))


def test_everything_asks_the_provisioned_source(dashboard: dict[str, Any]) -> None:
    """The uid that provisioning gives to Prometheus, so that no one has to choose."""
    asked = [part["datasource"] for panel in panels(dashboard) for part in (panel, *panel["targets"])]
    asked += [variable["datasource"] for variable in dashboard["templating"]["list"]]

    assert all(source == {"type": "prometheus", "uid": "prometheus"} for source in asked)


def test_what_can_be_chosen_is_a_variable(dashboard: dict[str, Any]) -> None:
    """Each `$name` of a query is defined, lists what there is, and offers all."""
    used = {
        name for panel in panels(dashboard) for target in panel["targets"] for name in promql.variables(target["expr"])
    }
    variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}

    assert set(variables) == used
    for name, variable in variables.items():
        metric = variable["query"].removeprefix("label_values(").removesuffix(f", {name})")
        assert name in catalogue.METRICS[metric].label_names
        assert (variable["includeAll"], variable["multi"], variable["allValue"]) == (True, True, ".*")


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("stages", ["tenant", "workspace", "stage"]),
        ("rl-feedback", ["tenant", "workspace"]),
        ("models", ["feature", "method", "model", "model_version"]),
    ],
)
def test_what_there_is_can_be_narrowed_down(texts: Mapping[str, str], name: str, wanted: list[str]) -> None:
    """One screen serves many tenants, or many models."""
    names = [variable["name"] for variable in json.loads(texts[f"dashboards/{name}.json"])["templating"]["list"]]

    assert names == wanted


def test_durations_show_single_calls(texts: Mapping[str, str]) -> None:
    """The heatmap and the quantiles ask for exemplars, whose click opens the trace; what shows counters does not."""
    board = json.loads(texts["dashboards/stages.json"])
    asked = {panel["title"]: {target.get("exemplar", False) for target in panel["targets"]} for panel in panels(board)}
    kinds = {panel["title"]: panel["type"] for panel in panels(board)}

    assert {title for title, found in asked.items() if True in found} == {
        "Durations",
        "Duration by stage: half are faster than",
        "Duration by stage: 95 % and 99 % are faster than",
    }
    assert kinds["Durations"] == "heatmap"


def test_a_gauge_says_by_its_colour_whether_to_look(texts: Mapping[str, str]) -> None:
    """A deep queue is red above, a low success rate is red below; a share ends at 1."""
    board = json.loads(texts["dashboards/rl-feedback.json"])
    told = {panel["title"]: panel["fieldConfig"]["defaults"] for panel in panels(board) if panel["type"] == "gauge"}
    steps = {
        title: [(step["value"], step["color"]) for step in found["thresholds"]["steps"]]
        for title, found in told.items()
    }

    assert steps == {
        "Rewards that wait": [(None, "green"), (25, "orange"), (100, "red")],
        "Learned from, last hour": [(None, "red"), (0.95, "orange"), (0.99, "green")],
    }
    assert [found.get("max") for found in told.values()] == [None, 1]


def test_a_panel_too_many_for_a_row_starts_the_next() -> None:
    """Two halves and a third panel: below, not over the edge."""
    rows = [panel for panel in catalogue.PANELS.values() if panel.section == "Rate and errors"][:3]
    places = [place for _, place in dashboards.placed(rows)]

    assert [(place.x, place.y) for place in places] == [(0, 0), (0, 1), (12, 1), (0, 9)]
