"""The scheduled tasks inside one process: what `stagelight serve` runs where there is no Celery."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Final

from stagelight import _clock, _guard
from stagelight.loops import tasks, timing, watchers
from stagelight.loops.holding import working_store
from stagelight.store import current
from stagelight.truth.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stagelight.config import Settings
    from stagelight.store import Store
    from stagelight.truth import Rules

    Task = Callable[[], dict[str, Any]]

WINDOWS: Final[Mapping[str, Task]] = {
    "short": tasks.run_feedback_loop_short_window,
    "medium": tasks.run_feedback_loop_medium_window,
    "long": tasks.run_feedback_loop_long_window,
}
STOP_SECONDS: Final = 10.0


class Scheduler:
    """Runs each window of truth, the check for drift and the watchers when they are due; what was missed while nothing ran, at once."""

    def __init__(self, settings: Settings, rules: Rules | None, *, store: Store | None = None) -> None:
        """Plan; nothing runs before `start`.

        Args:
            settings: How often drift and routers are looked at.
            rules: When truth is joined; never if None.
            store: What the tasks work on; the store in use if None.

        Raises:
            MissingExtraError: `stagelight[serve]` is not installed.
        """
        self._jobs = {
            name: (schedule, self._on(store, task)) for name, (schedule, task) in plan(settings, rules).items()
        }
        self._store = store
        self._scheduler = _scheduler()
        self._catching_up: threading.Thread | None = None

    @property
    def jobs(self) -> Mapping[str, Schedule]:
        """What runs, and when."""
        return {name: schedule for name, (schedule, _) in self._jobs.items()}

    def start(self) -> None:
        """Begin."""
        for name, (schedule, task) in self._jobs.items():
            self._scheduler.add_job(
                _guard.attempt,
                timing.trigger(schedule),
                ("loops", task),
                id=name,
                coalesce=True,
                misfire_grace_time=None,
            )
        self._scheduler.start()
        self._catching_up = threading.Thread(target=self._catch_up, name="stagelight-catch-up", daemon=True)
        self._catching_up.start()

    def stop(self) -> None:
        """End; a task under way goes on to its end on its own thread, or leaves what it joined so far."""
        self._scheduler.shutdown(wait=False)
        if self._catching_up is not None:
            self._catching_up.join(STOP_SECONDS)

    @staticmethod
    def _on(store: Store | None, task: Task) -> Task:
        """The task, on a store of one's own."""

        def run() -> dict[str, Any]:
            with current.within(store) if store is not None else nullcontext():
                return task()

        return run

    def _catch_up(self) -> None:
        for task in _guard.attempt("loops", self._missed) or ():
            _guard.attempt("loops", task)

    def _missed(self) -> list[Task]:
        now = _clock.wall_ns()
        with working_store() if self._store is None else nullcontext(self._store) as store:
            return [
                task
                for name, (schedule, task) in self._jobs.items()
                if timing.missed(schedule, store.leases.done_ns(name), now)
            ]


def plan(settings: Settings, rules: Rules | None) -> dict[str, tuple[Schedule, Task]]:
    """Return every task with its schedule: the windows that the rules name, the check for drift, and the watchers."""
    found: dict[str, tuple[Schedule, Task]] = {}
    for window, task in WINDOWS.items():
        if rules is not None and window in rules.schedules:
            found[tasks.name_of(window)] = rules.schedules[window], task
    return found | every_few_minutes(settings)


def every_few_minutes(settings: Settings) -> dict[str, tuple[Schedule, Task]]:
    """Return the tasks that need no rules with their schedules: the check for drift, and the watchers; those that are on."""
    minutes: dict[str, tuple[float, Task]] = {
        tasks.DRIFT: (settings.drift_check_interval, tasks.check_drift),
        watchers.LEARNING: (settings.watch_interval, watchers.watch_feedback_learning),
        watchers.EXPERIMENTS: (settings.watch_interval, watchers.watch_experiments),
    }
    return {name: (Schedule(every_s=often * 60), task) for name, (often, task) in minutes.items() if often > 0}


def _scheduler() -> Any:
    from stagelight.errors import MissingExtraError

    try:
        from apscheduler.schedulers.background import BackgroundScheduler
    except ModuleNotFoundError as error:
        raise MissingExtraError("serve", "the embedded scheduler") from error
    return BackgroundScheduler(timezone="UTC")
