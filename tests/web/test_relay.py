"""Alert events over OTLP: by `serve` beside all else, by the relay alone; both behind the same door."""

from __future__ import annotations

from contextlib import contextmanager

import httpx
import pytest

from fake_alertmanager import posted
from serving import served
from stagelight import _guard, wire
from stagelight.alerts import Alert
from stagelight.config import load
from stagelight.errors import ConfigurationError
from stagelight.store import open_store
from stagelight.web.relay import create_relay
from stagelight.web.server import running
from stagelight.wire.records import LogRecord
from urgent import PROTOBUF, body, event

LINE = LogRecord(time_ns=10**18, body="a line")
BAD = event(Alert(name="Bad"), **{"stagelight.alert.label.a.b": "x"})


@contextmanager
def relaying(folder, *urls, **settings):
    """The relay alone, in this process."""
    told = load(environ={}, start=folder, port=0, store=str(folder / "relay.db"), alertmanager_urls=urls, **settings)
    with running(told, make=create_relay) as found, httpx.Client(base_url=found.url, trust_env=False) as client:
        yield client


def logs(client, *records, **headers):
    return client.post("/v1/logs", content=body(*records), headers=PROTOBUF | headers)


def partial(answer):
    """Records that were refused, and the sentence."""
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

    found = ExportLogsServiceResponse.FromString(answer.content).partial_success
    return found.rejected_log_records, found.error_message


def test_serve_passes_alerts_on_and_keeps_the_line(tmp_path):
    """The event goes to Alertmanager, and is a log line like any other."""
    _guard.forget()
    with posted() as peer, served(tmp_path, alertmanager_urls=(peer.url,)) as server:
        answer = logs(server.client, event(Alert(name="A")), LINE)
        peer.wait(any)

        assert (answer.status_code, answer.content) == (200, b"")
        assert len(server.store.logs.recent()) == 2
        assert [row.name for row in server.store.outbox.recent()] == ["A"]
    assert _guard.errors() == {}


def test_a_refused_alert_is_a_partial_success(server):
    """A collector would throw a refused batch away, or send it for ever: so the good ones are taken, and the bad one is named."""
    answer = logs(server.client, event(Alert(name="A")), BAD)

    assert answer.status_code == 200
    refused, sentence = partial(answer)
    assert refused == 1
    assert sentence.startswith("Bad: label 'a.b' is no name to Alertmanager")
    assert [row.name for row in server.store.outbox.recent()] == ["A"]


def test_alerts_are_taken_before_the_store_is_found_full(tmp_path):
    """The alert that tells of a full store gets through; the rest of the request is refused with 507."""
    with posted() as peer, served(tmp_path, alertmanager_urls=(peer.url,), store_max_bytes=1) as server:
        answer = logs(server.client, event(Alert(name="StoreFull")), LINE)
        peer.wait(any)

    assert answer.status_code == 507


def test_a_tokens_tenant_owns_its_alerts(tmp_path):
    """Behind a token, an alert can be nobody else's."""
    with served(tmp_path, token=True) as server:
        headers = server.token("ingest", tenant="acme")
        logs(server.client, event(Alert(name="A", labels={"tenant": "victim"})), **headers)

        assert [row.labels["tenant"] for row in server.store.outbox.recent()] == ["acme"]
        assert logs(server.client, event(Alert(name="B"))).status_code == 401


def test_the_relay_takes_alerts_alone(tmp_path):
    """Log lines are refused in a sentence and not kept; other signals have no address; health is known."""
    with posted() as peer, relaying(tmp_path, peer.url) as client:
        answer = logs(client, event(Alert(name="A")), LINE, LINE)
        peer.wait(any)
        other = client.post("/v1/traces", content=b"", headers=PROTOBUF)

        assert partial(answer) == (2, "2 log records are no alert events, which are all that this relay takes.")
        assert other.status_code == 404
        assert b"it takes /v1/logs alone, not /v1/traces" in other.content
        assert client.get("/health").json()["status"] == "ok"
    with open_store(tmp_path / "relay.db") as store:
        assert store.logs.recent() == []


def test_a_relay_that_starts_again_goes_on(tmp_path):
    """What fired before is posted without being told again."""
    with posted() as peer:
        with relaying(tmp_path, peer.url) as client:
            logs(client, event(Alert(name="A")))
            peer.wait(any)
        before = len(peer.calls)
        with relaying(tmp_path, peer.url):
            calls = peer.wait(lambda calls: any(calls[before:]))

    assert [alert["labels"]["alertname"] for call in calls[before:] for alert in call] == ["A"]


def test_the_relay_has_the_same_door(tmp_path):
    """Another site's page, a foreign host, a body that is none, one that is too large: refused as `serve` does."""
    with posted() as peer, relaying(tmp_path, peer.url) as client:
        assert logs(client, origin="http://evil").status_code == 403
        assert logs(client, host="evil").status_code == 403
        assert client.post("/v1/logs", content=b"\xff", headers=PROTOBUF).status_code == 400
        assert client.post("/v1/logs", content=b"{}", headers={"content-type": "text/plain"}).status_code == 415
        many = wire.encode_logs([LINE] * 10_001, "protobuf")
        assert client.post("/v1/logs", content=many, headers=PROTOBUF).status_code == 413


def test_a_relay_with_nobody_to_tell_does_not_start(tmp_path):
    """It says which settings are missing."""
    with (
        pytest.raises(ConfigurationError, match="set STAGELIGHT_ALERTMANAGER_URLS or STAGELIGHT_NOTIFY_URLS"),
        relaying(tmp_path),
    ):
        pass


def test_a_relay_off_loopback_wants_a_token_first(tmp_path):
    """Nobody else's alerts by accident."""
    with (
        pytest.raises(ConfigurationError, match="without a token"),
        relaying(tmp_path, "http://127.0.0.1:9", host="0.0.0.0"),
    ):
        pass
