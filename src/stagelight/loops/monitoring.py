"""`EnhancedMonitoringSystem`: the loop that teaches the model router, once by hand or on and on in the background."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from stagelight import _clock, _guard
from stagelight.loops import trajectories
from stagelight.loops.background import Background
from stagelight.loops.batching import BatchSize
from stagelight.loops.evaluator import TrajectoryEvaluator
from stagelight.loops.knobs import knobs

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from stagelight.config import Settings
    from stagelight.loops.background import Change
    from stagelight.loops.evaluator import Scorer
    from stagelight.routing import ModelRouter

OFF = "off: ENABLE_TRAJECTORY_FEEDBACK_LOOP is not set; nothing was touched"
NO_ROUTER = "no router: get_rl_model_router(create_if_missing=True, arms=[…]) makes one; nothing was touched"
NO_ROUTING = "routing cannot be imported; nothing was touched"
TURN_SHARE = 0.5  #: Of the interval, that one turn may work a backlog off for.
TURN_S = 30.0  #: And no longer than this: news wait for its end.

_log = logging.getLogger("stagelight")


class EnhancedMonitoringSystem:
    """Drains the rewards that wait for this process's model routers, and scores finished trajectories.

    Both are off unless ENABLE_TRAJECTORY_FEEDBACK_LOOP and ENABLE_TRAJECTORY_EVALUATION turn them on. Several loops in
    several processes may run on one queue: each reward teaches once.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        scorer: Scorer | None = None,
        stored: bool = False,
        shards: Container[int] | None = None,
        tenant: str | None = None,
    ) -> None:
        """Prepare; nothing runs before it is told to.

        Args:
            settings: What to go by; what `configure()` was told, else the variables, if None.
            scorer: Scores a trajectory your own way; see `TrajectoryEvaluator`.
            stored: Score the traces that others send to the store, as `stagelight serve` does; else those that finish in
                this process.
            shards: The parts of the queue (0 to 63, by tenant) that this process serves; all of them if None.
            tenant: Whose rewards it serves; everybody's if None.

        Raises:
            ConfigurationError: A variable does not parse.
        """
        self.settings = knobs(settings)
        self._shards = shards
        self._tenant = tenant
        self._stored = stored
        self._labels: Mapping[str, str] | None = None
        self._size = BatchSize(self.settings.rl_feedback_batch_size)
        self.evaluator = TrajectoryEvaluator(self.settings, scorer=scorer)
        self._background = Background(self._turn, self.settings.rl_feedback_loop_interval_seconds)

    @property
    def enabled(self) -> bool:
        """Whether ENABLE_TRAJECTORY_FEEDBACK_LOOP is on."""
        return self.settings.enable_trajectory_feedback_loop

    @property
    def running(self) -> bool:
        """Whether the background loop runs."""
        return self._background.running

    def process_rl_feedback_once(
        self, labels: Mapping[str, str] | None = None, *, batch_size: int | None = None
    ) -> dict[str, Any]:
        """Learn from one batch of rewards for each router, and say what became of it; never raises.

        Args:
            labels: Tenant and workspace on the metrics of rewards that carry none; they filter nothing.
            batch_size: How many rewards at most; RL_FEEDBACK_BATCH_SIZE if None.

        Returns:
            `processed`, `failed`, `queue_depth`, and, where nothing was done although it was asked for, `reason`.
        """
        found: dict[str, Any] | None = None
        with _guard.guard("loops"):
            found = self._processed(labels, batch_size)
        return found or {
            "processed": 0,
            "failed": 0,
            "queue_depth": 0,
            "reason": "an error inside stagelight; its log says more",
        }

    def start_monitoring(self, labels: Mapping[str, str] | None = None) -> Change:
        """Run the loop in the background from now on: a turn at once, at every interval, and as soon as a reward comes in.

        Called where an asyncio loop runs, it runs as a task of that loop, the work itself on a thread; anywhere else it
        runs on a thread of its own. `await` on what it returns is allowed in both. Again while it runs changes nothing.

        Args:
            labels: As `process_rl_feedback_once`.
        """
        self._labels = labels
        if not self.enabled and not self.settings.enable_trajectory_evaluation:
            _log.info("RL feedback loop not started: ENABLE_TRAJECTORY_FEEDBACK_LOOP is not set")
            return self._background.unchanged()
        _log.info(
            "RL feedback loop starts: every %g s, %d rewards and more at once",
            self.settings.rl_feedback_loop_interval_seconds,
            self.settings.rl_feedback_batch_size,
        )
        if not self._stored:
            trajectories.join(self.evaluator)
        return self._background.start()

    def stop_monitoring(self, timeout_s: float = 5.0) -> Change:
        """End the background loop when its turn is done; outside asyncio wait for that, `timeout_s` seconds at most.

        Where an asyncio loop runs, `await` what it returns to know that it has ended. Again is harmless.
        """
        if self.running:
            _log.info("RL feedback loop stops")
        trajectories.leave(self.evaluator)
        return self._background.stop(timeout_s)

    def _processed(self, labels: Mapping[str, str] | None, batch_size: int | None) -> dict[str, Any]:
        if not self.enabled:
            return _nothing(OFF)
        try:
            found = _routers(labels)
        except ImportError as error:
            _log.warning("RL feedback: routing cannot be imported: %s", error)
            return _nothing(NO_ROUTING)
        if not found:
            return _nothing(NO_ROUTER)
        size = batch_size or self.settings.rl_feedback_batch_size
        return _summed(found, size, self._shards, self._tenant)

    def _evaluate_stored(self) -> None:
        from stagelight.routing import homes

        home = homes.home(make=False)
        store = home.store if home else None
        emitted = self.evaluator.evaluate_stored(store) if store else 0
        if emitted:
            _log.info("RL feedback: %d trajectories scored", emitted)

    def _turn(self) -> None:
        """Score what has finished, then learn until nothing waits or half of the interval is over."""
        if self._stored:
            _guard.attempt("loops", self._evaluate_stored)
        share_s = min(self.settings.rl_feedback_loop_interval_seconds * TURN_SHARE, TURN_S)
        until = _clock.monotonic_ns() + int(share_s * 1e9)
        depth, going = 0, self.enabled
        while going:
            began, size = _clock.monotonic_ns(), self._size.next(depth)
            done = self.process_rl_feedback_once(self._labels, batch_size=size)
            took_s = (_clock.monotonic_ns() - began) / 1e9
            depth = done["queue_depth"]
            self._size.took(took_s)
            _tell(done, took_s)
            settled = done["processed"] + done["failed"]
            going = settled > 0 and depth > 0 and _clock.monotonic_ns() < until and not self._background.ending


