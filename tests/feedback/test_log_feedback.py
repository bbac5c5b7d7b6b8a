"""What users say and do."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace as otel

from stagelight import _guard, sink
from stagelight.errors import RowError, UnreachableError
from stagelight.feedback import Watch, alog_feedback, log_feedback, sign
from stagelight.feedback.log import told
from stagelight.feedback.target import Target, target_of
from stagelight.sink import Spool, SpooledSink, late
from stagelight.sink.codec import id_of
from stagelight.sink.rows import DUPLICATE, Decision, Feedback, Prediction, Receipt, Row
from stagelight.stages import context, trace, trace_stage
from stagelight.store import open_store
from stagelight.testing import in_memory

TRACE = "0af7651916cd43dd8448eb211c80319c"


@dataclass
class Kept:
    """A sink that keeps everything."""

    rows: list[Row] = field(default_factory=list)

    def write(self, rows):
        self.rows += rows
        return [Receipt("stored", id_of(row)) for row in rows]


@pytest.fixture
def kept():
    _guard.forget()
    keeper = Kept()
    with sink.using(keeper):
        yield keeper


def said(kept: Kept) -> Feedback:
    (row,) = kept.rows
    assert isinstance(row, Feedback)
    return row


@pytest.mark.parametrize(
    ("given_", "kind", "signal", "value"),
    [
        ({"rating": 4}, "explicit", "rating", 4.0),
        ({"rating": 4.5, "comment": "nearly"}, "explicit", "rating", 4.5),
        ({"thumbs": True}, "explicit", "thumbs", 1.0),
        ({"thumbs": "down"}, "explicit", "thumbs", 0.0),
        ({"thumbs": "Up"}, "explicit", "thumbs", 1.0),
        ({"comment": "good"}, "explicit", "comment", None),
        ({"label": "seven", "comment": "not a one"}, "explicit", "label", None),
        ({"signal": "requery"}, "implicit", "requery", None),
        ({"signal": "click", "value": 3}, "implicit", "click", 3.0),
        ({"signal": "rating", "value": 2}, "explicit", "rating", 2.0),
        ({"score": 0.25, "source": "model"}, "explicit", "score", 0.25),
    ],
)
def test_each_way_to_say_it(kept, given_, kind, signal, value):
    """What is given decides the signal, its kind and its value."""
    receipt = log_feedback(TRACE, **given_)

    row = said(kept)
    assert receipt == Receipt("stored", row.feedback_id)
    assert (row.kind, row.signal, row.value, row.trace_id) == (kind, signal, value, TRACE)


@pytest.mark.parametrize(
    ("given_", "says"),
    [
        ({}, "what did the user say or do"),
        ({"rating": 6}, "rating: found 6.0, expected 1 to 5"),
        ({"rating": True}, "is it thumbs?"),
        ({"score": True}, "is it thumbs?"),
        ({"score": 1.5}, "score: found 1.5, expected 0 to 1"),
        ({"rating": 3, "reward": float("nan")}, "reward: found a number that is not finite"),
        ({"rating": 3, "reward": "much"}, "reward: found a str, expected a number"),
        ({"rating": 3, "user": ["ann"]}, "user: found a list, expected text"),
        ({"rating": 3, "decision_id": "\ud800"}, "decision_id: found text that is not Unicode"),
        ({"rating": "good"}, "expected a number"),
        ({"rating": float("nan")}, "not finite"),
        ({"thumbs": "sideways"}, "thumbs: found 'sideways'"),
        ({"thumbs": 3}, "thumbs: found '3'"),
        ({"rating": 1, "thumbs": True}, "rating and thumbs at once"),
        ({"rating": 1, "signal": "skip"}, "rating and signal at once"),
        ({"rating": 1, "value": 2}, "value goes with signal"),
        ({"signal": "clik"}, "Did you mean 'click'?"),
        ({"rating": 3, "source": "cat"}, "source: found 'cat'"),
        ({"rating": 3, "observed_at": "yesterday"}, "observed_at"),
        ({"comment": "x" * 10_001}, "10000 at most"),
        ({"comment": "\ud800"}, "not Unicode"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(kept, given_, says):
    """A refused receipt says what was found and what was expected; nothing is kept."""
    receipt = log_feedback(TRACE, **given_)

    assert receipt.status == "refused"
    assert says in receipt.reason
    assert kept.rows == []
    assert _guard.errors() == {}


def test_the_running_trace_is_meant_by_default(kept):
    """Without a target it is about the running span, its tenant and its model."""
    with in_memory(), context(tenant="acme", workspace="prod", model_version="v2"), trace_stage("answer"):
        here = otel.get_current_span().get_span_context()
        log_feedback(rating=5)

    row = said(kept)
    assert (row.trace_id, row.span_id) == (f"{here.trace_id:032x}", f"{here.span_id:016x}")
    assert (row.tenant, row.workspace, row.model_version) == ("acme", "prod", "v2")


def test_another_trace_is_not_said_to_be_of_the_running_model(kept):
    """Feedback on an older answer does not carry the version that runs now."""
    with in_memory(), context(model_version="v2"), trace_stage("feedback_endpoint"):
        log_feedback(TRACE, rating=5)

    assert said(kept).model_version == ""


def test_nothing_to_point_to_is_refused(kept):
    """Without a trace, a span or a prediction nobody knows what was judged."""
    receipt = log_feedback(rating=5)

    assert "whose answer is it about" in receipt.reason
    assert log_feedback(rating=5, prediction_id="p1").accepted


def test_targets():
    """A trace id, a traceparent, a span, a trace's block, a prediction and a decision are targets."""
    with in_memory(), trace_stage("answer"):
        span = otel.get_current_span()
        context_ = span.get_span_context()
        assert target_of(span) == Target(f"{context_.trace_id:032x}", f"{context_.span_id:016x}", sampled=True)
    assert target_of(TRACE.upper()) == Target(TRACE)
    assert target_of(f"00-{TRACE}-b7ad6b7169203331-01") == Target(TRACE, "b7ad6b7169203331", sampled=True)
    assert target_of(f"00-{TRACE}-{'0' * 16}-00") == Target(TRACE, sampled=False)
    with in_memory(), trace("answer") as block:
        assert target_of(block).trace_id == block.trace_id
    made = {"trace_id": TRACE, "span_id": "1" * 16, "observed_at": 1.0}
    assert target_of(Prediction(prediction_id="p", type="t", model_version="v", **made)).prediction_id == "p"
    assert target_of(Decision(decision_id="d", arm="a", **made)).decision_id == "d"


