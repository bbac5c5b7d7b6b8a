"""What the Feedback page computes: pictures that add up, arms judged by rewards of their own time, a regret that is one."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagelight.store.loop import ArmPoint, RewardPoint
from stagelight.web.view_arms import ENOUGH, Arm, losses, regret
from stagelight.web.view_routers import POINTS, Steps, router_view
from stagelight.web.view_stacks import COLOURS, HEIGHT, OTHERS, stack

STEP = 10**9
counts = st.lists(st.lists(st.integers(0, 50), min_size=4, max_size=4), min_size=1, max_size=12)
heights = re.compile(r"M(\d+),([\d.]+)h1v([\d.]+)h-1z")


@given(counts)
def test_bars_of_shares_fill_each_step_in_which_anything_happened(rows: list[list[int]]) -> None:
    """The parts of a step are as high as the picture, stand one upon the other, and more than six are drawn as seven."""
    picture = stack({f"arm-{at}": row for at, row in enumerate(rows)}, shares=True)
    bars = [found for layer in picture.layers for found in heights.findall(layer.path)]

    for step in range(4):
        whole = [float(height) for at, _, height in bars if int(at) == step]
        happened = sum(row[step] for row in rows) > 0
        assert sum(whole) == pytest.approx(HEIGHT if happened else 0, abs=0.01 * len(whole))
        assert min([HEIGHT, *(float(top) for at, top, _ in bars if int(at) == step)]) == pytest.approx(
            0 if happened else HEIGHT, abs=0.01
        )
    assert len(picture.layers) <= COLOURS + 1
    assert sum(layer.total for layer in picture.layers) == sum(map(sum, rows))


def test_the_smallest_arms_of_many_are_drawn_as_one() -> None:
    """Six keep a colour of their own; the others share the seventh layer, and its grey."""
    picture = stack({f"arm-{at}": [at] for at in range(1, 10)})

    assert [layer.name for layer in picture.layers] == [*(f"arm-{at}" for at in range(4, 10)), OTHERS]
    assert picture.layers[-1].values == (6,)
    assert (picture.colour("arm-4"), picture.colour("arm-1")) == (1, 0)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.floats(0, 1)), min_size=1, max_size=6))
def test_regret_is_never_negative_and_one_arm_alone_has_none(arms: list[tuple[int, int, float]]) -> None:
    """Nobody can do worse than the best arm of the time by less than nothing."""
    made = [
        Arm(f"arm-{at}", (decided,), (rewards,), (rewards * mean,)) for at, (decided, rewards, mean) in enumerate(arms)
    ]

    assert all(lost >= 0 for lost in losses(made).values())
    assert regret(made[:1]) in (0, None)
    assert (regret(made) is None) == all(rewards == 0 for _, rewards, _ in arms)


def test_an_arm_is_judged_by_its_rewards_of_about_the_same_time() -> None:
    """Where a step has too few rewards those around it help; an arm that was good once is not good for ever."""
    faded = Arm("faded", (9, 9, 9, 9), (ENOUGH, 5, 5, ENOUGH), (float(ENOUGH), 5.0, 0.0, 0.0))
    steady = Arm("steady", (1, 1, 1, 1), (ENOUGH,) * 4, (ENOUGH / 2,) * 4)

    assert [faded.near(step) for step in range(4)] == pytest.approx([1.0, 25 / 30, 5 / 30, 0.0])
    assert losses([faded, steady]) == pytest.approx(
        {"faded": 9 * (0.5 - 5 / 30) + 9 * 0.5, "steady": 0.5 + 25 / 30 - 0.5}
    )


@given(st.integers(1, 10**6), st.integers(0, 600))
def test_steps_hold_all_that_happened_in_few_enough_of_them(begin: int, length: int) -> None:
    """From the first to the last moment, each within a step, `POINTS` of them at most."""
    found = [begin * STEP, (begin + length) * STEP]
    steps = Steps.around(found, STEP)

    assert steps.count <= POINTS
    assert steps.since_ns <= found[0]
    assert found[1] < steps.until_ns
    assert 0 <= steps.at(found[0]) <= steps.at(found[1]) < steps.count


def test_a_router_tells_its_latest_choices_and_its_story() -> None:
    """The share of late is that of the last hundred decisions; the words give each quarter its share."""
    steps = Steps(0, STEP, 4)
    shares = [ArmPoint(time_ns=at * STEP, arm="ab"[at > 1], decisions=60, share=1.0) for at in range(4)]
    rewards = [RewardPoint(time_ns=0, arm="a", rewards=2, mean=0.5)]
    view = router_view("r", [], steps, shares, rewards)

    assert [(row.arm.name, row.decisions, row.share) for row in view.arms] == [("a", 120, 0.0), ("b", 120, 1.0)]
    assert (
        view.story
        == "Shares of the arms of r in each quarter of this time: a 100 %, 100 %, 0 %, 0 %; b 0 %, 0 %, 100 %, 100 %"
    )
    assert view.lost == 0
    assert router_view("r", [], steps, [], []).lost is None


def test_of_very_many_arms_the_most_chosen_are_listed() -> None:
    """Names of arms come from programs: a table has room for thirty."""
    steps = Steps(0, STEP, 1)
    shares = [ArmPoint(time_ns=0, arm=f"arm-{at:02}", decisions=at, share=0.1) for at in range(1, 41)]
    view = router_view("r", [], steps, shares, [])

    assert [row.decisions for row in view.shown] == list(range(40, 10, -1))
    assert view.decisions == sum(range(41))
