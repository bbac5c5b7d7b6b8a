"""What programs ask for."""

from __future__ import annotations

import pytest

from spans import body, span
from stagelight import wire
from stagelight.wire.records import LogRecord

PROTOBUF = {"Content-Type": "application/x-protobuf"}


def sent(server, *spans) -> None:
    server.client.post("/v1/traces", content=body(*spans), headers=PROTOBUF).raise_for_status()


def test_traces_by_every_filter(server):
    """Text, attributes, duration, errors, session, stage, version and time each narrow the list."""
    now = span().end_ns
    plain = span("plain", trace=1, start_ns=now - 10_000_000_000, end_ns=now - 9_999_000_000)
    rich = span(
        "rich",
        trace=2,
        start_ns=now - 2_000_000_000,
        end_ns=now,
        status="error",
        attributes={
            "session.id": "s1",
            "stagelight.model_version": "v2",
            "stagelight.stage": "predict",
            "order": "o 17",
            "n": 5,
        },
    )
    sent(server, plain, rich)

    def names(**params: object) -> list[str]:
        answer = server.client.get("/api/traces", params=params)
        assert answer.status_code == 200, answer.text
        return [row["name"] for row in answer.json()["traces"]]

    assert names() == ["rich", "plain"]
    assert names(text="o 17") == names(attr="order=o 17") == names(attr=["order=o 17", "n=5"]) == ["rich"]
    assert names(attr=["order=o 17", "n=6"]) == []
    assert names(min_ms=1000) == names(errors=True) == names(session="s1") == names(stage="predict") == ["rich"]
    assert names(model_version="v2") == names(since=now / 1e9 - 5) == ["rich"]
    assert names(max_ms=1000) == names(until=now / 1e9 - 5) == ["plain"]
    assert names(sort="slowest") == ["rich", "plain"]
    assert names(workspace="elsewhere") == []


def test_pages_of_traces_follow_each_other(server):
    """The cursor leads through all pages, each trace once, and is empty on the last."""
    sent(server, *(span(f"t{i}", trace=i + 1, start_ns=span().start_ns + i) for i in range(7)))

    seen, cursor = [], ""
    while True:
        page = server.client.get("/api/traces", params={"limit": 3, "cursor": cursor}).json()
        seen += [row["name"] for row in page["traces"]]
        cursor = page["cursor"]
        if not cursor:
            break

    assert seen == [f"t{i}" for i in reversed(range(7))]


def test_one_trace_whole(server):
    """Spans with their events, log lines, and what was predicted and said, all in one answer."""
    root = span("root", attributes={"deep": {"list": [1, 2.5, None, True]}})
    sent(server, root, span("child", parent=root.span_id))
    line = LogRecord(time_ns=root.end_ns, body="hello", trace_id=root.trace_id, span_id=root.span_id)
    server.client.post("/v1/logs", content=wire.encode_logs([line], "protobuf"), headers=PROTOBUF).raise_for_status()
    for path, row in (
        ("predictions", {"prediction_id": "p1", "type": "churn", "score": 0.5}),
        ("feedback", {"kind": "explicit", "signal": "rating", "value": 5}),
    ):
        server.client.post(f"/api/{path}", json={**row, "trace_id": root.trace_id}).raise_for_status()

    whole = server.client.get(f"/api/traces/{root.trace_id}").json()

    assert [one["name"] for one in whole["spans"]] == ["root", "child"]
    assert whole["spans"][0]["attributes"] == {"deep": {"list": [1, 2.5, None, True]}}
    assert [one["body"] for one in whole["logs"]] == ["hello"]
    assert {row.get("type") or row["signal"] for row in whole["rows"]} == {"churn", "rating"}


def test_trace_as_otlp_can_be_sent_again(server):
    """The OTLP form of a trace is a request that the receiver takes, and it is the same trace."""
    sent(server, span("root", attributes={"a": [1, "b"]}))
    exported = server.client.get(f"/api/traces/{1:032x}/otlp").json()

    server.store.admin.reset()
    server.client.post("/v1/traces", json=exported).raise_for_status()

    assert server.client.get(f"/api/traces/{1:032x}/otlp").json() == exported


