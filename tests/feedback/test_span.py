"""A feedback shows in the trace it judges, wherever that trace is."""

from __future__ import annotations

import pytest

from stagelight import _guard, setup, sink
from stagelight.feedback import log_feedback
from stagelight.feedback.span import attributes_of, record_of, sentence
from stagelight.sink.rows import Decision, Feedback
from stagelight.stages import context, end_trace, here, start_trace, trace, trace_stage
from stagelight.store import open_store
from stagelight.testing import SteppingClock, in_memory
from stagelight.truth import log_prediction
from stagelight.waterfall.tree import build

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
QUIET = {"traces_exporter": "none", "metrics_exporter": "none"}


@pytest.fixture
def store(tmp_path):
    """A store that rows go to."""
    _guard.forget()
    with open_store(tmp_path / "s.db") as opened, sink.using(opened.rows):
        yield opened
    assert _guard.errors() == {}


@pytest.fixture
def configured(tmp_path):
    """A program whose store keeps traces and rows, and the store through another connection."""
    _guard.forget()
    path = tmp_path / "s.db"

    def configure(**more):
        setup.configure(store=str(path), **QUIET, **more)
        return open_store(path)

    yield configure
    setup.shutdown()
    assert _guard.errors() == {}


def test_the_span_is_a_child_of_the_judged_one(store):
    """A traceparent says which span is judged; the feedback hangs under it, with what it is worth."""
    with in_memory() as telemetry:
        log_feedback(f"00-{TRACE}-{PARENT}-01", rating=4, idempotency_key="k", model_version="v2")
        span = telemetry.span("feedback")

    assert (span.trace_id, span.parent_id, span.duration_ns) == (TRACE, PARENT, 0)
    told = {name: value for name, value in span.attributes.items() if "evaluation" in name or "feedback" in name}
    assert told == {
        "gen_ai.evaluation.name": "rating",
        "gen_ai.evaluation.score.value": 4.0,
        "stagelight.feedback.id": "k",
        "stagelight.feedback.kind": "explicit",
        "stagelight.feedback.reward": 0.75,
        "stagelight.feedback.source": "human",
    }
    assert span.attributes["stagelight.model_version"] == "v2"


def test_a_trace_of_this_process_is_judged_at_its_root(store):
    """By the id alone the root is found, while the trace is open and after it has ended."""
    with in_memory() as telemetry:
        trace_id = start_trace("answer")
        log_feedback(trace_id, thumbs=True)
        end_trace(trace_id)
        log_feedback(trace_id, thumbs=False)

        root = telemetry.span("answer")
        judged = [span for span in telemetry.spans if span.name == "feedback"]
    assert [span.parent_id for span in judged] == [root.span_id] * 2
    assert [span.attributes["gen_ai.evaluation.score.label"] for span in judged] == ["up", "down"]


def test_a_trace_that_has_not_arrived_gets_its_span_all_the_same(configured):
    """The feedback of a trace that nobody here knows is kept under its id, and finds itself with it later."""
    with configured() as store:
        assert log_feedback(TRACE, thumbs=True).status == "stored"
        setup.flush()
        (span,) = store.traces.get(TRACE).spans

        assert (span.name, span.trace_id) == ("feedback", TRACE)
        assert store.traces.get(TRACE).kept_because == "feedback"


def test_a_trace_is_not_longer_for_what_is_said_of_it_later(configured):
    """An answer of a second stays one of a second when it is judged after an hour, and also when that is known first."""
    clock = SteppingClock()
    with configured() as store, _clock_of(clock):
        trace_id = start_trace("answer")
        clock.advance(seconds=1)
        log_feedback(trace_id, thumbs=True)
        end_trace(trace_id)
        clock.advance(hours=1)
        log_feedback(trace_id, rating=5)
        setup.flush()
        found = store.traces.get(trace_id)
        (row,) = store.traces.search(_query()).rows

    assert sorted(span.name for span in found.spans) == ["answer", "feedback", "feedback"]
    assert (row.name, row.duration_ns, row.span_count) == ("answer", 1_000_000_000, 3)
    assert build(found.spans).duration_ns == 1_000_000_000


