"""tempo.yaml and Grafana's provisioning, as far as can be told without their images, which CI does not have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import promql_parser
import pytest

from deployment import COLLECTOR, compose, filled, mistakes, read
from repository import ROOT
from stagelight import catalogue

if TYPE_CHECKING:
    from pathlib import Path

PROVISIONING = ROOT / "dashboards" / "provisioning"
SOURCES = PROVISIONING / "datasources" / "stagelight.yaml"
DASHBOARDS = PROVISIONING / "dashboards" / "stagelight.yaml"
TEMPO = COLLECTOR / "tempo" / "tempo.yaml"

SERVICES: dict[str, dict[str, Any]] = compose()["services"]


def sources() -> dict[str, dict[str, Any]]:
    """The data sources by their uid, as Grafana reads them: `$$` is a dollar."""
    return {source["uid"]: source for source in read(SOURCES)["datasources"]}


def queries() -> list[str]:
    """What a span's links ask Prometheus, with the stage put in."""
    asked = [query["query"] for query in sources()["tempo"]["jsonData"]["tracesToMetrics"]["queries"]]
    return [query.replace("$$__tags", 'stage="answer"') for query in asked]


def test_tempo_knows_every_word() -> None:
    """It refuses to start on one that it does not know."""
    assert mistakes(filled(TEMPO), "tempo") == []


@pytest.mark.parametrize("path", [SOURCES, DASHBOARDS], ids=lambda path: path.parent.name)
def test_grafana_knows_every_word(path: Path) -> None:
    """It passes over one that it does not know, without a sound."""
    assert mistakes(read(path), path.parent.name) == []


def test_a_wrong_word_would_be_noticed() -> None:
    """The schemas are closed: an option that moved in another version, and a destination that was spelled wrong."""
    tempo = filled(TEMPO) | {"compactor": {"compaction": {"block_retention": "1h"}}}
    grafana = read(SOURCES)
    grafana["datasources"][0]["jsonData"]["exemplarTraceIdDestination"] = []

    assert len(mistakes(tempo, "tempo")) == 1
    assert len(mistakes(grafana, "datasources")) == 1


def test_tempo_is_told_what_compose_sets() -> None:
    """Each variable in its file is given by docker-compose.yml, and the program is told to put variables in."""
    used = set(re.findall(r"\$\{(\w+)", TEMPO.read_text(encoding="utf-8")))

    assert used == set(SERVICES["tempo"]["environment"])
    assert "-config.expand-env=true" in SERVICES["tempo"]["command"]


def test_fresh_spans_are_found() -> None:
    """Without the cutoff Tempo must not fail on lag: one goes with the other."""
    told = read(TEMPO)

    assert told["query_frontend"]["query_end_cutoff"] == "0s"
    assert told["live_store"]["fail_on_high_lag"] is False


def test_spans_are_counted_once() -> None:
    """The collector makes span metrics before it samples; a generator in Tempo would count them again."""
    assert "metrics_generator" not in read(TEMPO)
    assert "span_metrics" in read(COLLECTOR / "collector.yaml")["connectors"]


def test_the_collector_and_grafana_find_tempo() -> None:
    """The ports in its file are those that the others use."""
    told = read(TEMPO)
    http = told["distributor"]["receivers"]["otlp"]["protocols"]["http"]["endpoint"].rpartition(":")[2]

    assert SERVICES["collector"]["environment"]["STAGELIGHT_TRACES_ENDPOINT"] == f"http://tempo:{http}"
    assert sources()["tempo"]["url"] == f"http://tempo:{told['server']['http_listen_port']}"


def test_sources_are_programs_of_the_stack() -> None:
    """Each address is a service, at the port that it publishes from."""
    for source in sources().values():
        host, port = source["url"].removeprefix("http://").split(":")
        assert any(published.endswith(f":{port}") for published in SERVICES[host]["ports"])


def test_metrics_and_traces_lead_to_each_other() -> None:
    """An exemplar opens Tempo, a span opens Prometheus, and both are sources that exist."""
    found = sources()
    exemplar = found["prometheus"]["jsonData"]["exemplarTraceIdDestinations"][0]
    tempo = found["tempo"]["jsonData"]

    assert exemplar["datasourceUid"] in found
    assert {tempo["tracesToMetrics"]["datasourceUid"], tempo["serviceMap"]["datasourceUid"]} <= set(found)
    assert [source["uid"] for source in found.values() if source.get("isDefault")] == ["prometheus"]


@pytest.mark.parametrize("query", queries())
def test_what_a_span_asks_prometheus_for_is_there(query: str) -> None:
    """Each query parses and reads metrics and labels of the catalogue."""
    promql_parser.parse(query)
    (name,) = re.findall(r"\b(stagelight_\w+?)(?:_bucket)?\{", query)
    grouped = set(re.findall(r"sum by \((\w+)\)", query)) - {"le"}

    assert {"stage", *grouped} <= set(catalogue.METRICS[name].label_names)


def test_a_dollar_is_written_twice() -> None:
    """Grafana puts its own environment in for one dollar and a name: the variable would be gone."""
    assert not re.search(r"(?<!\$)\$(?!\$)", re.sub(r"#.*", "", SOURCES.read_text(encoding="utf-8")))


def test_dashboards_are_found_and_name_our_sources() -> None:
    """The folder is mounted where Grafana is told to look, and every panel's source has a uid of ours."""
    folder = read(DASHBOARDS)["providers"][0]["options"]["path"]
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "dashboards").glob("*.json")]
    uids = {uid for text in texts for uid in re.findall(r'"datasource": \{[^}]*"uid": "([^"$-]+)"', text)}

    assert f"./dashboards:{folder}:ro" in SERVICES["grafana"]["volumes"]
    assert texts
    assert uids
    assert uids <= set(sources())
