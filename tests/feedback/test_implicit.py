"""What users do, without being asked."""

from __future__ import annotations

import threading

import pytest

from stagelight import _clock, sink
from stagelight.feedback import Detector, Implied, Watch
from stagelight.feedback.implicit import likeness, words
from stagelight.sink.codec import id_of
from stagelight.sink.rows import Receipt
from stagelight.stages import context, trace, trace_stage
from stagelight.testing import SteppingClock, in_memory

QUESTION = "what can I cook with leeks"


@pytest.fixture
def answered():
    """A session whose question was answered at second 10."""
    seen = Detector()
    seen.answered("s", "t1", QUESTION, offered=["soup", "quiche"], at=10.0)
    return seen


@pytest.mark.parametrize(
    ("query", "at", "found"),
    [
        (QUESTION, 11.0, Implied("t1", "requery", 1.0)),
        ("What else can I cook with leeks?!", 70.0, Implied("t1", "requery", 60.0)),
        (QUESTION, 70.1, None),
        (QUESTION, 9.0, None),
        ("how is the weather", 11.0, None),
        ("", 11.0, None),
    ],
)
def test_the_same_question_soon_after_its_answer_is_a_requery(answered, query, at, found):
    """Soon is a minute, the same is half of the words."""
    assert answered.asked("s", query, at=at) == found


def test_another_session_says_nothing_of_this_one(answered):
    """Two users may ask the same."""
    assert answered.asked("other", QUESTION, at=11.0) is None
    assert answered.chose("other", "soup") is None


def test_an_answer_is_complained_of_once(answered):
    """Asked a third time, it is the second answer that did not help."""
    assert answered.asked("s", QUESTION, at=11.0) is not None
    assert answered.asked("s", QUESTION, at=12.0) is None
    answered.answered("s", "t2", QUESTION, at=13.0)
    assert answered.asked("s", QUESTION, at=14.0) == Implied("t2", "requery", 1.0)


def test_taking_what_was_recommended_is_an_accept_with_its_place(answered):
    """The first is 1; what was not recommended, or was taken already, says nothing."""
    assert answered.chose("s", "bread") is None
    assert answered.chose("s", "quiche") == Implied("t1", "accept", 2.0)
    assert answered.chose("s", "quiche") is None
    assert answered.asked("s", QUESTION, at=11.0) is None


def test_what_was_silent_longest_is_forgotten():
    """Ten thousand sessions are remembered, or as many as told."""
    seen = Detector(sessions=2)
    for session in ("a", "b", "a", "c"):
        seen.answered(session, session, QUESTION, at=0.0)

    assert [seen.asked(s, QUESTION, at=1.0) is not None for s in ("a", "b", "c")] == [True, False, True]


def test_likeness():
    """Case and punctuation do not matter; nothing is like nothing."""
    assert likeness(words("Vegan soup!"), words("vegan SOUP")) == 1.0
    assert likeness(words("vegan soup"), words("vegan stew")) == pytest.approx(1 / 3)
    assert likeness(words(""), words("?")) == 0.0


def test_threads_share_a_detector():
    """Each answer is complained of once, however many ask at once."""
    seen = Detector()
    seen.answered("s", "t", QUESTION, at=0.0)
    found: list[Implied | None] = []
    threads = [threading.Thread(target=lambda: found.append(seen.asked("s", QUESTION, at=1.0))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(one is not None for one in found) == 1


class Kept:
    def __init__(self):
        self.rows = []

    def write(self, rows):
        self.rows += rows
        return [Receipt("stored", id_of(row)) for row in rows]


def test_a_watched_application_gets_implicit_feedback_by_itself():
    """Asked again soon: a requery of the first trace; the second answer's recommendation is taken: an accept of it."""
    clock, kept, watch = SteppingClock(), Kept(), Watch()
    with _clock.replaced(clock=clock), sink.using(kept), in_memory(), context(session="s", tenant="acme"):
        assert watch.asked(QUESTION) is None
        with trace("answer") as first:
            watch.answered(QUESTION)
        clock.advance(seconds=20)
        with trace_stage("request"):
            assert watch.asked(QUESTION).accepted
        with trace("answer") as second:
            watch.answered(QUESTION, offered=["soup", "quiche"])
        assert watch.chose("quiche").accepted

    requery, accept = kept.rows
    assert (requery.trace_id, requery.signal, requery.value, requery.kind) == (
        first.trace_id,
        "requery",
        20.0,
        "implicit",
    )
    assert (accept.trace_id, accept.signal, accept.value, accept.tenant) == (second.trace_id, "accept", 2.0, "acme")
    assert (requery.reward, accept.reward) == (0.25, 1.0)


def test_without_a_session_or_a_trace_nothing_is_watched():
    """Two visitors without a session are not one."""
    watch = Watch()
    watch.answered(QUESTION, session="s")
    assert watch.asked(QUESTION, session="s") is None
    watch.answered(QUESTION, trace_id="0af7651916cd43dd8448eb211c80319c")
    assert watch.asked(QUESTION) is None
    assert watch.chose("soup") is None


def test_watching_never_raises():
    """Whatever an application says."""
    watch = Watch()
    watch.answered(object(), trace_id="t", offered=5, session="s")
    assert watch.asked(object(), session="s") is None
    assert watch.chose([], session="s") is None
