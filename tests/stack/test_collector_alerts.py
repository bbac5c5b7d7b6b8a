"""The collector's third way out: alert events reach the relay, and nothing else does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import stack_sender
from stack import eventually
from stagelight import _clock
from stagelight.wire.records import LogRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from stack_backend import Backend
    from stack_collector import Collector

    StartCollector = Callable[..., Collector]
    StartBackend = Callable[..., Backend]
    StartTier = Callable[..., tuple[Collector, list[Collector]]]


def event(name: str, **attributes: str) -> LogRecord:
    return LogRecord(
        time_ns=_clock.wall_ns(), event_name=name, attributes=attributes, resource={"service.name": "shop"}
    )


@pytest.fixture(params=["collector", "agent and gateway"])
def entrance(request: pytest.FixtureRequest, backend: StartBackend) -> tuple[Collector, Backend]:
    """Where a program sends to, in both layouts, and the relay behind."""
    relay = backend()
    if request.param == "collector":
        start: StartCollector = request.getfixturevalue("collector")
        return start("collector.yaml", STAGELIGHT_RELAY_ENDPOINT=relay.url), relay
    tier: StartTier = request.getfixturevalue("tier")
    agent, _ = tier([relay])
    return agent, relay


def test_alert_events_alone_reach_the_relay(entrance: tuple[Collector, Backend]) -> None:
    """Events whose name begins with stagelight.alert arrive with their attributes; other log records do not."""
    collector, relay = entrance
    drift = event("stagelight.alert.drift", alertname="StagelightModelDrift", severity="warning")
    last = event("stagelight.alert.last")

    stack_sender.send_logs(
        collector.http, [event("stagelight.feedback"), drift, event(""), event("my.stagelight.alert")]
    )
    stack_sender.send_logs(collector.http, [last])
    eventually(lambda: "stagelight.alert.last" in [log.event_name for log in relay.logs], what="the last event")

    assert {log.event_name for log in relay.logs} == {"stagelight.alert.drift", "stagelight.alert.last"}
    (arrived,) = [log for log in relay.logs if log.event_name == drift.event_name]
    assert dict(arrived.attributes) == dict(drift.attributes)


def test_an_alert_event_waits_for_its_relay_through_a_power_cut(
    collector: StartCollector, backend: StartBackend
) -> None:
    """An event that was accepted while the relay was away, before the collector was killed, arrives once both are back."""
    relay = backend()
    relay.stop()
    through = collector(
        "collector.yaml",
        overlays=["exporters::otlp_http/relay::retry_on_failure: {max_interval: 1s}"],
        STAGELIGHT_RELAY_ENDPOINT=relay.url,
    )
    stack_sender.send_logs(through.http, [event("stagelight.alert.drift")])

    through.server.kill()
    through.server.start()
    relay.start()

    eventually(lambda: relay.logs, what="the event at the relay")
