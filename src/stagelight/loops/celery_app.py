"""The scheduled tasks on Celery: `celery --app stagelight.loops.celery_app worker --queues analytics`, and `… beat`.

Broker and results are STAGELIGHT_REDIS_URL's, else Celery's own variables (CELERY_BROKER_URL). When tasks run stands in
the truth rules, as it does for the embedded scheduler; the tasks themselves are the same functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from stagelight import config
from stagelight.errors import ConfigurationError, MissingExtraError
from stagelight.loops import tasks, timing, watchers
from stagelight.loops.scheduler import WINDOWS, every_few_minutes
from stagelight.truth import rules as truth_rules
from stagelight.truth.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stagelight.config import Settings
    from stagelight.truth import Rules

QUEUE: Final = "analytics"
PREFIX: Final = "stagelight.loops"
LOST_SECONDS: Final = 3600  #: After which Redis hands a task out again whose worker never answered.
ROUTED: Final = ("run_*", "analyze_concept_drift_*", "check_*", "watch_*")
CONTRACT: Final[Mapping[str, Schedule]] = {
    "short": Schedule(every_s=14_400.0),
    "medium": Schedule(cron="0 2 * * *"),
    "long": Schedule(cron="0 3 * * sun"),
}  #: Where the rules say nothing.
FUNCTIONS: Final[Mapping[str, Callable[..., dict[str, Any]]]] = {
    f"{PREFIX}.{function.__name__}": function
    for function in (
        tasks.run_feedback_loop,
        tasks.run_feedback_loop_short_window,
        tasks.run_feedback_loop_medium_window,
        tasks.run_feedback_loop_long_window,
        tasks.run_full_feedback_loop,
        tasks.analyze_concept_drift_from_truth,
        tasks.check_drift,
        watchers.watch_feedback_learning,
        watchers.watch_experiments,
    )
}


def make_app(settings: Settings | None = None, rules: Rules | None = None) -> Any:
    """Return a Celery application with the tasks, their routes and the beat's schedule.

    Args:
        settings: Read from the environment if None.
        rules: Read from the file that the settings name, where there is one, if None.

    Raises:
        MissingExtraError: `stagelight[celery]` is not installed.
        ConfigurationError: The rules cannot be used.
    """
    try:
        from celery import Celery
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "celery":
            raise
        raise MissingExtraError("celery", "the tasks on Celery") from error
    settings = settings or config.load()
    app = Celery("stagelight", set_as_current=False)
    if settings.redis_url:
        app.conf.update(broker_url=settings.redis_url, result_backend=settings.redis_url)
    app.conf.update(
        task_serializer="json",
        result_serializer="json",
        accept_content=["json"],
        enable_utc=True,
        timezone="UTC",
        task_acks_late=True,  # a killed worker's task is run again; what it had joined is joined already
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        broker_connection_retry_on_startup=True,
        broker_transport_options={"visibility_timeout": LOST_SECONDS},
        task_routes={f"{PREFIX}.{name}": {"queue": QUEUE} for name in ROUTED},
        beat_schedule=beat_schedule(settings, rules or _rules(settings)),
    )
    for name, function in FUNCTIONS.items():
        app.task(function, name=name)
    return app


def beat_schedule(settings: Settings, rules: Rules | None) -> dict[str, dict[str, Any]]:
    """Return what Celery's beat sends, and when."""
    named = rules.schedules if rules is not None else {}
    jobs = {
        tasks.name_of(window): (named.get(window, standard), WINDOWS[window]) for window, standard in CONTRACT.items()
    }
    return {
        name: {
            "task": f"{PREFIX}.{task.__name__}",
            "schedule": timing.celery_schedule(schedule),
            "options": {"queue": QUEUE},
        }
        for name, (schedule, task) in (jobs | every_few_minutes(settings)).items()
    }


def _rules(settings: Settings) -> Rules | None:
    """The rules, or None where no file was named and none is in the working folder: the contract's times then hold."""
    try:
        return truth_rules.load(settings.truth_rules)
    except ConfigurationError:
        if settings.truth_rules:
            raise
        return None


def __getattr__(name: str) -> Any:
    """Make `app`, which Celery's command line asks for, when it is asked for."""
    if name in ("app", "celery"):
        globals()["app"] = globals()["celery"] = made = make_app()
        return made
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