def test_feedback_before_its_trace_leaves_the_trace_its_own_times(store):
    """Times of a summary are the work's, though the feedback was written before any of it."""
    said = Feedback(feedback_id="f", kind="explicit", signal="thumbs", value=1.0, trace_id=TRACE, observed_at=1.0)
    store.traces.write([record_of(said, capture=False, now_ns=9_000)])
    (early,) = store.traces.search(_query()).rows
    work = {"trace_id": TRACE, "resource": {"service.name": "app"}}
    store.traces.write([_record(span_id="1" * 16, name="answer", start_ns=1_000, end_ns=3_000, **work)])
    store.traces.write([record_of(said, capture=False, now_ns=9_500)])
    (row,) = store.traces.search(_query()).rows

    assert (early.name, early.duration_ns) == ("feedback", 0)
    assert (row.name, row.service, row.start_ns, row.duration_ns) == ("answer", "app", 1_000, 2_000)


def test_feedback_is_nobodys_stage(configured):
    """The table of stages counts what a pipeline does, not what is said of it."""
    with configured() as store:
        with trace("answer") as block:
            pass
        log_feedback(block.trace_id, thumbs=True)
        setup.flush()
        stages = store.metrics.stages(0, 2**62)

    assert [found.stage for found in stages] == ["answer"]


@pytest.mark.parametrize("sampler", ["always_off", "traceidratio"])
def test_judging_what_was_sampled_out_exports_nothing_and_keeps_it_here(configured, monkeypatch, sampler):
    """The span of a trace that is not exported is not either, but it is in the store."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", sampler)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0" if sampler == "traceidratio" else "")
    with configured() as store:
        trace_id = start_trace("answer")
        end_trace(trace_id)
        log_feedback(trace_id, thumbs=True)
        log_feedback(TRACE, thumbs=True)
        setup.flush()
        spans = [*store.traces.get(trace_id).spans, *store.traces.get(TRACE).spans]

    assert [(span.name, span.flags & 1) for span in spans] == [("answer", 0), ("feedback", 0), ("feedback", 0)]


def test_an_unsampled_traceparent_is_believed(store):
    """Who hands on a traceparent says whether its trace is exported; so goes the span."""
    with in_memory() as telemetry:
        log_feedback(f"00-{TRACE}-{PARENT}-00", thumbs=True)
        assert telemetry.spans == []
        log_feedback(f"00-{TRACE}-{PARENT}-01", thumbs=True)
        assert [span.name for span in telemetry.spans] == ["feedback"]


def test_a_prediction_is_judged_in_the_span_that_made_it(store):
    """By a prediction's id its trace, its span and its model are found, from within another trace too."""
    with in_memory() as telemetry:
        with context(model_version="v7"), trace_stage("predict"):
            prediction_id = log_prediction("churn").id
        with context(model_version="v8"), trace_stage("feedback_endpoint"):
            log_feedback(prediction_id=prediction_id, thumbs=True)
        made, span = telemetry.span("predict"), telemetry.span("feedback")

    (row,) = store.rows.export("feedback")
    assert (span.trace_id, span.parent_id) == (made.trace_id, made.span_id)
    assert (row.trace_id, row.span_id, row.model_version) == (made.trace_id, made.span_id, "v7")


def test_a_prediction_of_another_process_is_found_in_the_store(configured, tmp_path):
    """Where this process did not make the prediction, its store knows where it was made."""
    from stagelight.sink.rows import Prediction

    with configured() as store:
        store.rows.write(
            [Prediction(prediction_id="p9", type="churn", trace_id=TRACE, span_id=PARENT, observed_at=1.0)]
        )
        log_feedback(prediction_id="p9", rating=1)
        setup.flush()
        (span,) = store.traces.get(TRACE).spans

        assert span.parent_id == PARENT
        assert log_feedback(prediction_id="nobody's", rating=1).status == "stored"


