"""Alerts as OTLP log records: what `emit` sends, and what the relay reads out of whatever arrives."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drawn_alerts import ALERTS
from servers import answering
from stagelight import configure, context, trace_stage, wire
from stagelight.alerts import Alert, emit
from stagelight.alerts.events import alert_of, is_alert
from stagelight.errors import AlertError
from stagelight.setup import shutdown
from stagelight.wire.records import LogRecord
from urgent import event

TRACE = "ab" * 16
OFF = {"traces_exporter": "none", "metrics_exporter": "none"}


@given(ALERTS, st.booleans())
def test_an_alert_survives_the_wire(alert, over):
    """What comes out of an OTLP request is what was put in, firing or ended."""
    alert = alert.ended() if over else alert
    (read,) = wire.decode_logs(wire.encode_logs([event(alert)], "protobuf"), "protobuf")

    assert is_alert(read)
    assert alert_of(read) == alert


def record(event_name: str = "stagelight.alert.firing", /, **said: object) -> LogRecord:
    """A record as any language's SDK may send it, told five seconds after 1970."""
    given = {"stagelight.alert.name": "X"} | {f"stagelight.alert.{key}": value for key, value in said.items()}
    return LogRecord(time_ns=5 * 10**9, event_name=event_name, attributes=given)


def test_a_name_is_all_it_takes():
    """It fires since the record's time, as a warning, for the default tenant."""
    alert = alert_of(record())

    assert (alert.name, alert.severity, alert.starts_at, alert.ends_at) == ("X", "warning", 5.0, None)
    assert alert.labels == {"tenant": "default", "workspace": "default"}


def test_resolved_means_over_now():
    """An event called `resolved` needs not say when: its own time is the end."""
    assert alert_of(record("stagelight.alert.resolved", starts_at=2)).ends_at == 5.0


def test_the_trace_it_was_told_in_is_an_example():
    """The record's own trace id joins those that the alert names; what is none is left out."""
    told = replace(record(trace_ids=["cd" * 16, "nonsense", 3]), trace_id=TRACE)

    assert alert_of(told).trace_ids == ("cd" * 16, TRACE)


def test_the_tokens_tenant_beats_what_the_event_says():
    """Neither attribute nor label nor resource can put an alert into another tenant's hands."""
    told = replace(record(**{"label.tenant": "victim"}), resource={"stagelight.tenant": "other"})
    told = replace(told, attributes={**told.attributes, "stagelight.tenant": "victim"})

    assert alert_of(told, tenant="acme").labels["tenant"] == "acme"
    assert alert_of(told).labels["tenant"] == "victim"


@pytest.mark.parametrize(("name", "is_one"), [("stagelight.alert", True), ("stagelight.alert.x", True), ("stagelight.alerts", False), ("", False)])  # fmt: skip
def test_the_event_name_decides_what_is_an_alert(name, is_one):
    """`stagelight.alert`, or what stands below it."""
    assert is_alert(record(name)) is is_one


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"name": ""}, "needs a name"),
        ({"name": 3}, r"stagelight\.alert\.name is of type int; expected text"),
        ({"severity": "loud"}, "severity 'loud'; expected critical"),
        ({"label.service.name": "x"}, "label 'service.name' is no name to Alertmanager"),
        ({"label.retries": 3}, "label 'retries' is of type int"),
        ({"starts_at": "soon"}, "starts_at is 'soon'; expected seconds"),
        ({"starts_at": float("9e18")}, "not milliseconds or nanoseconds"),
    ],
)
def test_an_event_that_alertmanager_would_refuse_is_refused(said, sentence):
    """With the sentence that its sender reads in the partial success."""
    with pytest.raises(AlertError, match=sentence):
        alert_of(record(**said))


def test_emit_sends_at_once_with_the_tenant_of_the_running_stage(monkeypatch):
    """The event leaves before its batch is due, owned by the stage's tenant, its trace an example."""
    monkeypatch.setenv("OTEL_BLRP_SCHEDULE_DELAY", "60000")
    alert = Alert(name="QueueStuck", severity="page", annotations={"summary": "Nothing moves."})

    @trace_stage
    def work() -> bool:
        return emit(alert)

    with answering() as server:
        configure(endpoint=server.url, logs_exporter="otlp", **OFF)
        with context(tenant="acme", workspace="prod"):
            assert work()
        assert server.called.wait(30)  # a batch waits a minute
        assert shutdown()

    (told,) = [alert_of(found) for found in server.logs if is_alert(found)]
    assert told.labels == {"tenant": "acme", "workspace": "prod"}
    assert (told.name, told.severity, told.annotations) == ("QueueStuck", "page", alert.annotations)
    (sent,) = server.logs
    assert (sent.event_name, sent.severity, sent.body) == ("stagelight.alert.firing", "ERROR", "Nothing moves.")
    assert told.trace_ids == (sent.trace_id,)


def test_an_alert_that_ended_is_told_as_resolved():
    """The same call tells of the end; a tenant of the alert's own is kept."""
    with answering() as server:
        configure(endpoint=server.url, logs_exporter="otlp", **OFF)
        assert emit(Alert(name="X", labels={"tenant": "mine"}).ended())
        assert shutdown()

    (sent,) = server.logs
    assert sent.event_name == "stagelight.alert.resolved"
    assert alert_of(sent).labels["tenant"] == "mine"


def test_an_alert_that_goes_nowhere_is_said_and_counted(caplog, caught):
    """Without a log exporter `emit` is False, and the log says which variable to set."""
    configure(**OFF)
    with caplog.at_level(logging.WARNING):
        assert not emit(Alert(name="X"))
    shutdown()

    assert "OTEL_LOGS_EXPORTER=otlp" in caplog.text
    assert caught() == {"alerts": 1}


def test_without_configure_emit_is_a_quiet_no():
    """As all else of stagelight, it costs a program nothing that never turned telemetry on."""
    assert not emit(Alert(name="X"))


@pytest.mark.parametrize("junk", [None, 3, "alert", object()])
def test_emit_never_raises(junk, caught):
    """What is no alert at all is counted, and the program goes on."""
    assert not emit(junk)
    assert caught() == {"alerts": 1}
