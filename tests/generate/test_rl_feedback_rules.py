"""The feedback loop's six alerts at the edges of what they watch: series that are young, absent, doubled or interrupted."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from stagelight import catalogue

if TYPE_CHECKING:
    from collections.abc import Callable

    Fires = Callable[..., None]

CONTRACT = {  # name: (what the expression says, for, severity), as the table of the contract has them
    "RLFeedbackProcessingFailures": ("rl_feedback_failed_total[15m])) > 0", "0s", "page"),
    "RLFeedbackQueueDepthHigh": ("(rl_feedback_queue_depth) > 25", "15m", "ticket"),
    "RLFeedbackQueueDepthCritical": ("(rl_feedback_queue_depth) > 100", "10m", "page"),
    "RLFeedbackProcessingStalled": ("[30m:]) > 0", "0s", "page"),
    "RLFeedbackProcessingRateDropped": ("<= 0.5 *", "0s", "ticket"),
    "RLFeedbackSuccessRateLow": ("< 0.95", "0s", "ticket"),
}
PROMISES = {"RLFeedbackSuccess": 0.99, "RLFeedbackQueueShort": 0.95, "RLFeedbackBatchPromptness": 0.99}


def test_the_alerts_are_the_contract_s() -> None:
    """Names, conditions, `for` and severity; and what is promised of successes, minutes and batches."""
    for name, (says, for_, severity) in CONTRACT.items():
        alert = catalogue.ALERTS[name]
        assert says in alert.promql, name
        assert (alert.for_, alert.severity) == (for_, severity), name
    assert {name: catalogue.SLOS[name].objective for name in PROMISES} == PROMISES
    assert "< bool 10" in catalogue.SLOS["RLFeedbackQueueShort"].good
    assert 'le=~"5000' in catalogue.SLOS["RLFeedbackBatchPromptness"].good


def series(name: str, values: str, tenant: str = "acme", **more: str) -> dict[str, str]:
    labels = ",".join(f'{key}="{value}"' for key, value in {"tenant": tenant, "workspace": "main", **more}.items())
    return {"series": f"{name}{{{labels}}}", "values": values}


def depth(values: str, **labels: str) -> dict[str, str]:
    return series("rl_feedback_queue_depth", values, **labels)


def processed(values: str, **labels: str) -> dict[str, str]:
    return series("rl_feedback_processed_total", values, **labels)


def failed(values: str, **labels: str) -> dict[str, str]:
    return series("rl_feedback_failed_total", values, **labels)


def emitted(values: str, **labels: str) -> dict[str, str]:
    return series("trajectory_feedback_emissions_total", values, **labels)


@pytest.fixture
def fires(course: Callable[..., None]) -> Fires:
    """As `course`, for the tenant whose series these are."""
    return partial(course, labels={"tenant": "acme", "workspace": "main"})


STALLED = "RLFeedbackProcessingStalled"


def test_a_loop_that_never_processed_anything_is_stalled(fires: Fires) -> None:
    """No processed series at all: after half an hour of waiting rewards it fires, and not a minute before."""
    fires(STALLED, depth("5x60"), silent=range(30), at=range(30, 60))


def test_a_young_loop_is_not_stalled(fires: Fires) -> None:
    """Its processed series is there, at 0, for some minutes; half an hour has not passed, so nobody can have waited so long."""
    fires(STALLED, depth("3x29"), processed("0x29"), silent=range(30))


def test_a_reward_after_a_quiet_night_stalls_nothing(fires: Fires) -> None:
    """Nothing came for two hours and so nothing was processed; what comes now has not waited half an hour."""
    fires(STALLED, depth("0x120 1x4 0x30"), processed("40x125 41x30"), silent=range(115, 150))


def test_a_process_that_dies_again_and_again_is_stalled_all_along(fires: Fires) -> None:
    """Series that end and begin anew every three minutes do not make the page come and go."""
    fires(STALLED, depth("5 5 stale " * 25), at=range(33, 70))


def test_what_an_older_process_left_behind_is_no_stall_of_the_next(fires: Fires) -> None:
    """Its queue was purged before it was replaced; what the new one sees has waited for a minute."""
    old, new = {"instance": "a"}, {"instance": "b"}
    fires(
        STALLED,
        depth("5x40 0x5 stale", **old), depth("_x46 3x2", **new),
        processed("7x45 stale", **old), processed("_x46 0x2", **new),
        at=(39,), silent=range(41, 49),
    )  # fmt: skip


def test_one_tenant_s_stall_is_told_of_that_tenant_alone(fires: Fires) -> None:
    """Another tenant of the same loop is learned from, and a third has nothing to learn from."""
    fires(
        STALLED,
        depth("5x60"), processed("7x60"),
        depth("5x60", tenant="busy"), processed("0+5x60", tenant="busy"),
        depth("0x60", tenant="idle"), processed("9x60", tenant="idle"),
        at=(40, 59),
    )  # fmt: skip


DROPPED = "RLFeedbackProcessingRateDropped"
FALLEN = "0+60x90 5400+20x40"  #: Sixty a minute for an hour and a half, then twenty.


def test_an_absent_emissions_series_silences_no_drop(fires: Fires) -> None:
    """Nobody counts emissions, or whoever did is gone: that says nothing about how many come."""
    fires(DROPPED, processed(FALLEN), at=range(108, 125), silent=range(90))
    fires(DROPPED, processed(FALLEN), emitted("0+60x89 stale"), at=range(108, 125))


def test_emissions_that_fell_likewise_silence_a_drop_and_those_that_fell_a_little_do_not(fires: Fires) -> None:
    """A third of the rewards come: a third is processed. Three quarters come: something is wrong."""
    fires(DROPPED, processed(FALLEN), emitted(FALLEN), silent=range(130))
    fires(DROPPED, processed("0+60x90 5400+15x40"), emitted(FALLEN), silent=range(108, 130))
    fires(DROPPED, processed(FALLEN), emitted("0+60x90 5400+45x40"), at=range(108, 125))


def test_a_young_series_has_not_dropped(fires: Fires) -> None:
    """A burst at the start, in which a backlog is worked off, is no pace to be compared with for its first half hour."""
    fires(DROPPED, processed("0+50x3 150+5x30"), silent=range(33))
    fires(DROPPED, processed("_x60 0+50x3 150+5x30"), emitted("_x60 0+5x33"), silent=range(93))


def test_after_a_backlog_was_worked_off_nothing_has_dropped(fires: Fires) -> None:
    """The loop stood for three hours, then caught up, and is back at the pace at which rewards come."""
    caught_up = processed("0+20x60 1200x180 1200+1800x2 4820+20x90")
    fires(DROPPED, caught_up, emitted("0+20x335"), silent=range(245, 335), at=(75, 85))


def test_a_night_that_comes_to_rewards_first_is_no_drop(fires: Fires) -> None:
    """Nearly nothing comes any more, and what is processed follows a minute later; at no moment is that taken for a drop."""
    fires(
        DROPPED, processed("0+60x91 5460+1x100"), emitted("0+60x90 5400+1x101"), silent=range(190),
    )  # fmt: skip
    fires(DROPPED, processed("0+60x91 5460x100"), emitted("0+60x90 5400x101"), silent=range(190))


def test_a_processed_series_that_ends_while_rewards_come_has_dropped(fires: Fires) -> None:
    """The worker is gone with its counter, the evaluators emit as before."""
    fires(DROPPED, processed("0+60x90 stale"), emitted("0+60x130"), at=range(100, 130))


FAILURES = "RLFeedbackProcessingFailures"


def test_a_failure_that_brings_its_counter_into_being_is_told(fires: Fires) -> None:
    """A tenant's first reward fails: the counter is first seen at 1 and never grows. It resolves when 15 minutes are over."""
    fires(FAILURES, processed("0+5x60", tenant="other"), failed("_x30 1x30"), at=range(31, 45), silent=(29, 50, 59))


