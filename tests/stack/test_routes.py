"""Two ways of a metric to Prometheus, one name: scraped from the program itself, and by OTLP through the collector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ports import free_port
from stack import eventually
from stack_prometheus import APPLICATIONS, place
from stage_program import asked
from stagelight.catalogue import METRICS

if TYPE_CHECKING:
    from collections.abc import Callable

    from stack_collector import Collector
    from stack_prometheus import Prometheus
    from stagelight.catalogue import Metric

OURS = "shop"  #: The program's name, which becomes the job of what comes by the collector.
PAGE = "page"  #: The job of the program's own page.
OTHERS = "up|scrape_.*|target_info|traces_.*"  #: Made by Prometheus, and by the collector out of spans.
ADDED = ("job", "instance", "le")  #: By Prometheus; the last is the bucket's.


@pytest.fixture
def both(collector: Callable[..., Collector], prometheus: Callable[..., Prometheus]) -> Any:
    """Prometheus after a program with stages used every metric of the catalogue on both ways."""
    through = collector("collector.yaml", "prometheus2.yaml")
    port = free_port()
    jobs = [{"job_name": PAGE, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}]
    found = prometheus({APPLICATIONS: place(through.scrape)}, jobs=jobs)
    with asked(
        OTEL_SERVICE_NAME=OURS,
        OTEL_EXPORTER_OTLP_ENDPOINT=through.http,
        OTEL_TRACES_EXPORTER="otlp",
        OTEL_METRICS_EXPORTER="otlp",
        PROMETHEUS_PORT=str(port),
    ) as shop:
        shop.ask("all is well, everything")
        shop.ask("fail")
        for job in (PAGE, OURS):
            eventually(lambda job=job: missing(found, job) == set(), what=f"the catalogue in job {job}")
        yield found


def series(row: Metric) -> list[str]:
    """The names under which a metric is stored."""
    return [row.name + part for part in ("_bucket", "_sum", "_count")] if row.kind == "histogram" else [row.name]


def stored(prometheus: Prometheus, job: str) -> dict[str, set[str]]:
    """The metrics of a job which the program recorded itself, and their labels."""
    found: dict[str, set[str]] = {}
    for one in prometheus.query(f'{{job="{job}",__name__!~"{OTHERS}"}}'):
        labels = {name for name in one["metric"] if not name.startswith("otel_scope_")}
        found.setdefault(one["metric"]["__name__"], set()).update(labels - {"__name__", *ADDED})
    return found


def missing(prometheus: Prometheus, job: str) -> set[str]:
    """What of the catalogue has not come yet; of the stages' calls also the failed one."""
    names = {name for row in METRICS.values() for name in series(row)}
    failed = prometheus.query(f'stagelight_stage_calls_total{{job="{job}",error_type="ValueError"}} > 0')
    return names - set(stored(prometheus, job)) | (set() if failed else {"the failed call"})


def test_both_ways_end_in_what_the_catalogue_says(both: Prometheus) -> None:
    """In Prometheus names, labels and kinds are the catalogue's, no more and no less, and figures agree, whichever way."""
    expected = {name: set(row.label_names) for row in METRICS.values() for name in series(row)}

    assert stored(both, PAGE) == expected
    assert stored(both, OURS) == expected
    assert kinds(both) == {row.name: {row.kind} for row in METRICS.values()}
    calls = "sum by (stage, outcome, error_type, model_version) (stagelight_stage_calls_total{job='%s'})"
    here, there = ({str(s["metric"]): s["value"][1] for s in both.query(calls % job)} for job in (PAGE, OURS))
    assert here == there


def kinds(prometheus: Prometheus) -> dict[str, set[str]]:
    """What each metric is; OpenMetrics, in which the collector is scraped, gives counters without their `_total`."""
    told = prometheus.ask("metadata")
    known = {row.name: (row.name, row.name.removesuffix("_total")) for row in METRICS.values()}
    return {name: {one["type"] for key in keys for one in told.get(key, [])} for name, keys in known.items()}
