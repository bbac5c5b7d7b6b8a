"""POST /feedback/explicit and /feedback/implicit for programs, GET /feedback/summary, and the export for training."""

from __future__ import annotations

import json

import pytest

from stagelight import _guard, setup
from stagelight.feedback import log_feedback, sentiment
from stagelight.sink.rows import Prediction
from stagelight.truth import log_prediction

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def server(shared):
    """One server for all, empty at the beginning of each."""
    shared.store.admin.reset()
    _guard.forget()
    yield shared
    assert _guard.errors() == {}


@pytest.fixture
def guarded(shared_guarded):
    """As `server`, and asking for tokens."""
    shared_guarded.store.admin.reset()
    _guard.forget()
    yield shared_guarded
    assert _guard.errors() == {}


@pytest.fixture(scope="module")
def lexicon():
    """Loaded, however busy the machine is."""
    while not sentiment.available():
        pass


def post(server, kind, headers=None, **body):
    return server.client.post(f"/feedback/{kind}", json=body, headers=headers)


def rows(server):
    return list(server.store.rows.export("feedback"))


def test_explicit_feedback_is_committed_then_shown_in_its_trace(server, lexicon):
    """The receipt comes after the commit; the span hangs under the judged one, and the trace is kept."""
    answer = post(server, "explicit", trace_id=TRACE, span_id=SPAN, rating=4, comment="I love it", user="ann")

    (row,) = rows(server)
    found = server.store.traces.get(TRACE)
    assert answer.json() == {"receipt": {"status": "stored", "id": row.feedback_id, "reason": ""}}
    assert (row.signal, row.value, row.reward, row.user, row.sentiment) == ("rating", 4.0, 0.75, "ann", "positive")
    assert [(span.name, span.parent_id) for span in found.spans] == [("feedback", SPAN)]
    assert "I love it" not in json.dumps(found.spans[0].attributes)
    assert found.kept_because == "feedback"


def test_implicit_feedback_says_what_somebody_did(server):
    """A signal and what it carries, of a traceparent."""
    answer = post(server, "implicit", traceparent=f"00-{TRACE}-{SPAN}-01", signal="click", value=2)

    (row,) = rows(server)
    assert answer.status_code == 200
    assert (row.kind, row.signal, row.value, row.reward, row.span_id) == ("implicit", "click", 2.0, 0.75, SPAN)


def test_a_prediction_leads_to_its_trace(server):
    """By a prediction's id its trace and model are found, and the span is shown there."""
    made = {"prediction_id": "p1", "type": "t", "trace_id": TRACE, "span_id": SPAN, "model_version": "v3"}
    server.client.post("/api/predictions", json=made)
    post(server, "explicit", prediction_id="p1", thumbs=False)

    (row,) = rows(server)
    assert (row.trace_id, row.span_id, row.model_version) == (TRACE, SPAN, "v3")
    assert server.store.traces.get(TRACE).spans[0].parent_id == SPAN


def test_a_row_that_names_no_trace_is_shown_by_the_server(server, lexicon):
    """A program that only knows the prediction leaves it to the server to find the trace, and to judge the comment."""
    server.client.post("/api/predictions", json={"prediction_id": "p1", "type": "t", "trace_id": TRACE})
    said = {"kind": "explicit", "signal": "comment", "comment": "useless", "prediction_id": "p1"}
    server.client.post("/api/feedback", json=[said, {**said, "trace_id": TRACE, "feedback_id": "own"}])

    assert {row.trace_id for row in rows(server)} == {TRACE}
    assert {row.sentiment for row in rows(server)} == {"negative"}
    assert len(server.store.traces.get(TRACE).spans) == 1


def test_a_key_that_was_there_before_is_refused_and_says_so(server):
    """A replay changes nothing: one row, one span; the first one counts, whatever the second says."""
    first = post(server, "explicit", trace_id=TRACE, rating=5, idempotency_key="k")
    again = post(server, "explicit", trace_id=TRACE, rating=1, idempotency_key="k")

    assert (first.status_code, again.status_code) == (200, 409)
    assert "the first one counts" in again.json()["message"]
    assert again.json()["receipt"]["status"] == "stored"
    assert [row.value for row in rows(server)] == [5.0]
    assert len(server.store.traces.get(TRACE).spans) == 1


