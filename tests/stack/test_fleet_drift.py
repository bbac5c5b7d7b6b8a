"""Drift of a fleet, computed by a real Prometheus out of what three processes count, one of which is started anew."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from ports import free_ports
from stack import eventually
from stack_prometheus import APPLICATIONS, place, rules
from stagelight.catalogue import fleet_drift
from stagelight.catalogue.models import MODEL_DRIFT
from stagelight.drift.published import names
from stagelight.drift.reference import Reference
from stagelight.drift.scores import Table
from stagelight.drift.severity import noise_floor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from stack_collector import Collector
    from stack_prometheus import Alertmanager, Prometheus, Webhook

COLLECTED, SCRAPED = "collected", "scraped"  #: The model's name on either way; Prometheus renames what it scrapes.
ROWS = 4_000  #: Values of each process, before and after one of them is started anew.
SHIFT = 0.6  #: Standard deviations.
WINDOW = "2m"  #: Instead of the hour of operation.

PROGRAM = """
import sys

import numpy as np

from stagelight import configure
from stagelight.drift import Monitor

telemetry = configure()
monitor = Monitor("collected")
monitor.train({"score": np.random.default_rng(0).normal(size=20_000)}, model_version="v1")
observe = monitor.stream("score", model_version="v1").observe
for line in sys.stdin:
    seed, rows, shift = line.split()
    for value in np.random.default_rng(int(seed)).normal(float(shift), 1, int(rows)).tolist():
        observe(value)
    monitor.settle()
    print("counted" if telemetry.flush() else "lost", flush=True)
