"""`python -m benchmarks.collector`: what the collector takes, with and without tail sampling, queue on and off; a table.

A span's cost is the processor time of the collector's process, all of its threads: that is what a core is full of, and
other work on the machine does not change it much. Spans come in over HTTP on loopback, 512 a request as SDKs send them,
and leave to a server which counts them; the fewer are sampled, the less is left to send.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import os
import platform
import random
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.crew import ROOT, sink
from stagelight import wire
from stagelight.wire.records import SpanRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

FILES = ROOT / "collector"
PER_REQUEST = 512  #: Of a BatchSpanProcessor.
PER_TRACE = 4
ERRORS = 0.01  #: Share of traces.
SENDERS = 4
WAIT_S = 2  #: For the sampler's decision.
PATIENCE_S = 120.0

OFF = "sending_queue: null"
MEMORY = "sending_queue: {storage: null}"
QUEUES = {"on disk": "", "in memory": MEMORY, "off": OFF}
HTTP = "receivers::otlp::protocols: {{grpc: null, http: {{endpoint: '127.0.0.1:{port}'}}}}"
UNSAMPLED = "service::pipelines::traces/sampled::processors: []"
PLAIN = ("service::pipelines::traces::exporters: [otlp_http/traces]", "service::pipelines::metrics::receivers: [otlp]")


@dataclass(frozen=True, slots=True)
class Layout:
    """A configuration that is measured."""

    name: str
    file: str
    overlays: tuple[str, ...] = ()
    sampled: bool = False


LAYOUTS = (
    Layout("collector.yaml, without its span metrics", "collector.yaml", PLAIN),
    Layout("collector.yaml", "collector.yaml"),
    Layout("gateway.yaml, without tail sampling", "gateway.yaml", (UNSAMPLED,)),
    Layout("gateway.yaml, a tenth is kept", "gateway.yaml", (), sampled=True),
)


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run showed."""

    sent: int
    arrived: int
    accept_s: float  #: Until the last request was answered.
    cpu_s: float  #: Of the collector, until everything had left.
    memory_mb: float  #: Resident, at the end.

    @property
    def per_core(self) -> float:
        """Spans a second that fill one core."""
        return self.sent / self.cpu_s

    def better(self, other: Figures) -> Figures:
        """The least of both, figure by figure: other work on the machine only ever adds."""
        return replace(
            self,
            accept_s=min(self.accept_s, other.accept_s),
            cpu_s=min(self.cpu_s, other.cpu_s),
            memory_mb=min(self.memory_mb, other.memory_mb),
        )