def test_what_can_be_asked_for(server):
    """Attributes' names and values and sessions are offered."""
    sent(server, span(attributes={"order": "o1", "session.id": "s1"}), span(attributes={"order": "o2"}))
    get = server.client.get

    assert "order" in get("/api/attributes").json()["keys"]
    assert get("/api/attributes", params={"prefix": "ord"}).json()["keys"] == ["order"]
    assert sorted(get("/api/attributes", params={"key": "order"}).json()["values"]) == ["o1", "o2"]
    assert [one["session"] for one in get("/api/sessions").json()["sessions"]] == ["s1"]


def test_stages_and_their_course(server):
    """A program without metrics has its stages from spans, and says so; a course has a point for each step."""
    sent(server, span("predict"), span("predict", status="error"))

    stages = server.client.get("/api/stages").json()
    (stage,) = stages["stages"]
    assert (stage["stage"], stage["calls"], stage["errors"], stage["source"]) == ("predict", 2, 1, "spans (sampled)")
    assert stages["until"] - stages["since"] == 900
    course = server.client.get("/api/stages/predict/series", params={"step": 60}).json()
    assert sum(point["calls"] for point in course["points"]) == 2
    assert server.client.get("/api/stages/a/b/series").json()["stage"] == "a/b"


@pytest.mark.parametrize(
    ("path", "params", "says"),
    [
        ("/api/traces", {"limit": 0}, "limit"),
        ("/api/traces", {"limit": 1001}, "limit"),
        ("/api/traces", {"sort": "colour"}, "sort"),
        ("/api/traces", {"min_ms": "nan"}, "min_ms"),
        ("/api/traces", {"min_ms": "x"}, "min_ms"),
        ("/api/traces", {"text": "x" * 401}, "text"),
        ("/api/traces", {"attr": "order"}, "attr: expected key=value"),
        ("/api/traces", {"attr": ["a=b"] * 13}, "attr: 13 of them"),
        ("/api/traces", {"since": 1e12}, "since"),
        ("/api/stages", {"since": 5, "until": 4}, "since: must be before until"),
        ("/api/stages/x/series", {"step": 1}, "step"),
        ("/api/stages/x/series", {"since": 0, "step": 10}, "more than 2000 points"),
    ],
)
def test_question_that_makes_no_sense_is_422_with_a_sentence(shared, path, params, says):
    """A parameter that cannot be is named."""
    answer = shared.client.get(path, params=params)

    assert answer.status_code == 422
    assert says in answer.json()["message"]


@pytest.mark.parametrize("path", ["/api/traces/nope", "/api/traces/nope/otlp", "/api/nope"])
def test_what_is_not_there_is_404(shared, path):
    """An unknown id and an unknown path are answered with a sentence in JSON."""
    answer = shared.client.get(path)

    assert answer.status_code == 404
    assert answer.json()["message"]


def test_person_on_a_wrong_path_sees_a_page(shared):
    """A browser gets a page, a program JSON."""
    answer = shared.client.get("/nope", headers={"Accept": "text/html"})

    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")


def test_cursor_of_somebody_else_starts_over(server):
    """A cursor that does not parse is the first page, not an error."""
    sent(server, span())

    assert len(server.client.get("/api/traces", params={"cursor": "nonsense"}).json()["traces"]) == 1


def test_health_tells_what_is_held(server):
    """Open on loopback, the health says version and sizes."""
    sent(server, span())
    health = server.client.get("/health").json()

    assert health["status"] == "ok"
    assert health["store"]["spans"] == 1
    assert health["tenant_mismatches"] == 0


def test_schema_names_every_path(shared):
    """The API describes itself."""
    paths = shared.client.get("/api/openapi.json").json()["paths"]

    assert {"/v1/traces", "/api/traces", "/api/feedback", "/live", "/health"} <= set(paths)