"""


class Process:
    """One of the fleet."""

    def __init__(self, into: IO[str], out: IO[str]) -> None:
        self._into, self._out = into, out

    def sees(self, seed: int, rows: int = ROWS) -> None:
        """Have it see so many values, and export what it counted."""
        self._into.write(f"{seed} {rows} {SHIFT}\n")
        self._into.flush()
        assert self._out.readline().strip() == "counted"


@contextmanager
def process(port: int, endpoint: str) -> Iterator[Process]:
    """A process that shows its metrics on `port` and sends them to `endpoint`, until the block ends."""
    variables = {
        "OTEL_SERVICE_NAME": "scorer",
        "OTEL_TRACES_EXPORTER": "none",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "PROMETHEUS_PORT": str(port),
    }
    running = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert running.stdin is not None
    assert running.stdout is not None
    try:
        with running.stdin, running.stdout:
            yield Process(running.stdin, running.stdout)
        running.wait(10)
    finally:
        running.kill()
        running.wait()


def test_prometheus_computes_the_drift_of_a_fleet(
    collector: Callable[..., Collector],
    prometheus: Callable[..., Prometheus],
    alertmanager: Callable[..., Alertmanager],
    webhook: Webhook,
    tmp_path: Path,
) -> None:
    """PSI, JS, KS and the noise floor over three processes are numpy's on the same counts, and PSI nearly that of all values.

    Both ways to Prometheus are taken at once: its own scrape of each process, and OTLP by way of the collector. In the
    middle one process ends and is started anew, from 0. The alert fires for both ways and reaches the webhook. What numpy is given is
    what Prometheus says that counters have grown, which it guesses between two scrapes.
    """
    through = collector("collector.yaml", "prometheus2.yaml")
    ports = free_ports(3)
    found = prometheus(
        {APPLICATIONS: place(through.scrape)},
        jobs=[scraped(ports)],
        rules=quick(rules(tmp_path, **{MODEL_DRIFT: {"for": "0s"}})),
        alertmanager=alertmanager().url,
    )
    with ExitStack() as fleet:
        one, two = (fleet.enter_context(process(port, through.http)) for port in ports[:2])
        with process(ports[2], through.http) as three:
            for each in (one, two, three):
                each.sees(0, rows=0)
            eventually(lambda: twice(found, 6), what="two scrapes of every process, both ways")
            for seed, each in enumerate((one, two, three), 1):
                each.sees(seed)
            eventually(lambda: counted(found, 3 * ROWS), what="what all three saw")
        three = fleet.enter_context(process(ports[2], through.http))
        three.sees(0, rows=0)
        eventually(lambda: twice(found, 7), what="two scrapes of the one that came anew")
        eventually(lambda: counted(found, 3 * ROWS, SCRAPED, grown=False) is False, what="its counters from 0")
        for seed, each in enumerate((one, two, three), 4):
            each.sees(seed)
        eventually(lambda: counted(found, 6 * ROWS), what="what all saw since")
        time.sleep(2.0)  # two evaluations; what they record is asked for as it was a second ago, when it was complete
        at = time.time() - 1.0

    reference = Reference.of(np.random.default_rng(0).normal(size=20_000))
    merged = reference.count(np.concatenate([np.random.default_rng(s).normal(SHIFT, 1, ROWS) for s in range(1, 7)]))
    truth = float(Table([reference]).scores([merged]).psi[0])
    for model in (COLLECTED, SCRAPED):
        recorded = record(found, model, at)
        now = np.array([recorded[fleet_drift.CURRENT_ROWS.name, name] for name in names(reference.bins)])
        psi, _, js, _ = (float(score[0]) for score in Table([reference]).of_groups(now))
        before = np.add.reduceat(reference.sketch.counts, reference.bins.groups)
        ks = float(np.abs(np.cumsum(now[1:] / now.sum() - before[1:] / before.sum())).max())
        groups = int(np.count_nonzero(now + before))
        print(f"{model}: PSI {recorded[fleet_drift.PSI.name, '']:.6f}, of all values {truth:.6f}")

        assert math.isclose(recorded[fleet_drift.PSI.name, ""], psi, abs_tol=1e-6)
        assert math.isclose(recorded[fleet_drift.JS.name, ""], js, abs_tol=1e-6)
        assert math.isclose(recorded[fleet_drift.KS.name, ""], ks, abs_tol=1e-6)
        floor = noise_floor(groups, before.sum(), now.sum())
        assert floor < recorded[fleet_drift.NOISE.name, ""] < 1.01 * floor
        assert math.isclose(recorded[fleet_drift.PSI.name, ""], truth, rel_tol=0.05)
        assert found.query(f'ALERTS{{alertname="{MODEL_DRIFT}",alertstate="firing",model="{model}"}}')
    webhook.wait(alertname=MODEL_DRIFT, feature="score")  # both are one group; the second is told minutes later


def scraped(ports: list[int]) -> dict[str, Any]:
    """The job that scrapes the processes themselves; another model by name, so that no value counts twice."""
    renamed = {"source_labels": ["model"], "regex": COLLECTED, "target_label": "model", "replacement": SCRAPED}
    targets = [f"127.0.0.1:{port}" for port in ports]
    return {"job_name": "pages", "static_configs": [{"targets": targets}], "metric_relabel_configs": [renamed]}


def quick(paths: list[Path]) -> list[Path]:
    """The same rules over minutes instead of an hour."""
    for path in paths:
        path.write_text(
            path.read_text().replace(f"{fleet_drift.VALUES.name}[1h]", f"{fleet_drift.VALUES.name}[{WINDOW}]")
        )
    return paths


def twice(prometheus: Prometheus, processes: int) -> bool:
    """Whether the counters of so many processes, over both ways, were scraped twice."""
    series = f'count_over_time({fleet_drift.VALUES.name}{{bin="00"}}[{WINDOW}]) >= 2'
    return len(prometheus.query(series)) >= processes


def counted(prometheus: Prometheus, rows: int, *models: str, grown: bool = True) -> bool:
    """Whether so many values have been counted, on either way; Prometheus guesses a little beyond what it was told."""
    one = fleet_drift.VALUES.name
    told = f"increase({one}[{WINDOW}])" if grown else one
    sums = {s["metric"]["model"]: float(s["value"][1]) for s in prometheus.query(f"sum by (model) ({told})")}
    return all(sums.get(model, 0) >= 0.97 * rows for model in models or (COLLECTED, SCRAPED))


def record(prometheus: Prometheus, model: str, at: float) -> dict[tuple[str, str], float]:
    """What the rules have recorded of a model, by name and bin."""
    asked = f'{{__name__=~"stagelight:drift_.+",model="{model}"}}'
    series = prometheus.ask("query", query=asked, time=f"{at:.3f}")["result"]
    return {(s["metric"]["__name__"], s["metric"].get("bin", "")): float(s["value"][1]) for s in series}
