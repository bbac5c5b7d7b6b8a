"""The scheduled tasks that watch routers: what they have learned from feedback, and how their experiments stand.

They change nothing and tell nobody; each shows its figures as metrics and answers with them, as the tasks of `loops.tasks` do.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final, NamedTuple, get_args

from stagelight import _clock
from stagelight.catalogue.rl_feedback import EXPERIMENT_STATE, ROUTER_MEAN_REWARD, ROUTER_REWARDS_LEARNED
from stagelight.loops.holding import on_store_alone, settings_in_force
from stagelight.routing.measures import measures
from stagelight.routing.standing import State, Tally, standing
from stagelight.telemetry.instruments import gauge

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stagelight.catalogue import Metric
    from stagelight.store import Store
    from stagelight.store.loop import RewardPoint

    Done = dict[str, Any]
    Owner = tuple[str, str, str]

LEARNING: Final = "watch-feedback-learning"
EXPERIMENTS: Final = "watch-experiments"
SECOND: Final = 1_000_000_000
LEARNED_NS: Final = 3_600 * SECOND  #: How far back what was learned is told.
STANDING_NS: Final = 24 * 3_600 * SECOND  #: What an experiment is judged by; it is compared with as much before that.
LOOKS: Final = 3  #: After so many that did not come, what the last one showed is shown no more.
LEAST_MINUTES: Final = 5.0
ARMS: Final = 2  #: From as many to choose from a router is an experiment.


def watch_feedback_learning() -> Done:
    """Show how much each router has learned of the rewards that the last hour brought, and how good they were.

    Returns:
        `status`; `routers`: for each that learns, `learned`, `mean_reward`, the policy's `version`, and its `arms`.
    """
    return on_store_alone(LEARNING, _learned)


def watch_experiments() -> Done:
    """Show how each running experiment stands: whether it is decided which arm is the best one, and whether that is news.

    A router that has two arms or more to choose from, and has decided or learned something within a day, is one.

    Returns:
        `status`; `experiments`: for each, `state`, its `best` arm with the `probability` that it is, and that arm's `share`
        of the decisions.
    """
    return on_store_alone(EXPERIMENTS, _stood)


class Shown:
    """The series that one watcher shows: those that its last look did not find are gone, and all once nobody looks."""

    def __init__(self, row: Metric) -> None:
        """Show nothing of `row` yet."""
        self._row = row
        self._series: set[tuple[str, ...]] = set()
        self._until_ns = 0
        self._lock = threading.Lock()

    def replace(self, figures: Mapping[tuple[str, ...], float]) -> None:
        """Show `figures`, by the values of the row's labels, and nothing else."""
        minutes = settings_in_force().watch_interval or LEAST_MINUTES
        gauge(self._row).refreshed_by(self._expire)
        with self._lock:
            self._forget(self._series - figures.keys())
            for series, value in figures.items():
                self._handle(series).set(value)
            self._series = set(figures)
            self._until_ns = _clock.monotonic_ns() + round(LOOKS * minutes * 60 * SECOND)

    def _expire(self) -> None:
        """Show nothing more where another worker looks now, or none: what was true then would be shown for ever."""
        with self._lock:
            if self._series and _clock.monotonic_ns() > self._until_ns:
                self._forget(self._series)
                self._series = set()

    def _forget(self, gone: Iterable[tuple[str, ...]]) -> None:
        for series in gone:
            self._handle(series).remove()

    def _handle(self, series: tuple[str, ...]) -> Any:
        return gauge(self._row).labels(**dict(zip(self._row.label_names, series, strict=True)))


_rewards, _means, _states = Shown(ROUTER_REWARDS_LEARNED), Shown(ROUTER_MEAN_REWARD), Shown(EXPERIMENT_STATE)


