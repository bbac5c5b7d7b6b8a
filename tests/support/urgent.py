"""The urgent route in tests: a relay as a process, what is sent to it, and an Alertmanager that answers within a second."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import yaml

import stack_prometheus
from ports import free_ports
from stack import Server, answers
from stagelight import _clock, wire
from stagelight.alerts.events import FIRING, RESOLVED, attributes_of
from stagelight.wire.records import LogRecord

if TYPE_CHECKING:
    from stack_prometheus import Alertmanager
    from stagelight.alerts import Alert

SCRIPT = Path(sys.executable).with_name("stagelight")
PROTOBUF = {"content-type": "application/x-protobuf"}


def event(alert: Alert, *, at_ns: int | None = None, **more: object) -> LogRecord:
    """The record that `emit` would send of `alert`."""
    name = FIRING if alert.firing else RESOLVED
    told_ns = _clock.wall_ns() if at_ns is None else at_ns
    owner = {f"stagelight.{key}": alert.labels[key] for key in ("tenant", "workspace") if key in alert.labels}
    return LogRecord(time_ns=told_ns, event_name=name, attributes=attributes_of(alert) | owner | more)


def body(*records: LogRecord) -> bytes:
    """A request of OTLP with these records."""
    return wire.encode_logs(records, "protobuf")


class RelayProcess:
    """`stagelight relay` on a free port, which can end and come back on its store."""

    def __init__(self, folder: Path, *peers: str, command: str = "relay", resend_s: float = 0.3) -> None:
        """Post to `peers`; nothing runs before `start`."""
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        self.server = Server(
            [SCRIPT, command, "--port", port, "--store", folder / "relay.db"],
            log=folder / "relay.log",
            ready=lambda: answers(f"{self.url}/health"),
            env={"STAGELIGHT_ALERTMANAGER_URLS": ",".join(peers), "STAGELIGHT_ALERT_RESEND_SECONDS": str(resend_s)},
        )
        self.client = httpx.Client(base_url=self.url, trust_env=False, timeout=10, headers=PROTOBUF)

    def send(self, *alerts: Alert) -> None:
        """Tell of `alerts`, as the collector does."""
        answer = self.client.post("/v1/logs", content=body(*map(event, alerts)))
        assert answer.is_success, answer.text
        assert answer.content == b"", answer.content  # taken in full

    def close(self) -> None:
        """End it."""
        self.server.kill()
        self.client.close()


def quick_alertmanager(program: str, folder: Path, webhook: str, *, repeat_interval: str = "4h") -> Alertmanager:
    """An Alertmanager with the routes of collector/, whose groups hear of news each second."""
    folder.mkdir(exist_ok=True)
    made = stack_prometheus.alertmanager(program, folder, webhook=webhook)
    file = folder / "alertmanager.yml"
    told = yaml.safe_load(file.read_text())
    for route in (told["route"], *told["route"]["routes"]):
        route |= {"group_interval": "1s", "repeat_interval": repeat_interval}
    file.write_text(yaml.safe_dump(told))
    return made
