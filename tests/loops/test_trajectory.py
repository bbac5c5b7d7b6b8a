"""What a trace's spans tell of a trajectory, and the table by which it is scored."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagelight import config
from stagelight.loops.trajectory import OUTCOMES, SCORING, Routed, reward, score, spent, trajectory_of
from stored import MS, trace

if TYPE_CHECKING:
    from stagelight.wire.records import SpanRecord

SETTINGS = config.load(
    environ={},
    trajectory_latency_budget_seconds=1.0,
    trajectory_token_budget=100.0,
    trajectory_cost_budget=0.5,
)
ROUTED = {"feature_flag.key": "default", "stagelight.decision_id": "d1"}


def spans(*, seconds: float = 0.5, **fields: object) -> list[SpanRecord]:
    """A root of `seconds` with two stages, in the first of which a router decided."""
    root, first, second = trace(1, spans=3)
    first = replace(first, attributes=ROUTED)
    return [replace(root, end_ns=root.start_ns + int(seconds * 1000) * MS, **fields), first, second]


def scored(found: list[SpanRecord]) -> dict[str, float]:
    """The parts of the score of a trace."""
    trajectory = trajectory_of(found)
    assert trajectory is not None
    return score(trajectory, SETTINGS)


def test_a_trajectory_tells_what_happened_and_who_decided():
    """Duration of the root, stages, failures, tokens, cost and decisions are read off the spans."""
    used = {"gen_ai.usage.input_tokens": 30, "gen_ai.usage.output_tokens": 12, "gen_ai.usage.cost": 0.25}
    root, first, second = spans()
    found = trajectory_of([root, first, replace(second, attributes=used, status="error")])

    assert found is not None
    assert (found.seconds, found.stages, found.failed_stages, found.failed) == (0.5, 3, 1, False)
    assert (found.tokens, found.cost, found.outcome) == (42, 0.25, None)
    assert found.decisions == (Routed("default", "d1"),)


@pytest.mark.parametrize("kept", [slice(1, None), slice(0, 1)])
def test_without_its_root_or_without_a_decision_there_is_no_trajectory(kept):
    """A trace whose root has not ended is not finished; one in which no router decided teaches nobody."""
    assert trajectory_of(spans()[kept]) is None


def test_feedback_in_the_trace_is_no_part_of_the_work():
    """A span that says what somebody said later neither lengthens nor fails the trajectory."""
    root, first, second = spans()
    said = replace(second, attributes={"stagelight.feedback.id": "f1"}, status="error", end_ns=second.end_ns + 10**12)

    found = trajectory_of([root, first, second, said])

    assert found is not None
    assert (found.stages, found.failed_stages, found.seconds) == (3, 0, 0.5)


def test_a_trajectory_in_order_scores_1():
    """All stages well and within the budgets is 1; what it says nothing of counts neither way."""
    parts = scored(spans())

    assert parts == {"errors": 1.0, "latency": 1.0}
    assert reward(parts) == 1.0


def test_a_failed_root_scores_0_for_errors_and_a_failed_stage_its_share():
    """One failed stage of three leaves two thirds; a failed root leaves nothing."""
    root, first, second = spans()

    assert scored([root, first, replace(second, status="error")])["errors"] == pytest.approx(2 / 3)
    assert scored([replace(root, status="error"), first, second])["errors"] == 0.0


def test_latency_and_tokens_and_cost_score_by_their_budgets():
    """Within the budget 1, at twice the budget 0.5, from three times it 0."""
    root, first, second = spans(seconds=2.0)
    used = {"gen_ai.usage.input_tokens": 200, "gen_ai.usage.cost": 2.0}

    parts = scored([root, first, replace(second, attributes=used)])

    assert (parts["latency"], parts["tokens"], parts["cost"]) == (0.5, 0.5, 0.0)


@pytest.mark.parametrize(
    ("said", "value"), [*OUTCOMES.items(), (0.25, 0.25), ("ACCEPTED", 1.0), (7, None), ("maybe", None), (True, None)]
)
@pytest.mark.parametrize("name", ["stagelight.trajectory.outcome", "final_decision"])
def test_an_outcome_that_is_said_outright_counts_most(name, said, value):
    """A word of the table or a number from 0 to 1 is the outcome; anything else says nothing."""
    parts = scored(spans(attributes={name: said}))

    assert parts.get("outcome") == value


def test_the_roots_outcome_comes_before_a_stages():
    """Where both say something, the whole is judged by what the whole said."""
    root, first, second = spans(attributes={"final_decision": "rejected"})

    assert scored([root, first, replace(second, attributes={"final_decision": "accepted"})])["outcome"] == 0.0


@given(st.dictionaries(st.sampled_from([part.name for part in SCORING] + ["own"]), st.floats(0, 1)))
def test_a_reward_lies_between_the_least_and_the_best_part(parts):
    """The reward is a mean of the parts; of no part there is none, which is not 0."""
    found = reward(parts)

    if not parts:
        assert found is None
    else:
        assert min(parts.values()) - 1e-9 <= found <= max(parts.values()) + 1e-9


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(0.1, 1e3))
def test_spending_more_never_scores_better(less, more, budget):
    """The score of what was spent falls from 1 to 0 and never rises."""
    less, more = sorted((less, more))

    assert 1 >= spent(less, budget) >= spent(more, budget) >= 0