def test_a_routers_decision_is_judged_and_teaches_its_arm(store):
    """By the decision itself or by its id: the span is in its trace, and the reward waits for the router."""
    with in_memory() as telemetry:
        with trace_stage("route"):
            at = here()
            made = Decision(decision_id="d1", arm="small", trace_id=at.trace_id, span_id=at.span_id, observed_at=1.0)
            sink.write(made)
        log_feedback(decision_id="d1", thumbs=True)
        log_feedback(made, rating=2)
        log_feedback(made, comment="hm")
        route = telemetry.span("route")
        judged = [span for span in telemetry.spans if span.name == "feedback"]

    assert {span.parent_id for span in judged} == {route.span_id}
    waiting = store.deliveries.peek("router:default", 10)
    assert sorted((item.body["arm"], item.body["reward"]) for item in waiting) == [("small", 0.25), ("small", 1.0)]


def test_a_duplicate_adds_no_span_and_counts_once(store):
    """The same key again is told as a duplicate: one row, one span, one count."""
    with in_memory() as telemetry:
        first, again = (log_feedback(TRACE, rating=3, idempotency_key="k") for _ in range(2))

        assert (first.duplicate, again.duplicate, again.accepted) == (False, True, True)
        assert "duplicate" in again.reason
        assert len(telemetry.spans) == 1
        assert telemetry.value("stagelight_feedback_total") == 1


def test_what_is_refused_leaves_no_span(store):
    """Nothing shows that is not safe."""
    with in_memory() as telemetry:
        assert log_feedback(TRACE, rating=7).status == "refused"
        with sink.using(None):
            assert log_feedback(TRACE, rating=4).status == "refused"
        assert telemetry.spans == []


def test_what_people_write_is_on_spans_only_where_capturing_is_on(store):
    """A comment is personal: on the span only where arguments are captured, and without secrets then."""
    said = "wrong, my key is sk-abcdefghijklmnop1234"
    with in_memory() as telemetry:
        log_feedback(TRACE, comment=said)
        assert said[:5] not in str(telemetry.span("feedback").attributes)
    with in_memory(capture_arguments=True) as telemetry:
        log_feedback(TRACE, comment=said)
        assert telemetry.span("feedback").attributes["gen_ai.evaluation.explanation"] == "wrong, my key is [redacted]"


def test_users_are_not_on_spans_of_feedback():
    """Who judged is in the row alone."""
    said = Feedback(
        feedback_id="f",
        kind="explicit",
        signal="rating",
        value=4,
        user="ann",
        comment="c",
        trace_id=TRACE,
        observed_at=1.0,
    )
    assert "ann" not in str(attributes_of(said, capture=True))
    assert sentence(said) == "feedback: rating 4"


def test_the_servers_span_of_a_feedback_is_always_the_same_one():
    """Written twice it is one span; another tenant's feedback of the same id is another."""
    said = {"feedback_id": "f", "kind": "implicit", "signal": "skip", "trace_id": TRACE, "observed_at": 1.0}
    one, again, other = (
        record_of(Feedback(**said, tenant=tenant), capture=False, now_ns=at)
        for tenant, at in (("a", 1), ("a", 2), ("b", 1))
    )
    assert one.span_id == again.span_id != other.span_id
    assert one.parent_id == TRACE[:16]
    zeros = "0" * 16 + "1" * 16
    assert record_of(Feedback(**{**said, "trace_id": zeros}), capture=False, now_ns=1).parent_id == "1" * 16


def _clock_of(clock):
    from stagelight import _clock

    return _clock.replaced(clock=clock)


def _query():
    from stagelight.store import TraceQuery

    return TraceQuery()


def _record(**values):
    from stagelight.wire.records import SpanRecord

    return SpanRecord(**values)