@pytest.mark.parametrize(
    "target", ["", "0" * 32, "xyz", f"00-{'0' * 32}-b7ad6b7169203331-01", 17, object(), otel.INVALID_SPAN]
)
def test_what_is_no_target(target):
    """Anything else is refused: a wrong id would tie the verdict to nothing."""
    with pytest.raises(RowError, match=r"^target: "):
        target_of(target)


def test_key_and_moment_are_kept(kept):
    """The caller's key is the feedback's id, and its moment is the caller's."""
    receipt = log_feedback(TRACE, rating=1, idempotency_key="vote-7", observed_at=datetime(2026, 1, 1, tzinfo=UTC))

    assert (receipt.id, said(kept).observed_at) == ("vote-7", 1_767_225_600.0)


def test_accepted_feedback_is_counted_and_refused_is_not(kept):
    """The metric counts what was accepted, by kind, signal and model."""
    with in_memory() as telemetry:
        log_feedback(TRACE, rating=5, model_version="v1")
        log_feedback(TRACE, thumbs=True, model_version="v1")
        log_feedback(TRACE, rating=9, model_version="v1")

        assert telemetry.value("stagelight_feedback_total", kind="explicit", signal="rating", model_version="v1") == 1
        assert telemetry.value("stagelight_feedback_total", kind="explicit", signal="thumbs", model_version="v1") == 1