@pytest.mark.parametrize(
    ("kind", "body", "status", "says"),
    [
        ("explicit", b"", 400, "not JSON"),
        ("explicit", b"[]", 422, "must be a JSON object"),
        ("explicit", b'{"rating": NaN}', 400, "numbers must be finite"),
        ("explicit", b'{"rating": 1e999, "trace_id": "T"}', 422, "not finite"),
        ("explicit", b'{"rating": 9, "trace_id": "T"}', 422, "expected 1 to 5"),
        ("explicit", b'{"rating": 4, "trace_id": "T", "reward": "x"}', 422, "reward: found a str"),
        ("explicit", b'{"rating": 4}', 422, "whose answer is it about"),
        ("explicit", b'{"trace_id": "T"}', 422, "what did the user say or do"),
        ("explicit", b'{"rating": 4, "trace_id": "xyz"}', 422, "target: found 'xyz'"),
        ("explicit", b'{"rating": 4, "trace_id": "T", "traceparent": "x"}', 422, "at once"),
        ("explicit", b'{"rating": 4, "prediction_id": "p", "span_id": "x"}', 422, "span_id goes with trace_id"),
        ("explicit", b'{"comment": "\\ud800", "trace_id": "T"}', 422, "not Unicode"),
        ("explicit", b'{"rating": 4, "trace_id": "T", "user": "a\\u0000"}', 422, "not Unicode"),
        ("explicit", b'{"signal": "click", "trace_id": "T"}', 422, "no field 'signal'"),
        ("explicit", b'{"ratting": 4, "trace_id": "T"}', 422, "Did you mean 'rating'?"),
        ("implicit", b'{"signal": "clik", "trace_id": "T"}', 422, "Did you mean 'click'?"),
        ("implicit", b'{"rating": 4, "trace_id": "T"}', 422, "no field 'rating'"),
        ("implicit", b'{"signal": "rating", "value": 3, "trace_id": "T"}', 422, "explicit"),
        ("explicit", b'{"comment": "' + b"x" * 140_000 + b'"}', 413, "over 131072 bytes"),
        ("explicit", b'{"comment": "' + b"x" * 10_001 + b'", "trace_id": "T"}', 422, "10000 at most"),
        ("explicit", b'{"rating": ' + b"[" * 20 + b"]" * 20 + b"}", 400, "nested deeper"),
        ("explicit", b'{"rating": 4, "trace_id": "T", "token": "x"}', 401, "token:"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(server, kind, body, status, says):
    """One status, one sentence, and nothing kept."""
    answer = server.client.post(f"/feedback/{kind}", content=body.replace(b'"T"', f'"{TRACE}"'.encode()), headers=JSON)

    assert (answer.status_code, says in answer.json()["message"]) == (status, True), answer.json()
    assert server.store.rows.count("feedback") == 0


def test_json_alone(shared):
    """A form of another site, which a browser sends unasked, is not read."""
    answer = shared.client.post("/feedback/explicit", data={"rating": "4"})
    assert (answer.status_code, "send application/json" in answer.json()["message"]) == (415, True)


def test_no_other_origin_is_let_in(shared):
    """There is no CORS: a page of another site is refused, asked before or not, and no header invites it."""
    headers = {"Origin": "https://evil.example"}
    asked = shared.client.options("/feedback/explicit", headers={**headers, "Access-Control-Request-Method": "POST"})
    posted = post(shared, "explicit", headers, trace_id=TRACE, rating=4)

    assert (asked.status_code, posted.status_code) == (403, 403)
    assert not any(name.startswith("access-control") for name in (*asked.headers, *posted.headers))


def test_another_tenant_is_refused_and_never_touched(guarded):
    """A token judges for its own tenant alone: naming another is refused, and another's trace of that id is not reached."""
    acme = guarded.token("feedback", "read", tenant="acme")
    guarded.store.rows.write(
        [Prediction(prediction_id="p1", type="t", trace_id=TRACE, observed_at=1.0, tenant="globex")]
    )

    assert post(guarded, "explicit", acme, trace_id=TRACE, rating=1, tenant="globex").status_code == 403
    post(guarded, "explicit", acme, prediction_id="p1", rating=1)
    post(guarded, "explicit", acme, trace_id=TRACE, rating=1)
    assert guarded.store.traces.get(TRACE, tenant="globex") is None
    assert {(row.tenant, row.trace_id) for row in rows(guarded)} == {("acme", ""), ("acme", TRACE)}


def test_summaries_and_exports_are_each_tenants_own(guarded):
    """What is counted for one is not seen by another."""
    acme, globex = (guarded.token("feedback", "read", tenant=name) for name in ("acme", "globex"))
    guarded.client.post("/api/predictions", json={"prediction_id": "p1", "type": "t", "trace_id": TRACE}, headers=acme)
    post(guarded, "explicit", acme, trace_id=TRACE, rating=1)
    mine, other = (guarded.client.get("/feedback/summary", headers=who).json() for who in (acme, globex))
    lines = [guarded.client.get("/api/feedback/export", headers=who).text for who in (acme, globex)]

    assert (mine["total"]["count"], other["total"]["count"]) == (1, 0)
    assert (len(lines[0].splitlines()), lines[1]) == (1, "")


@pytest.mark.parametrize(
    ("scopes", "posts", "reads"), [(("feedback",), 200, 403), (("read",), 403, 200), ((), 401, 401)]
)
def test_scopes(shared_guarded, scopes, posts, reads):
    """`feedback` may judge, `read` may look."""
    headers = shared_guarded.token(*scopes) if scopes else None
    assert post(shared_guarded, "explicit", headers, trace_id=TRACE, rating=1).status_code == posts
    assert shared_guarded.client.get("/feedback/summary", headers=headers).status_code == reads
    assert shared_guarded.client.get("/api/feedback/export", headers=headers).status_code == reads


def test_the_summary_adds_up(server, lexicon):
    """Counts by kind and signal, means, shares, sentiments, by day and by model version."""
    for body in (
        {"rating": 5},
        {"rating": 2},
        {"thumbs": True},
        {"thumbs": False},
        {"comment": "hate it"},
        {"comment": "hm"},
    ):
        post(server, "explicit", trace_id=TRACE, model_version="v1", **body)
    post(server, "implicit", trace_id=TRACE, signal="requery", model_version="v2")
    found = server.client.get("/feedback/summary", params={"days": 2}).json()
    only = server.client.get("/feedback/summary", params={"model_version": "v2"}).json()

    total = found["total"]
    assert (total["count"], total["explicit"], total["implicit"]) == (7, 6, 1)
    assert total["signals"] == {"comment": 2, "rating": 2, "requery": 1, "thumbs": 2}
    assert (total["mean_rating"], total["thumbs_up_share"], total["mean_reward"]) == (3.5, 0.5, 0.5)
    assert total["sentiments"] == {"negative": 1, "unknown": 1}
    assert total["sentiment_ratio"] == {"positive": 0.0, "neutral": 0.0, "negative": 1.0}
    assert {name: tally["count"] for name, tally in found["models"].items()} == {"v1": 6, "v2": 1}
    assert (len(found["days"]), len(found["days_by_model"]), found["queue_depth"]) == (1, 2, 0)
    assert only["total"]["count"] == 1


@pytest.mark.parametrize("days", ["0", "-1", "401", "nan", "x"])
def test_a_window_that_makes_no_sense_is_refused(shared, days):
    """A day at least a little, a year and a bit at most."""
    answer = shared.client.get("/feedback/summary", params={"days": days})
    assert (answer.status_code, "days" in answer.json()["message"]) == (422, True)


def test_a_programs_feedback_arrives_as_row_span_and_event(server):
    """Through STAGELIGHT_URL and OTLP: the row at once, then the span in the judged trace and the log event beside it."""
    setup.configure(
        url=server.url, endpoint=server.url, metrics_exporter="none", logs_exporter="otlp", spool_max_bytes=0
    )
    try:
        receipt = log_feedback(f"00-{TRACE}-{SPAN}-01", rating=4, idempotency_key="k")
        (row,) = rows(server)
        again = log_feedback(TRACE, rating=4, idempotency_key="k")
        assert setup.flush()
    finally:
        setup.shutdown()

    found = server.store.traces.get(TRACE)
    (span,), (event,) = found.spans, found.logs
    assert (receipt.status, receipt.duplicate, again.duplicate) == ("stored", False, True)
    assert (row.feedback_id, span.name, span.parent_id) == ("k", "feedback", SPAN)
    assert (event.event_name, event.span_id, event.body) == (
        "gen_ai.evaluation.result",
        span.span_id,
        "feedback: rating 4",
    )
    assert event.attributes["gen_ai.evaluation.score.value"] == 4.0


def test_a_remote_programs_prediction_is_judged_where_it_was_made(server):
    """A program without a store remembers its own predictions; the server knows the others."""
    setup.configure(url=server.url, endpoint=server.url, metrics_exporter="none", spool_max_bytes=0)
    try:
        from stagelight import trace

        with trace("answer") as block:
            prediction_id = log_prediction("t").id
        assert log_feedback(prediction_id=prediction_id, thumbs=True).status == "stored"
        setup.flush()
    finally:
        setup.shutdown()

    spans = {span.name: span for span in server.store.traces.get(block.trace_id).spans}
    assert spans["feedback"].parent_id == spans["answer"].span_id
