"""The real collector in tests, run with the files of collector/: its addresses, what it says of itself, its ends."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from ports import free_ports
from repository import ROOT
from stack import Server, answers, missing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FILES = ROOT / "collector"
BUILD = FILES / "build.sh"
ADVICE = "the collector has not been built: make collector (needs Go 1.26; some minutes, once)"
SAMPLE = re.compile(r"^(?P<name>\w+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$", re.MULTILINE)


def built() -> str:
    """The slim collector that `make collector` left in its cache; skips or fails where it did not."""
    where = subprocess.run([BUILD, "--where"], check=True, capture_output=True, text=True).stdout.strip()
    if not Path(where).exists():
        missing(ADVICE)
    return where


def total(url: str, name: str, labels: Mapping[str, str]) -> float:
    """The sum of a metric on a page over the series with these labels, among others."""
    wanted = [f'{key}="{value}"' for key, value in labels.items()]
    rows = (row for row in SAMPLE.finditer(httpx.get(url, trust_env=False).text) if row["name"] == name)
    return sum(float(row["value"]) for row in rows if all(label in (row["labels"] or "") for label in wanted))


@dataclass(frozen=True, slots=True)
class Collector:
    """A collector on free ports, which survives its own restarts."""

    server: Server
    grpc: str  #: host:port
    http: str  #: URL of its OTLP receiver; POST to /v1/traces and so on.
    health: str
    telemetry: str  #: URL of its own metrics.
    scrape: str  #: URL of the applications' metrics, with prometheus2.yaml.
    queue: Path  #: Folder of its queue on disk.

    def own(self, name: str, **labels: str) -> float:
        """The sum of its own metric `name` over the series with these labels; 0 where there is none yet."""
        return total(self.telemetry, name, labels)

    def scraped(self, name: str, **labels: str) -> float:
        """As `own`, of what it shows to a Prometheus that scrapes; needs prometheus2.yaml."""
        return total(self.scrape, name, labels)

    def drained(self, exporter: str) -> bool:
        """Whether nothing waits to be sent by `exporter`, such as `otlp_http/traces`."""
        return self.own("otelcol_exporter_queue_size", exporter=exporter) == 0


def collector(
    program: str, folder: Path, *files: str, name: str = "collector", overlays: Iterable[str] = (), **variables: str
) -> Collector:
    """A collector, not yet started, with `files` of collector/ and `overlays` as in `exporters::debug::verbosity: basic`.

    `variables` come on top of its addresses; its queue and its log are in `folder`.
    """
    grpc, http, health, telemetry, scrape = free_ports(5)
    queue = folder / f"{name}-queue"
    addresses = {
        "STAGELIGHT_COLLECTOR_GRPC": f"127.0.0.1:{grpc}",
        "STAGELIGHT_COLLECTOR_HTTP": f"127.0.0.1:{http}",
        "STAGELIGHT_COLLECTOR_HEALTH": f"127.0.0.1:{health}",
        "STAGELIGHT_COLLECTOR_METRICS_PORT": str(telemetry),
        "STAGELIGHT_COLLECTOR_SCRAPE": f"127.0.0.1:{scrape}",
        "STAGELIGHT_COLLECTOR_QUEUE_DIR": str(queue),
    }
    configs = [f"--config={FILES / file}" for file in files] + [f"--config=yaml:{overlay}" for overlay in overlays]
    server = Server(
        [program, *configs],
        log=folder / f"{name}.log",
        ready=lambda: answers(f"http://127.0.0.1:{health}"),
        env=addresses | variables,
    )
    return Collector(
        server,
        grpc=f"127.0.0.1:{grpc}",
        http=f"http://127.0.0.1:{http}",
        health=f"http://127.0.0.1:{health}",
        telemetry=f"http://127.0.0.1:{telemetry}/metrics",
        scrape=f"http://127.0.0.1:{scrape}/metrics",
        queue=queue,
    )
