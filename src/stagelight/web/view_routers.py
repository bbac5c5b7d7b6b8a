"""Model routers on the Feedback page: which arms they choose over time, what those earn, and what better choices would have."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from stagelight.web.view_arms import Arm, losses
from stagelight.web.view_stacks import Stack, stack

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stagelight.store.loop import ArmPoint, PolicyNote, RewardPoint

NS: Final = 1_000_000_000
POINTS: Final = 60  #: Steps of a chart.
OF_LATE: Final = 100  #: Decisions that say what a router does now.
QUARTERS: Final = 4
ARMS_SHOWN: Final = 30


@dataclass(frozen=True, slots=True)
class Steps:
    """The part of a window in which something happened, cut evenly; the rest would be empty paper."""

    since_ns: int
    step_ns: int
    count: int

    @classmethod
    def around(cls, found_ns: Iterable[int], fine_ns: int) -> Steps:
        """Cut the time that holds all of `found_ns`, which are beginnings of fine steps, into `POINTS` at most.

        >>> Steps.around([120, 360], 1)
        Steps(since_ns=120, step_ns=5, count=49)
        """
        times = sorted(found_ns)
        fine = (times[-1] - times[0]) // fine_ns + 1
        each = -(-fine // POINTS)
        return cls(times[0], each * fine_ns, -(-fine // each))

    @property
    def until_ns(self) -> int:
        """Where the last step ends."""
        return self.since_ns + self.count * self.step_ns

    def at(self, time_ns: int) -> int:
        """The step that a moment is in."""
        return min(max(0, (time_ns - self.since_ns) // self.step_ns), self.count - 1)

    def course(self, *rows: Iterable[float | None]) -> str:
        """Return what a small chart is drawn from: JSON `[[seconds…], [values…], …]`, a list for each line."""
        times = [round((self.since_ns + at * self.step_ns) / NS, 3) for at in range(self.count)]
        return json.dumps([times, *([None if value is None else round(value, 4) for value in row] for row in rows)])


@dataclass(frozen=True, slots=True)
class ArmRow:
    """A line of the table of arms."""

    arm: Arm
    colour: int  #: In the picture.
    share: float  #: Of the latest decisions.
    lost: float  #: Rewards that the best arm of the time would have earned more.
    course: str  #: Its mean reward over time, for a small chart.

    @property
    def decisions(self) -> int:
        """How often it was chosen."""
        return sum(self.arm.decisions)


@dataclass(frozen=True, slots=True)
class RouterView:
    """One router over the window."""

    name: str
    policies: tuple[PolicyNote, ...]  #: One for each tenant and workspace in which it learns.
    steps: Steps
    picture: Stack
    arms: tuple[ArmRow, ...]

    @property
    def decisions(self) -> int:
        """How often it chose."""
        return sum(row.decisions for row in self.arms)

    @property
    def shown(self) -> list[ArmRow]:
        """The arms in the table; of very many those that were chosen most."""
        if len(self.arms) <= ARMS_SHOWN:
            return list(self.arms)
        return sorted(self.arms, key=lambda row: -row.decisions)[:ARMS_SHOWN]

    @property
    def lost(self) -> float | None:
        """The estimated regret, in rewards; None before any reward came."""
        known = [row.lost for row in self.arms if row.arm.mean is not None]
        return sum(known) if known else None

    @property
    def story(self) -> str:
        """The picture in words, for those who cannot see it: the share of each arm in each quarter of the time."""
        totals = _quarters([sum(column) for column in zip(*(one.values for one in self.picture.layers), strict=True)])
        parts = [
            f"{layer.name} {', '.join(_percent(part, whole) for part, whole in zip(_quarters(layer.values), totals, strict=True))}"
            for layer in self.picture.layers
        ]
        return f"Shares of the arms of {self.name} in each quarter of this time: {'; '.join(parts)}"


def router_view(
    name: str, notes: Iterable[PolicyNote], steps: Steps, shares: Iterable[ArmPoint], rewards: Iterable[RewardPoint]
) -> RouterView:
    """Return what there is to see of the router called `name`."""
    arms = _arms(steps, shares, rewards)
    picture = stack({arm.name: arm.decisions for arm in arms}, shares=True)
    lost, recent = losses(arms), _of_late(arms)
    rows = tuple(
        ArmRow(
            arm=arm,
            colour=picture.colour(arm.name),
            share=recent.get(arm.name, 0.0),
            lost=lost[arm.name],
            course=steps.course(
                earned / count if count else None for earned, count in zip(arm.earned, arm.rewards, strict=True)
            ),
        )
        for arm in arms
    )
    return RouterView(name, tuple(note for note in notes if note.router == name), steps, picture, rows)


def _arms(steps: Steps, shares: Iterable[ArmPoint], rewards: Iterable[RewardPoint]) -> list[Arm]:
    """Return the arms by name, each with its decisions and rewards by step."""
    decided: dict[str, list[int]] = {}
    counts: dict[str, list[int]] = {}
    earned: dict[str, list[float]] = {}
    for share in shares:
        decided.setdefault(share.arm, [0] * steps.count)[steps.at(share.time_ns)] += share.decisions
    for point in rewards:
        counts.setdefault(point.arm, [0] * steps.count)[steps.at(point.time_ns)] += point.rewards
        earned.setdefault(point.arm, [0.0] * steps.count)[steps.at(point.time_ns)] += point.rewards * point.mean
    none = [0] * steps.count
    return [
        Arm(name, tuple(decided.get(name, none)), tuple(counts.get(name, none)), tuple(earned.get(name, none)))
        for name in sorted(decided.keys() | counts.keys())
    ]


def _of_late(arms: Sequence[Arm]) -> dict[str, float]:
    """Return the share of each arm among the latest decisions, `OF_LATE` of them or a few more."""
    steps = len(arms[0].decisions) if arms else 0
    for first in reversed(range(steps)):
        counts = {arm.name: sum(arm.decisions[first:]) for arm in arms}
        total = sum(counts.values())
        if total >= OF_LATE or first == 0:
            return {name: count / total for name, count in counts.items()} if total else {}
    return {}


def _quarters(values: Sequence[float]) -> list[float]:
    ends = [round(len(values) * part / QUARTERS) for part in range(QUARTERS + 1)]
    return [sum(values[begin:end]) for begin, end in pairwise(ends)]


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "–"
