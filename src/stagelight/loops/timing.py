"""When a task is due, in the words of Celery's beat and of APScheduler."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stagelight.truth.schedule import Schedule


def celery_schedule(schedule: Schedule) -> Any:
    """Return `schedule` as Celery's beat takes it: seconds, or a crontab."""
    from celery.schedules import crontab

    if schedule.every_s:
        return schedule.every_s
    at = schedule.fields
    return crontab(
        minute=at["minute"],
        hour=at["hour"],
        day_of_month=at["day"],
        month_of_year=at["month"],
        day_of_week=at["day_of_week"],
    )


def trigger(schedule: Schedule) -> Any:
    """Return `schedule` as a trigger of APScheduler, in UTC."""
    from apscheduler.triggers.cron import CronTrigger
    from apscheduler.triggers.interval import IntervalTrigger

    if schedule.every_s:
        return IntervalTrigger(seconds=schedule.every_s, timezone=UTC)
    return CronTrigger(**schedule.fields, timezone=UTC)


def missed(schedule: Schedule, done_ns: int, now_ns: int) -> bool:
    """Whether a task should have run between the moment it was last done and now; one never done should.

    >>> from stagelight.truth.schedule import Schedule
    >>> day = 86_400 * 10**9
    >>> missed(Schedule(every_s=3600), day, day + 1), missed(Schedule(cron="0 2 * * *"), day, 2 * day)
    (False, True)
    """
    if not done_ns:
        return True
    if schedule.every_s:
        return now_ns - done_ns >= schedule.every_s * 1e9
    done = datetime.fromtimestamp(done_ns / 1e9, UTC)
    due = trigger(schedule).get_next_fire_time(None, done)
    return due is not None and due.timestamp() * 1e9 <= now_ns