def main() -> None:
    """Measure each layout with each queue, and print the table as it stands in docs/pipeline.md."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.collector", description=__doc__)
    parser.add_argument("--spans", type=int, default=200_000, help="how many to send in each run")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each, in turn; the best counts")
    arguments = parser.parse_args()

    program = built()
    bodies = requests(arguments.spans)
    cases = list(itertools.product(LAYOUTS, QUEUES))
    best: dict[tuple[str, str], Figures] = {}
    for _, (layout, queue) in itertools.product(range(arguments.rounds), cases):
        found = run(program, layout, QUEUES[queue], bodies)
        key = layout.name, queue
        best[key] = found.better(best[key]) if key in best else found
        print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    print("\n".join(table(best)))


def table(best: dict[tuple[str, str], Figures]) -> Iterator[str]:
    """Yield the lines of a Markdown table."""
    bytes_each = sum(map(len, requests(PER_REQUEST))) / PER_REQUEST
    yield f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}; {bytes_each:.0f} bytes a span; the best of the rounds."
    yield ""
    yield "| configuration | queue | spans/s per core | accepted, spans/s | sent on | memory |"
    yield "|---|---|---:|---:|---:|---:|"
    for (layout, queue), one in best.items():
        accepted = one.sent / one.accept_s
        share = f"{one.arrived / one.sent:.0%}"
        yield f"| {layout} | {queue} | {one.per_core:,.0f} | {accepted:,.0f} | {share} | {one.memory_mb:.0f} MB |"


def built() -> str:
    """The slim collector in its cache."""
    done = subprocess.run([FILES / "build.sh", "--where"], check=True, capture_output=True, text=True)
    program = done.stdout.strip()
    if not Path(program).exists():
        sys.exit("the collector has not been built: make collector")
    return program


def requests(spans: int) -> list[bytes]:
    """OTLP requests with so many spans, rounded down, in traces of four; all ids differ, and some traces failed."""
    rng = random.Random(1)
    now = time.time_ns()
    made = [span for _ in range(spans // PER_REQUEST * PER_REQUEST // PER_TRACE) for span in _trace(rng, now)]
    return [wire.encode_traces(made[i : i + PER_REQUEST], "protobuf") for i in range(0, len(made), PER_REQUEST)]


def _trace(rng: random.Random, now: int) -> list[SpanRecord]:
    trace_id, root = f"{rng.getrandbits(128):032x}", f"{rng.getrandbits(64):016x}"
    failed = rng.random() < ERRORS
    return [
        SpanRecord(
            trace_id=trace_id,
            span_id=f"{rng.getrandbits(64):016x}" if number else root,
            parent_id=root if number else "",
            name=f"step_{number}",
            start_ns=now - 50_000_000,
            end_ns=now - rng.randrange(50_000_000),
            status="error" if failed and number == 1 else "unset",
            attributes={
                "stagelight.stage": f"step_{number}",
                "stagelight.tenant": "acme",
                "stagelight.workspace": "prod",
                "stagelight.outcome": "error" if failed else "ok",
                "code.function.name": f"shop.answer.step_{number}",
                "code.file.path": "/app/shop/answer.py",
                "code.line.number": 40 + number,
            },
            resource={"service.name": "shop", "service.version": "1.4.2"},
        )
        for number in range(PER_TRACE)
    ]


def run(program: str, layout: Layout, queue: str, bodies: Sequence[bytes]) -> Figures:
    """Send everything through a fresh collector, and wait until it has left."""
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        backend = opened.enter_context(sink())
        own, port = opened.enter_context(_collector(program, layout, queue, folder, backend))
        before = _own(own, "otelcol_process_cpu_seconds_total")
        began = time.perf_counter()
        with ThreadPoolExecutor(SENDERS) as pool:
            sent = sum(pool.map(lambda mine: _send(port, mine), [bodies[i::SENDERS] for i in range(SENDERS)]))
        accept_s = time.perf_counter() - began
        _left(own, sent, sampled=layout.sampled)
        return Figures(
            sent=sent,
            arrived=int(_get(backend)),
            accept_s=accept_s,
            cpu_s=_own(own, "otelcol_process_cpu_seconds_total") - before,
            memory_mb=_own(own, "otelcol_process_memory_rss_bytes") / 1e6,
        )


@contextmanager
def _collector(program: str, layout: Layout, queue: str, folder: Path, backend: str) -> Iterator[tuple[str, int]]:
    """Run it; give the address of its own metrics and the port it takes spans at."""
    port, own, health = _free_ports(3)
    (folder / "token").write_text("benchmark", encoding="utf-8")
    overlays = [HTTP.format(port=port), "exporters::otlp_http/metrics::endpoint: " + backend, *layout.overlays]
    if queue:
        overlays += [f"exporters::{name}::{queue}" for name in ("otlp_http/traces", "otlp_http/metrics")]
    environ = {
        "STAGELIGHT_COLLECTOR_HEALTH": f"127.0.0.1:{health}",
        "STAGELIGHT_COLLECTOR_METRICS_PORT": str(own),
        "STAGELIGHT_COLLECTOR_QUEUE_DIR": str(folder / "queue"),
        "STAGELIGHT_INGEST_TOKEN_FILE": str(folder / "token"),
        "STAGELIGHT_SAMPLE_WAIT": f"{WAIT_S}s",
        "STAGELIGHT_TRACES_ENDPOINT": backend,
    }
    command = [program, f"--config={FILES / layout.file}", *(f"--config=yaml:{overlay}" for overlay in overlays)]
    log = folder / "log"
    with log.open("wb") as said, subprocess.Popen(command, env={**os.environ, **environ}, stderr=said) as process:
        try:
            _until(lambda: process.poll() is not None or _answers(f"http://127.0.0.1:{health}"))
            if process.poll() is not None:
                sys.exit(log.read_text(encoding="utf-8"))
            yield f"http://127.0.0.1:{own}/metrics", port
        finally:
            process.kill()


def _send(port: int, bodies: Sequence[bytes]) -> int:
    """Send over one connection, each until it is accepted; return the number of spans."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for body in bodies:
        while True:
            connection.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
            answer = connection.getresponse()
            answer.read()
            if answer.status == http.client.OK:
                break
            time.sleep(0.01)
    connection.close()
    return len(bodies) * PER_REQUEST


def _left(own: str, sent: int, *, sampled: bool) -> None:
    """Wait until every trace was judged and nothing waits."""
    judged = "otelcol_processor_tail_sampling_global_count_traces_sampled_total"
    if sampled:
        _until(lambda: _own(own, judged) >= sent // PER_TRACE)
    else:
        _until(lambda: _own(own, "otelcol_exporter_sent_spans_total") >= sent)
    _until(lambda: _own(own, "otelcol_exporter_queue_size") == 0)


def _until(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not look():
        if time.monotonic() > deadline:
            sys.exit(f"not within {PATIENCE_S:g} s; the collector's figures would mean nothing")
        time.sleep(0.05)


def _own(url: str, name: str) -> float:
    """The sum of a metric over its series."""
    rows = re.finditer(rf"^{name}(?:\{{.*\}})? (\S+)$", _get(url), re.MULTILINE)
    return sum(float(row[1]) for row in rows)


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


def _answers(url: str) -> bool:
    try:
        return bool(_get(url))
    except OSError:  # not there yet, or there and not ready
        return False


def _free_ports(count: int) -> list[int]:
    with ExitStack() as opened:
        sockets = [opened.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(one.getsockname()[1]) for one in sockets]


if __name__ == "__main__":
    main()
