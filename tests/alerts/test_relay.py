"""The relay: alert events among log records are committed, the rest is counted, and a bad one spoils nothing."""

from __future__ import annotations

from fake_alertmanager import posted
from stagelight import config
from stagelight.alerts import Alert, Relay
from stagelight.wire.records import LogRecord
from urgent import event


def test_events_are_committed_and_sent_the_rest_is_counted(store):
    """Two good alerts, one that Alertmanager would refuse, one log line: each gets what it deserves."""
    with posted() as server:
        relay = Relay(store, config.load(environ={"STAGELIGHT_ALERTMANAGER_URLS": server.url}))
        relay.start()
        bad = event(Alert(name="Bad"), **{"stagelight.alert.label.a.b": "x"})

        taken = relay.take([event(Alert(name="A")), bad, LogRecord(time_ns=1, body="a line"), event(Alert(name="B"))])

        server.wait(lambda calls: any(len(call) == 2 for call in calls))
        relay.stop()

    assert (taken.alerts, taken.refused, taken.others) == (2, 1, 1)
    assert taken.reason.startswith("Bad: label 'a.b' is no name to Alertmanager")
    assert [row.name for row in store.outbox.recent()] == ["B", "A"]


def test_an_event_without_a_time_is_told_now(store, stepping):
    """Some senders leave the time out; the alert begins when it arrives."""
    relay = Relay(store, config.load(environ={}))

    relay.take([LogRecord(time_ns=0, event_name="stagelight.alert.firing", attributes={"stagelight.alert.name": "A"})])

    (row,) = store.outbox.recent()
    assert (row.told_ns, row.starts_ns) == (stepping.wall_ns(), stepping.wall_ns())
    assert relay.idle


def test_the_tenant_of_the_token_owns_the_alert(store):
    """Whatever the event says of itself."""
    relay = Relay(store, config.load(environ={}))

    relay.take([event(Alert(name="A", labels={"tenant": "victim"}))], tenant="acme")

    (row,) = store.outbox.recent()
    assert (row.tenant, row.labels["tenant"]) == ("acme", "acme")
