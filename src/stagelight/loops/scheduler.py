"""The scheduled tasks inside one process: what `stagelight serve` runs where there is no Celery."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from stagelight import _clock, _guard
from stagelight.loops import tasks, timing
from stagelight.loops.holding import working_store
from stagelight.truth.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stagelight.config import Settings
    from stagelight.truth import Rules

WINDOWS: Final[Mapping[str, Callable[[], dict[str, Any]]]] = {
    "short": tasks.run_feedback_loop_short_window,
    "medium": tasks.run_feedback_loop_medium_window,
    "long": tasks.run_feedback_loop_long_window,
}
STOP_SECONDS: Final = 10.0


class Scheduler:
    """Runs each window of truth and the check for drift when it is due; what was missed while nothing ran, at once."""

    def __init__(self, settings: Settings, rules: Rules | None) -> None:
        """Plan; nothing runs before `start`.

        Raises:
            MissingExtraError: `stagelight[serve]` is not installed.
        """
        self._jobs = plan(settings, rules)
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

    def _catch_up(self) -> None:
        for task in _guard.attempt("loops", self._missed) or ():
            _guard.attempt("loops", task)

    def _missed(self) -> list[Callable[[], dict[str, Any]]]:
        now = _clock.wall_ns()
        with working_store() as store:
            return [
                task
                for name, (schedule, task) in self._jobs.items()
                if timing.missed(schedule, store.leases.done_ns(name), now)
            ]


def plan(settings: Settings, rules: Rules | None) -> dict[str, tuple[Schedule, Callable[[], dict[str, Any]]]]:
    """Return every task with its schedule: the windows that the rules name, and the check for drift."""
    found: dict[str, tuple[Schedule, Callable[[], dict[str, Any]]]] = {}
    for window, task in WINDOWS.items():
        if rules is not None and window in rules.schedules:
            found[tasks.name_of(window)] = rules.schedules[window], task
    if settings.drift_check_interval > 0:
        found[tasks.DRIFT] = Schedule(every_s=settings.drift_check_interval * 60), tasks.check_drift
    return found


def _scheduler() -> Any:
    from stagelight.errors import MissingExtraError

    try:
        from apscheduler.schedulers.background import BackgroundScheduler
    except ModuleNotFoundError as error:
        raise MissingExtraError("serve", "the embedded scheduler") from error
    return BackgroundScheduler(timezone="UTC")
