"""What rules and panels read is what a running program really shows on its metrics page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

import stage_program
from ports import free_ports
from stack import eventually
from stagelight import catalogue
from stagelight.generate import promql

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


def test_every_metric_of_ours_that_is_read_is_emitted(rules: Mapping[str, Mapping[str, Any]]) -> None:
    """Rules and panels against the exposition text of a program with stages, line by line."""
    (port,) = free_ports(1)
    page = f"http://127.0.0.1:{port}/metrics"
    with stage_program.asked(
        PROMETHEUS_PORT=str(port), OTEL_METRICS_EXPORTER="prometheus", OTEL_TRACES_EXPORTER="none"
    ) as program:
        program.ask("everything")
        text = eventually(lambda: httpx.get(page, trust_env=False).text, what="the metrics page")
    emitted = {line.split("{")[0].split(" ")[0] for line in text.splitlines() if not line.startswith("#")}
    exprs = [rule["expr"] for rule in rules.values()]
    exprs += [promql.readable(expr) for panel in catalogue.PANELS.values() for expr in panel.expr]
    read = {one.name for expr in exprs for one in promql.selectors(expr)}
    ours = {name for name in read if promql.exposed().get(name) in catalogue.METRICS}

    assert len(ours) > 5
    assert ours <= emitted