def _routers(labels: Mapping[str, str] | None) -> list[ModelRouter]:
    """The routers to drain: the default one, and all others of this process and of the store at hand.

    Raises:
        ImportError: Routing is not there.
    """
    from stagelight.routing import get_rl_model_router, homes, known
    from stagelight.routing.measures import measures
    from stagelight.routing.registry import DEFAULT
    from stagelight.routing.watching import watch

    watch(homes.chosen())
    measures.call_unnamed(labels)
    default = get_rl_model_router(create_if_missing=False)
    return [*([default] if default else []), *(router for router in known() if router.name != DEFAULT)]


def _summed(routers: list[ModelRouter], size: int, shards: Container[int] | None, tenant: str | None) -> dict[str, Any]:
    done = [router.process_trajectory_feedback(size, shards=shards, tenant=tenant) for router in routers]
    summary: dict[str, Any] = {
        name: sum(getattr(each, name) for each in done) for name in ("processed", "failed", "queue_depth")
    }
    reasons = [each.reason for each in done if each.reason]
    return summary | ({"reason": "; ".join(dict.fromkeys(reasons))} if reasons else {})


def _nothing(reason: str) -> dict[str, Any]:
    return {"processed": 0, "failed": 0, "queue_depth": _waiting(), "reason": reason}


def _waiting() -> int:
    """What waits in the store at hand, whoever it is for; 0 where there is none, or nobody to ask."""
    try:
        from stagelight.routing.watching import depth
    except ImportError:
        return 0
    return depth()


def _tell(done: Mapping[str, Any], took_s: float) -> None:
    if not done["processed"] and not done["failed"] and "reason" not in done:
        return
    _log.log(
        logging.WARNING if done["failed"] else logging.INFO,
        "RL feedback: %d learned, %d failed, %d waiting, %.1f ms%s",
        done["processed"],
        done["failed"],
        done["queue_depth"],
        took_s * 1e3,
        f" ({done['reason']})" if "reason" in done else "",
    )
