"""The real Prometheus and Alertmanager in tests, run with the files of collector/ at a second's pace; and a webhook to hear them.

Addresses and times are changed, nothing else: jobs, relabelling, routes and groups are those that people run.
"""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import yaml

from ports import free_ports
from repository import ROOT
from stack import PAUSE_S, Server, answers, eventually
from stagelight.generate import overrides
from stagelight.generate import rules as generated

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    Alert = dict[str, Any]

PROMETHEUS_FILE = ROOT / "collector" / "prometheus" / "prometheus.v2.yml"
ALERTMANAGER_FILE = ROOT / "collector" / "alertmanager" / "alertmanager.yml"
APPLICATIONS = "applications"  #: The job that scrapes what programs sent to the collector.
PACE = "1s"  #: Between two scrapes, and two evaluations.


def place(url: str) -> str:
    """The `host:port` of an address."""
    return urlsplit(url).netloc


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A Prometheus on a free port, which survives its own restarts."""

    server: Server
    url: str
    file: Path  #: Its configuration.

    def configure(self, targets: Mapping[str, str] | None = None, **more: Any) -> None:
        """Have it run with another configuration; arguments as `prometheus` has them."""
        self.file.write_text(configuration(targets, **more))
        assert httpx.post(f"{self.url}/-/reload", trust_env=False, timeout=5).is_success

    def ask(self, path: str, **parameters: str) -> Any:
        """The data of an answer of its API; fails where it refuses."""
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=parameters, trust_env=False, timeout=5)
        assert answer.is_success, answer.text
        return answer.json()["data"]

    def query(self, promql: str) -> list[dict[str, Any]]:
        """The series that an expression gives now: `metric` holds the labels, `value` time and value."""
        return list(self.ask("query", query=promql)["result"])

    def labels(self, name: str) -> frozenset[str]:
        """The label names of a metric, over all its series; empty where there is none yet."""
        found = {label for series in self.query(name) for label in series["metric"]}
        return frozenset(found - {"__name__"})

    def exemplars(self, promql: str) -> list[dict[str, str]]:
        """The labels of every exemplar that it holds for an expression."""
        found = self.ask("query_exemplars", query=promql, start="0", end="9999999999")
        return [exemplar["labels"] for series in found for exemplar in series["exemplars"]]

    def scraped(self, promql: str) -> list[dict[str, Any]]:
        """Wait until an expression gives series, and return them; a new target is first scraped after five seconds."""
        return eventually(lambda: self.query(promql), what=f"{promql} in Prometheus")


def prometheus(program: str, folder: Path, *, targets: Mapping[str, str] | None = None, **more: Any) -> Prometheus:
    """A Prometheus, not yet started, which keeps all its files in `folder`; arguments as `configuration` has them."""
    file = folder / "prometheus.yml"
    file.write_text(configuration(targets, **more))
    (port,) = free_ports(1)
    server = Server(
        [
            program,
            f"--config.file={file}",
            f"--storage.tsdb.path={folder / 'prometheus-data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--rules.alert.resend-delay=5s",
            "--enable-feature=exemplar-storage",
            "--web.enable-lifecycle",
        ],
        log=folder / "prometheus.log",
        ready=lambda: answers(f"http://127.0.0.1:{port}/-/ready"),
    )
    return Prometheus(server, f"http://127.0.0.1:{port}", file)


def configuration(
    targets: Mapping[str, str] | None = None,
    *,
    jobs: Iterable[Mapping[str, Any]] = (),
    alertmanager: str = "",
    rules: Iterable[Path] = (),
) -> str:
    """prometheus.v2.yml at a second's pace.

    `targets` says where those of its jobs that are wanted find what they scrape, `jobs` come on top; alerts of `rules` go
    to `alertmanager`.
    """
    told: dict[str, Any] = yaml.safe_load(PROMETHEUS_FILE.read_text())
    wanted = targets or {}
    kept = [job for job in told["scrape_configs"] if job["job_name"] in wanted]
    assert len(kept) == len(wanted), f"{PROMETHEUS_FILE.name} has not all of the jobs {sorted(wanted)}"
    for job in kept:
        job.pop("file_sd_configs", None)
        job["static_configs"] = [{"targets": [wanted[job["job_name"]]]}]
    told["global"] |= {"scrape_interval": PACE, "evaluation_interval": PACE}
    told["scrape_configs"] = [*kept, *jobs]
    told["rule_files"] = [str(path) for path in rules]
    peers = [place(alertmanager)] if alertmanager else []
    told["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": peers}]}]}
    return yaml.safe_dump(told)


def rules(folder: Path, **alerts: Mapping[str, object]) -> list[Path]:
    """All rules of the catalogue, generated into `folder` with what a deployment may change: `Name={"for": "0s"}`."""
    changes = folder / overrides.FILE
    changes.write_text(yaml.safe_dump({"alerts": {name: dict(figures) for name, figures in alerts.items()}}))
    paths: list[Path] = []
    for page, text in generated.files(overrides.plan(overrides.read(changes))).items():
        paths.append(folder / f"{page}.rules.yml")
        paths[-1].write_text(text)
    return paths


@dataclass(frozen=True, slots=True)
class Alertmanager:
    """An Alertmanager on a free port, which survives its own restarts."""

    server: Server
    url: str

    def alerts(self, **labels: str) -> list[Alert]:
        """The alerts that it holds with these labels."""
        wanted = [f'{name}="{value}"' for name, value in labels.items()]
        answer = httpx.get(f"{self.url}/api/v2/alerts", params={"filter": wanted}, trust_env=False, timeout=5)
        assert answer.is_success, answer.text
        return list(answer.json())


def alertmanager(program: str, folder: Path, *, webhook: str, group_wait: str = "0s") -> Alertmanager:
    """An Alertmanager, not yet started, with the routes of alertmanager.yml, whose receivers all post to `webhook`.

    The receiver's name stands at the end of the address. Groups wait for `group_wait` alone, so that a test need not.
    """
    config = folder / "alertmanager.yml"
    config.write_text(yaml.safe_dump(_routes(webhook, group_wait)))
    (port,) = free_ports(1)
    server = Server(
        [
            program,
            f"--config.file={config}",
            f"--storage.path={folder / 'alertmanager-data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
        ],
        log=folder / "alertmanager.log",
        ready=lambda: answers(f"http://127.0.0.1:{port}/-/ready"),
    )
    return Alertmanager(server, f"http://127.0.0.1:{port}")


def _routes(webhook: str, group_wait: str) -> dict[str, Any]:
    told: dict[str, Any] = yaml.safe_load(ALERTMANAGER_FILE.read_text())
    told["receivers"] = [_heard(receiver, webhook) for receiver in told["receivers"]]
    told["global"] = {"resolve_timeout": "5m"}
    told.pop("templates", None)
    routes = [told["route"]]
    while routes:
        route = routes.pop()
        route["group_wait"] = group_wait
        routes += route.get("routes", [])
    return told


def _heard(receiver: Mapping[str, Any], webhook: str) -> dict[str, Any]:
    """The receiver with one webhook for whatever it told; one that tells nobody still tells nobody."""
    if set(receiver) == {"name"}:
        return dict(receiver)
    hook = {"url": f"{webhook}/{receiver['name']}", "send_resolved": True}
    return {"name": receiver["name"], "webhook_configs": [hook]}


class Call(NamedTuple):
    """One alert as a receiver heard of it."""

    at: float  #: On the monotonic clock, in seconds.
    receiver: str
    alert: Alert


class Webhook:
    """What people's receivers were told, in order; waits without looking twice."""

    def __init__(self, url: str) -> None:
        """Nothing yet, at `url`."""
        self.url = url
        self._calls: list[Call] = []
        self._came = threading.Condition()

    def keep(self, receiver: str, call: Mapping[str, Any]) -> None:
        """Keep each alert of one call."""
        at = time.monotonic()
        with self._came:
            self._calls += [Call(at, receiver, alert) for alert in call["alerts"]]
            self._came.notify_all()

    def told(self, *, receiver: str = "", status: str = "firing", **labels: str) -> list[Call]:
        """What came so far about alerts with this status and these labels."""
        return [
            call
            for call in [*self._calls]
            if receiver in ("", call.receiver)
            and call.alert["status"] == status
            and labels.items() <= call.alert["labels"].items()
        ]

    def wait(self, *, seconds: float = 30.0, receiver: str = "", status: str = "firing", **labels: str) -> Call:
        """Wait until such an alert came and return the first; fails after `seconds`."""
        with self._came:
            told = self._came.wait_for(lambda: self.told(receiver=receiver, status=status, **labels), seconds)
            assert told, f"no {status} alert {labels} within {seconds:g} s; came: {self._brief()}"
            return told[0]

    def _brief(self) -> list[str]:
        return [f"{call.receiver}: {call.alert['status']} {call.alert['labels']}" for call in self._calls[-20:]]


@contextmanager
def webhook() -> Iterator[Webhook]:
    """A receiver on loopback which hears what Alertmanager says."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.keep(self.path.rpartition("/")[2], json.loads(body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    heard = Webhook(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": PAUSE_S})
    thread.start()
    try:
        yield heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
