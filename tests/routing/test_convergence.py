"""The convergence of a router: how its decisions are spread, and whether that still moves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from stagelight.routing.convergence import convergence


def test_one_arm_alone_is_convergence():
    """A router that always chooses the same of four arms has a score of 1 and does not move."""
    found = convergence(["a"] * 50, arms=4)

    assert (found.decisions, found.best, found.share, found.score, found.moved) == (50, "a", 1.0, 1.0, 0.0)


def test_the_best_arm_is_the_one_chosen_most_often():
    """Its share is that of all decisions in the window; of arms chosen alike, the first by name."""
    most, alike = convergence(["a"] * 3 + ["b"] * 7, arms=2), convergence(["b", "a"], arms=2)

    assert (most.best, most.share) == ("b", 0.7)
    assert alike.best == "a"


def test_all_arms_alike_is_none():
    """A router that has no preference has a score of 0."""
    found = convergence(["a", "b", "c", "d"] * 50, arms=4)

    assert (found.share, found.moved) == (0.25, 0.0)
    assert found.score == pytest.approx(0)


def test_arms_that_are_never_chosen_count():
    """Two of four arms shared evenly: half of what there was to decide is decided."""
    assert convergence(["a", "b"] * 50, arms=4).score == pytest.approx(0.5)


def test_only_the_last_window_counts():
    """What a router did long ago says nothing about today."""
    found = convergence(["a"] * 5000 + ["b"] * 1000, arms=2)

    assert (found.decisions, found.best, found.share, found.moved) == (1000, "b", 1.0, 0.0)


def test_a_change_of_mind_shows_as_movement():
    """When the newer half goes all to another arm, everything has moved."""
    found = convergence(["a"] * 500 + ["b"] * 500, arms=2)

    assert (found.moved, found.share) == (1.0, 0.5)


@pytest.mark.parametrize(("chosen", "window"), [([], 1000), (["a"], 0)])
def test_without_decisions_there_is_nothing_to_say(chosen, window):
    """No decisions: no best arm, and a score of 0."""
    found = convergence(chosen, arms=3, window=window)

    assert (found.decisions, found.best, found.score) == (0, "", 0.0)


def test_a_single_arm_leaves_nothing_to_decide():
    """With one arm the router has converged from the start, after the first decision too."""
    found = convergence(["a"], arms=1)

    assert (found.score, found.moved) == (1.0, 0.0)


@given(chosen=st.lists(st.sampled_from("abcde"), min_size=1, max_size=200))
def test_the_score_is_one_minus_the_relative_entropy(chosen):
    """The score agrees with scipy's entropy, and both score and movement stay between 0 and 1."""
    found = convergence(chosen, arms=5)

    counts = np.unique(chosen, return_counts=True)[1]
    assert found.score == pytest.approx(1 - stats.entropy(counts) / np.log(5), abs=1e-9)
    assert 0 <= found.score <= 1
    assert 0 <= found.moved <= 1
