"""The feedback loop's six alerts on the real Prometheus, fired and kept silent by the running loop, at shortened times.

One course for all of them: eight tenants side by side go through calm, breach and calm again, and Prometheus remembers
which alerts fired for whom. The thresholds are those of operation; windows and `for` are seconds instead of minutes.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import pytest

import rl_course
import stack_prometheus
from ports import free_ports
from stack import eventually
from stack_prometheus import rules
from stagelight.catalogue import rl_feedback_alerts as rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stack_prometheus import Prometheus

FAILURES, LOW = rows.PROCESSING_FAILURES.name, rows.SUCCESS_RATE_LOW.name
HIGH, CRITICAL = rows.QUEUE_DEPTH_HIGH.name, rows.QUEUE_DEPTH_CRITICAL.name
STALLED, DROPPED = rows.PROCESSING_STALLED.name, rows.RATE_DROPPED.name
SOON: dict[str, dict[str, object]] = {
    FAILURES: {"window": "5s"},
    LOW: {"window": "5s"},
    HIGH: {"for": "3s"},
    CRITICAL: {"for": "2s"},
    STALLED: {"window": "4s"},
    DROPPED: {"window": "3s", "before": "4s", "minimum": 10},
}
SIX = "|".join(SOON)
FIRES = {  #: Who is told of what, in the breach. Nobody is told of the tenants `steady` and `fewer`.
    (FAILURES, "refused"), (LOW, "refused"),
    (FAILURES, "once"),
    (DROPPED, "slowed"),
    (STALLED, "waits"),
    (STALLED, "high"), (HIGH, "high"),
    (STALLED, "critical"), (HIGH, "critical"), (CRITICAL, "critical"),
}  # fmt: skip
SNIPPETS = (  # as the contract has them, letter for letter
    "sum by (tenant,workspace)(rate(rl_feedback_processed_total[5m]))",
    "sum by (tenant,workspace)(rate(rl_feedback_failed_total[5m]))",
    "avg_over_time(rl_feedback_queue_depth[15m])",
    "sum(increase(rl_feedback_processed_total[1h])) / (sum(increase(rl_feedback_processed_total[1h])) + sum(increase(rl_feedback_failed_total[1h])))",
)


class Course(NamedTuple):
    """What Prometheus saw."""

    prometheus: Prometheus
    calm: float  #: When the breach began, in seconds since 1970.
    breach: float  #: When it was mended.
    end: float

    def fired(self, since: float, until: float) -> set[tuple[str, str]]:
        """Alert and tenant of all of the six that fired in between."""
        return fired(self.prometheus, since, until)


def fired(prometheus: Prometheus, since: float, until: float) -> set[tuple[str, str]]:
    """Alert and tenant of all of the six that fired in between."""
    told = f'ALERTS{{alertname=~"{SIX}",alertstate="firing"}}[{max(1, int(until - since))}s]'
    found = prometheus.ask("query", query=f"max_over_time({told})", time=str(until))["result"]
    return {(one["metric"]["alertname"], one["metric"]["tenant"]) for one in found}


def firing(prometheus: Prometheus) -> set[tuple[str, str]]:
    """Alert and tenant of all of the six that fire now."""
    found = prometheus.query(f'ALERTS{{alertname=~"{SIX}",alertstate="firing"}}')
    return {(one["metric"]["alertname"], one["metric"]["tenant"]) for one in found}


def waited(look: Callable[[], bool], seconds: float) -> float:
    """Wait until it is so, for so long at most, and return when that was; the tests say what is missing."""
    deadline = time.monotonic() + seconds
    while not look() and time.monotonic() < deadline:
        time.sleep(0.1)
    return time.time()


@pytest.fixture(scope="module")
def course(program: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Course]:
    """All of it: the loop runs and falls ill and recovers, and Prometheus watches, a scrape and an evaluation each second."""
    folder = tmp_path_factory.mktemp("course")
    (port,) = free_ports(1)
    job = {"job_name": "app", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
    made = stack_prometheus.prometheus(program("prometheus"), folder, jobs=[job], rules=rules(folder, **SOON))
    began = time.time()
    made.server.start()  # first: it looks for targets every five seconds
    try:
        with rl_course.running(folder, PROMETHEUS_PORT=str(port)) as app:
            app.begin("calm")
            # As long as the alerts look back, so that they have something to be silent about.
            past = "count_over_time(rl_feedback_processed_total{tenant='steady'}[1m]) >= 5"
            eventually(lambda: made.query(past), what="five scrapes")
            calm = time.time()
            app.begin("breach")
            breach = waited(lambda: fired(made, calm, time.time()) >= FIRES, 12)
            app.begin("mended")
            end = waited(lambda: not firing(made), 12)
            print(f"calm until {calm - began:.1f} s, breach {breach - calm:.1f} s, resolved after {end - breach:.1f} s")
            yield Course(made, calm, breach, end)
    finally:
        made.server.kill()
        print(made.server.said[-2000:])


def test_nobody_is_told_of_a_loop_that_keeps_up(course: Course) -> None:
    """Eight tenants' rewards are learned from as they come: none of the six fires."""
    assert course.fired(course.calm - 60, course.calm) == set()


@pytest.mark.parametrize(
    ("alert", "tenants"),
    [(name, {tenant for alert, tenant in FIRES if alert == name}) for name in SOON],
    ids=list(SOON),
)
def test_each_alert_fires_for_whom_it_should_and_for_nobody_else(course: Course, alert: str, tenants: set[str]) -> None:
    """The loop ends with 25, 26 and 101 rewards waiting, is slow, or refuses: each is told, by its own alert.

    Silent stay: a tenant whose rewards go on being learned from; one who is learned from more slowly because fewer come;
    success of 99 in 100; 25 waiting, which are no deep queue; 26, which are no critical one.
    """
    assert {tenant for name, tenant in course.fired(course.calm, course.breach) if name == alert} == tenants


def test_all_of_them_resolve_when_the_loop_is_back(course: Course) -> None:
    """The queues are drained, what comes is well again: nothing fires any more."""
    assert firing(course.prometheus) == set()
    assert float(course.prometheus.query("sum(rl_feedback_queue_depth)")[0]["value"][1]) < len(rl_course.FED)


def test_the_contract_s_queries_run_as_they_are_written(course: Course) -> None:
    """Each of the four, letter for letter, gives figures, for each tenant and for all."""
    answers = [course.prometheus.query(query) for query in SNIPPETS]
    figures = [{one["metric"].get("tenant", ""): float(one["value"][1]) for one in found} for found in answers]
    tenants = {*rl_course.FED, *rl_course.STOPPED, rl_course.ONCE}

    assert [set(found) for found in figures] == [tenants, tenants, tenants, {""}]
    assert figures[0]["steady"] > 0
    assert figures[1]["refused"] > 0 == figures[1]["steady"]
    assert figures[2]["critical"] > figures[2]["high"] > 0
    assert 0.9 < figures[3][""] < 1


def test_the_queries_of_the_dashboard_and_the_runbook_give_figures(course: Course) -> None:
    """What people look at is not empty while the loop runs."""
    from stagelight import catalogue
    from stagelight.generate import promql

    shown = [
        promql.readable(query)
        for panel in catalogue.PANELS.values()
        if panel.dashboard == "RL feedback"
        for query in panel.expr
    ]
    told = [query for row in catalogue.SECTIONS.values() for query in row.queries if row.page == rows.PAGE]
    empty = [query for query in (*shown, *told) if not course.prometheus.query(query)]

    assert not empty