def test_a_failure_in_a_new_process_is_told_though_an_older_one_failed_long_ago(fires: Fires) -> None:
    """A counter for each process: the new one's begins at 1 beside one that has stood at 9 for hours."""
    fires(
        FAILURES,
        processed("0+5x60"), failed("9x60", instance="a"), failed("_x30 1x30", instance="b"),
        at=range(31, 45), silent=(20, 50),
    )  # fmt: skip


def test_old_failures_that_prometheus_sees_for_the_first_time_wake_nobody(fires: Fires) -> None:
    """Prometheus is new, or has lost its data: a counter that stands at 9 may stand there since last week."""
    fires(FAILURES, processed("300+5x60"), failed("9x60"), silent=range(60))


DEEP = "RLFeedbackQueueDepthHigh"


def test_a_burst_of_fourteen_minutes_is_no_deep_queue(fires: Fires) -> None:
    """Above 25 for less than 15 minutes, once and again."""
    fires(DEEP, depth("0x5 40x13 25 40x13 0x9"), silent=range(45))


def test_two_processes_that_show_one_queue_do_not_double_it(fires: Fires) -> None:
    """Each of them reads the same 20 from the store."""
    fires(DEEP, depth("20x60", instance="a"), depth("20x60", instance="b"), silent=range(60))


LOW = "RLFeedbackSuccessRateLow"


def test_an_hour_without_rewards_is_no_low_rate(fires: Fires) -> None:
    """Nothing of nothing is no share."""
    fires(LOW, processed("40x90"), failed("3x90"), silent=range(90))


@pytest.mark.parametrize(
    ("good", "bad", "minutes"),
    [(96, 4, {"silent": range(90)}), (94, 6, {"at": range(65, 90, 5)}), (0, 1, {"at": range(65, 90, 5)})],
)
def test_the_share_is_of_all_that_were_tried(fires: Fires, good: int, bad: int, minutes: dict[str, range]) -> None:
    """96 of 100 are enough, 94 are not, and none at all is the lowest."""
    fires(LOW, processed(f"0+{good}x90"), failed(f"0+{bad}x90"), **minutes)
