"""Server-sent events."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest

from spans import body, span
from stagelight import wire
from stagelight.web import live
from stagelight.wire.records import MetricPoint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from serving import Served

PROTOBUF = {"Content-Type": "application/x-protobuf"}


@contextmanager
def listening(server: Served, **headers: str) -> Iterator[Iterator[dict[str, str]]]:
    """Open the stream, past its greeting, and yield its events."""
    with (
        httpx.Client(base_url=server.url, trust_env=False, timeout=20) as client,
        client.stream("GET", "/live", headers=headers) as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = parsed(answer.iter_lines())
        assert next(events)["event"] == "hello"
        yield events


def parsed(lines: Iterator[str]) -> Iterator[dict[str, str]]:
    event: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            event[name] = value
        elif event:
            yield event
            event = {}


def sent(server: Served, *spans, **headers: str) -> None:
    server.client.post("/v1/traces", content=body(*spans), headers={**PROTOBUF, **headers}).raise_for_status()


def test_spans_are_told_as_they_arrive(server):
    """An event names the traces that got spans, and no more than what is new."""
    sent(server, span("before", trace=1))
    with listening(server) as events:
        sent(server, span("now", trace=2), span("now", trace=2))
        event = next(events)

    assert event["event"] == "spans"
    assert json.loads(event["data"]) == {"spans": 2, "traces": [f"{2:032x}"], "names": ["now"]}


def test_what_another_process_writes_is_told_too(server):
    """Spans that a program writes to the same store by itself are news as well."""
    with listening(server) as events:
        server.store.traces.write([span(trace=9)])

        assert json.loads(next(events)["data"])["traces"] == [f"{9:032x}"]


def test_metrics_and_rows_are_told(server):
    """Pages that show metrics or verdicts hear of new ones."""
    point = MetricPoint(name="x", kind="gauge", time_ns=span().end_ns, value=1)
    with listening(server) as events:
        server.client.post("/v1/metrics", content=wire.encode_metrics([point], "protobuf"), headers=PROTOBUF)
        assert next(events)["event"] == "metrics"
        server.client.post("/api/truth", json={"event": "x", "entity": "y"})
        assert next(events)["event"] == "rows"


def test_broken_stream_goes_on_where_it_was(server):
    """A browser that reconnects with the last id it saw misses nothing in between."""
    with listening(server) as events:
        sent(server, span(trace=1))
        last = next(events)["id"]
    sent(server, span(trace=2))
    with listening(server, **{"Last-Event-ID": last}) as events:
        assert json.loads(next(events)["data"])["traces"] == [f"{2:032x}"]


def test_odd_last_id_counts_as_none(server):
    """An id that we never gave is as good as none."""
    sent(server, span(trace=1))
    with listening(server, **{"Last-Event-ID": "-1; drop"}) as events:
        sent(server, span(trace=2))
        assert json.loads(next(events)["data"])["traces"] == [f"{2:032x}"]


def test_each_tenant_hears_of_its_own(guarded):
    """A tenant's stream tells neither of other tenants' spans nor of their metrics."""
    ours, theirs = guarded.token("admin", tenant="acme"), guarded.token("admin", tenant="rival")
    point = MetricPoint(name="x", kind="gauge", time_ns=span().end_ns, value=1)
    with listening(guarded, **ours) as events:
        sent(guarded, span(trace=1), **theirs)
        guarded.client.post(
            "/v1/metrics", content=wire.encode_metrics([point], "protobuf"), headers={**PROTOBUF, **theirs}
        )
        sent(guarded, span(trace=2), **ours)
        event = next(events)

    assert (event["event"], json.loads(event["data"])["traces"]) == ("spans", [f"{2:032x}"])


def test_many_spans_are_several_events_and_none_is_left_out(server, monkeypatch):
    """An event looks at so many spans at most; the others follow at once."""
    monkeypatch.setattr(live, "SPANS_LOOKED_AT", 10)
    monkeypatch.setattr(live, "GAP_SECONDS", 0.0)
    with listening(server) as events:
        sent(server, *(span(trace=i + 1) for i in range(25)))
        counts = [json.loads(next(events)["data"])["spans"] for _ in range(3)]

    assert counts == [10, 10, 5]


def test_too_many_streams_are_told_to_wait(server, monkeypatch):
    """A page left open a hundred times cannot take all of the server; a stream that ends makes room."""
    monkeypatch.setattr(live, "MAX_STREAMS", 1)
    monkeypatch.setattr(live, "QUIET_SECONDS", 0.0)
    monkeypatch.setattr(live, "POLL_SECONDS", 0.01)
    with listening(server):
        answer = server.client.get("/live")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    deadline = threading.Event()
    for _ in range(2000):
        with server.client.stream("GET", "/live") as again:
            if again.status_code == 200:
                break
        deadline.wait(0.02)
    else:
        pytest.fail("a stream that ended was still counted after 40 s")


def test_quiet_stream_is_kept_open(server, monkeypatch):
    """Without news a comment goes out now and then, so that proxies do not end the connection."""
    monkeypatch.setattr(live, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(live, "QUIET_SECONDS", 0.02)
    with server.client.stream("GET", "/live") as answer:
        assert any(line == ": still here" for line in answer.iter_lines())
