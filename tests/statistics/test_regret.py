"""What policies miss while they learn, over 10,000 decisions, seeded: each figure is printed and held to its goal."""

from __future__ import annotations

import functools
import json
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.regret.__main__ import line  # noqa: E402
from benchmarks.regret.cases import DISCOUNTED, GOALS, KNOWN, SEED, THOMPSON, Case, played, quick  # noqa: E402
from benchmarks.regret.intervals import interval  # noqa: E402
from benchmarks.regret.play import drawn, regret  # noqa: E402
from benchmarks.regret.worlds import DIMENSION, LADDER, World, contextual, lucky, redrawn, stages  # noqa: E402

from stagelight.routing.policies import Lesson, make_policy  # noqa: E402  the repository's root has to be on the path first
from stagelight.routing.policies.kinds import rule_of  # noqa: E402

PEERS = json.loads((ROOT / "benchmarks" / "regret" / "peers.json").read_text(encoding="utf-8"))
ARMS = ("a", "b", "c", "d")


@functools.cache
def found(key):
    """Play a case, once for all tests, and print what came of it."""
    case = next(case for case in (*GOALS, *KNOWN) if case.key == key)
    result = played(case)
    print(
        f"\n{case.what}: {case.ours.kind} {shown(result.ours)}, {case.other.kind} {shown(result.other)}, "
        f"ratio {shown(result.ratio)}; {case.runs} runs, seed {SEED}",
        end="",
    )
    return result


def shown(figures):
    return "{:.3g} ({:.3g} to {:.3g})".format(*figures)


def test_thompson_misses_no_more_than_other_libraries():
    """Where nothing changes Thompson sampling misses at most 1.2 times what river's and mabwiser's miss, on the same rewards."""
    world = stages(LADDER, runs=PEERS["runs"])
    ours = interval(regret(THOMPSON, world, PEERS["seed"]))
    theirs = {name: entry["regret"] for name, entry in PEERS["policies"].items() if "Thompson" in name}
    print(f"\nthompson {shown(ours)}, {theirs}; {world.runs} runs, seed {PEERS['seed']}", end="")

    assert PEERS["means"] == list(LADDER)
    assert PEERS["steps"] == world.steps
    assert len(theirs) == 2
    assert ours[0] <= 1.2 * min(theirs.values())


@pytest.mark.parametrize("key", [case.key for case in GOALS])
def test_policies_that_fade_follow_a_world_that_changes(key):
    """In each world the discounted policy misses at most its goal's share of what the other one misses."""
    result = found(key)

    assert result.case.runs >= 50
    assert result.ratio[0] <= result.case.goal


def test_a_missing_reward_is_not_a_zero():
    """Taking rewards that never came for zeros makes Thompson sampling miss ten times as much and more."""
    assert found("missing").ratio[0] < 0.1


def test_rewards_that_come_late_still_teach():
    """With every reward 500 decisions late, the default misses less than half of what plain Thompson sampling does."""
    assert found("late").ratio[0] < 0.5


def test_the_default_does_not_always_win():
    """Where the best arm collapses and the others are alike, discounted Thompson misses about 1.1 times what UCB1 does."""
    assert 1.0 < found("collapse").ratio[0] < 1.3


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=case.key, marks=[pytest.mark.long] * (case.key != "stationary")) for case in GOALS],
)
def test_goals_hold_under_the_floor(case):
    """As routers have it, with every share lifted to 1.25 % and counted over 128 draws, each goal holds too."""
    result = played(quick(case, runs=50), floor=0.05)
    print(f"\n{case.what}, floor 5 %: {shown(result.ours)}, {shown(result.other)}, ratio {shown(result.ratio)}", end="")

    assert result.ratio[0] <= case.goal


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("thompson", {}),
        ("discounted_thompson", {"memory": 100}),
        ("ucb1", {}),
        ("epsilon_greedy", {}),
        ("linucb", {"dimension": DIMENSION}),
        ("discounted_linucb", {"dimension": DIMENSION, "memory": 100}),
    ],
)
def test_what_is_simulated_is_what_is_shipped(kind, parameters):
    """Over 400 decisions in a world that changes, the simulation and the policy of a router choose the same, arm by arm."""
    steps, world = 400, small(kind)
    luck = lucky(SEED, steps, 1)
    rng = np.random.default_rng([SEED, 1])
    policy = make_policy(kind, ARMS, **parameters)
    missed = 0.0
    for step in range(steps):
        context = tuple(world.contexts[step, 0].tolist())
        hot = drawn(policy.shares(ARMS, context, rng=rng)[None], luck[0, step])
        arm, means = int(hot.argmax()), world.means[step, 0]
        policy.learn([Lesson(ARMS[arm], float(luck[1, step, 0] < means[arm]), context)])
        missed += means.max() - means[arm]

    assert missed > 0
    assert regret(rule_of(kind, parameters), world, SEED, floor=0.05)[0] == pytest.approx(missed, abs=1e-9)


def small(kind):
    """Return a short world with one run, with contexts for those that look at them."""
    rng = np.random.default_rng(11)
    if "linucb" in kind:
        return contextual(rng, changes=True, steps=400, runs=1)
    return redrawn(rng, steps=400, runs=1)


def test_one_draw_chooses_by_the_same_law_as_128():
    """Choosing by shares counted over draws is choosing by one of the draws: over 4,000 runs both choose alike."""
    numbers = {
        "successes": np.tile([9.0, 7.0, 3.0, 1.0], (4000, 1)),
        "failures": np.tile([5.0, 4.0, 3.0, 2.0], (4000, 1)),
    }
    one, many = (make_rule(draws).shares(numbers, np.zeros((4000, 0)), np.random.default_rng(4)) for draws in (1, 128))

    spread = np.sqrt(many.mean(0) * (1 - many.mean(0)) / 4000)
    assert (abs(one.mean(0) - many.mean(0)) < 4 * spread).all()


def make_rule(draws):
    return rule_of("thompson", {"draws": draws})


@pytest.mark.parametrize(("goal", "met"), [(100.0, True), (0.0, False), (None, None)])
def test_the_report_prints_a_line_for_each_case(capsys, goal, met):
    """`python -m benchmarks.regret` says of each case what both miss, the ratio, the goal, and the same with the floor."""
    case = Case(
        "short",
        "a short world",
        lambda rng, runs: redrawn(rng, steps=60, runs=runs),
        DISCOUNTED,
        THOMPSON,
        goal,
        runs=3,
    )

    assert line(case) is met

    printed = capsys.readouterr().out
    assert "a short world" in printed
    assert "discounted_thompson, thompson" in printed
    assert ("yes" in printed, "NO" in printed) == (met is True, met is False)


def test_a_world_knows_its_size():
    """The stages of a world are equally long, and rewards may go missing arm by arm."""
    world = stages((0.1, 0.9), (0.9, 0.1), steps=11, runs=3, told=(1.0, 0.5))

    assert isinstance(world, World)
    assert (world.steps, world.runs, world.told) == (11, 3, (1.0, 0.5))
    assert world.means[:, 0, 0].tolist() == [0.1] * 6 + [0.9] * 5