class _Router(NamedTuple):
    """A policy that is kept, as far as watching needs it."""

    name: str
    tenant: str
    workspace: str
    version: int
    arms: list[str]  #: That can be chosen.
    renamed: Mapping[str, str]
    by_context: bool

    @property
    def owner(self) -> Owner:
        return self.name, self.tenant, self.workspace

    @property
    def said(self) -> dict[str, str]:
        return {"tenant": self.tenant, "workspace": self.workspace}

    @property
    def labels(self) -> tuple[str, str, str]:
        """What the other metrics of routers are labelled with, too."""
        shown = measures.named((self.tenant, self.workspace))
        return self.name, shown.tenant, shown.workspace


def _routers(store: Store) -> list[_Router]:
    found = []
    for name, tenant, workspace in store.policies.owners():
        row = store.policies.get(name, tenant=tenant, workspace=workspace)
        if row is not None:
            state = row.state
            arms = [arm for arm in state.get("arms", ()) if arm not in state.get("retired", ())]
            by_context = bool(state.get("parameters", {}).get("dimension"))
            found.append(_Router(name, tenant, workspace, row.version, arms, state.get("renamed", {}), by_context))
    return found


def _learned(store: Store) -> Done:
    until = _clock.wall_ns() + SECOND  # a reward of this very moment, by a clock that is a little ahead
    points = store.loop_reports.learned(until - LEARNED_NS, until, LEARNED_NS)
    routers: list[Done] = []
    counts: dict[tuple[str, ...], float] = {}
    means: dict[tuple[str, ...], float] = {}
    for router in _routers(store):
        arms = _tallied(points.get(router.owner, ()), router.renamed)
        count = sum(tally.rewards for tally in arms.values())
        mean = sum(tally.rewards * tally.mean for tally in arms.values()) / count if count else None
        counts[router.labels] = float(count)
        if mean is not None:
            means[router.labels] = mean
        shown = {arm: {"learned": tally.rewards, "mean_reward": tally.mean} for arm, tally in arms.items()}
        told = {"learned": count, "mean_reward": mean, "version": router.version, "arms": shown}
        routers.append({"router": router.name, **router.said, **told})
    _rewards.replace(counts)
    _means.replace(means)
    return {"routers": routers}


def _stood(store: Store) -> Done:
    until = _clock.wall_ns() + SECOND
    middle = until - STANDING_NS
    points = store.loop_reports.learned(middle - STANDING_NS, until, STANDING_NS)
    routers = [router for router in _routers(store) if len(router.arms) >= ARMS]
    choices = store.loop_reports.choices({router.name for router in routers}, middle, until)
    experiments: list[Done] = []
    states: dict[tuple[str, ...], float] = {}
    for router in routers:
        mine = points.get(router.owner, ())
        now, before = (
            _tallied([point for point in mine if (point.time_ns >= middle) is recent], router.renamed)
            for recent in (True, False)
        )
        chosen = choices.get(router.owner, {})
        if not now and not chosen:
            continue  # its program is gone, or asks it no more
        found = standing(now, before, arms=router.arms, by_context=router.by_context)
        for state in get_args(State):
            states["router", *router.labels, state] = float(state == found.state)
        share = _share(chosen, found.best, router.renamed) if found.best else None
        told = {"state": found.state, "best": found.best, "probability": found.probability, "share": share}
        experiments.append(
            {"kind": "router", "experiment": router.name, **router.said, **told, "rewards": found.rewards}
        )
    _states.replace(states)
    return {"experiments": experiments}


def _tallied(points: Iterable[RewardPoint], renamed: Mapping[str, str]) -> dict[str, Tally]:
    """What each arm earned, under the name it has now."""
    found: dict[str, Tally] = {}
    for point in points:
        arm = renamed.get(point.arm, point.arm)
        count, mean = found.get(arm, Tally(0, 0.0))
        total = count + point.rewards
        found[arm] = Tally(total, (count * mean + point.rewards * point.mean) / total)
    return found


def _share(chosen: Mapping[str, int], best: str, renamed: Mapping[str, str]) -> float | None:
    total = sum(chosen.values())
    mine = sum(count for arm, count in chosen.items() if renamed.get(arm, arm) == best)
    return mine / total if total else None