def test_a_key_sent_thrice_while_the_server_is_away_is_counted_as_the_server_takes_it(tmp_path):
    """The server's answers decide: the first is new, the others are duplicates, and the metric says 1."""

    class Server:
        away = True
        known: ClassVar[set[str]] = set()

        def write(self, rows):
            if self.away:
                raise UnreachableError("gone for lunch")
            receipts = []
            for row in rows:
                receipts.append(Receipt("stored", id_of(row), DUPLICATE if id_of(row) in self.known else ""))
                self.known.add(id_of(row))
            return receipts

    server = Server()
    spooled = SpooledSink(server, Spool(tmp_path, 2**20))
    with in_memory() as telemetry, sink.using(spooled):
        late.subscribe(told)
        for _ in range(3):
            assert log_feedback(TRACE, rating=5, idempotency_key="k").status == "spooled"
        before = telemetry.value("stagelight_feedback_total")
        server.away = False
        assert spooled.flush(5)
        late.unsubscribe(told)

        assert (before, telemetry.value("stagelight_feedback_total")) == (0, 1)
        assert [span.name for span in telemetry.spans] == ["feedback"]


async def test_asynchronous_form_sees_the_running_trace(kept):
    """`alog_feedback` takes the same arguments and is about the caller's trace."""
    with in_memory(), trace_stage("answer"):
        trace_id = otel.get_current_span().get_span_context().trace_id
        receipt = await alog_feedback(rating=2)

    assert (receipt.status, said(kept).trace_id) == ("stored", f"{trace_id:032x}")
    assert inspect.signature(alog_feedback) == inspect.signature(log_feedback)
    assert inspect.iscoroutinefunction(alog_feedback)


def test_committed_before_the_receipt(tmp_path):
    """With the store as the sink, the row is there for another connection when the receipt says so; twice is once."""
    with open_store(tmp_path / "s.db") as store, open_store(tmp_path / "s.db") as other, sink.using(store.rows):
        for _ in range(2):
            assert log_feedback(TRACE, rating=3, idempotency_key="k").status == "stored"
            assert other.rows.count("feedback") == 1


def test_the_reward_is_the_tables_or_the_judges_own_clipped(kept):
    """What a router learns follows from what was said; a judge may say otherwise, within 0 and 1."""
    with in_memory():
        log_feedback(TRACE, rating=2)
        log_feedback(TRACE, comment="so so")
        log_feedback(TRACE, rating=2, reward=7)
    with in_memory(rewards=("rating=none",)):
        log_feedback(TRACE, rating=2)

    assert [row.reward for row in kept.rows] == [0.25, None, 1.0, None]


def test_who_judges_is_the_running_user_unless_said_otherwise(kept):
    """The user's pseudonym is kept where there is a key, the same as on their spans."""
    with in_memory(user_id_key="k"), context(user="ann"):
        log_feedback(TRACE, rating=5)
        log_feedback(TRACE, rating=5, user="bob")
    with in_memory():
        log_feedback(TRACE, rating=5, user="bob")

    ann, bob, clear = (row.user for row in kept.rows)
    assert len(ann) == len(bob) == 64
    assert ann != bob
    assert clear == "bob"


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __eq__ = __bool__ = __float__ = __str__

    def __getattr__(self, name: str) -> object:
        raise RuntimeError(name)

    __hash__ = object.__hash__


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters()),
    st.binary(),
    st.lists(st.integers()),
    st.builds(Hostile),
    st.just(10**400),
)
NAMES = (
    "target",
    "rating",
    "thumbs",
    "comment",
    "label",
    "signal",
    "value",
    "prediction_id",
    "decision_id",
    "score",
    "reward",
    "user",
    "source",
    "idempotency_key",
    "observed_at",
    "model_version",
)


@given(ANYTHING, ANYTHING, ANYTHING)
def test_signing_and_watching_never_raise(target, user, hours):
    """Whatever a program hands over, there is a token, a receipt or none of them, and no exception."""
    watch = Watch()
    with in_memory(feedback_key="k"), sink.using(Kept()):
        assert isinstance(sign(target, user=user, hours=hours), str)
        assert watch.answered(target, trace_id=TRACE, offered=user, session="s") is None
        assert isinstance(watch.asked(hours, session="s"), Receipt | None)
        assert isinstance(watch.chose(user, session="s"), Receipt | None)


@given(st.dictionaries(st.sampled_from(NAMES), ANYTHING))
def test_nothing_ever_comes_out_but_a_receipt(arguments):
    """Whatever the arguments, a receipt comes back and no exception."""
    with sink.using(Kept()):
        assert isinstance(log_feedback(**arguments), Receipt)
