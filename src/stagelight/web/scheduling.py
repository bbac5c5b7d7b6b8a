"""The scheduled tasks inside `stagelight serve`: truth is joined, models are judged, drift is looked for, without Celery."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stagelight import _guard
from stagelight.errors import ConfigurationError

if TYPE_CHECKING:
    from stagelight.config import Settings
    from stagelight.loops.scheduler import Scheduler
    from stagelight.store import Store
    from stagelight.truth import Rules

AFTER_SECONDS: Final = 5.0  #: The first page and the first trace come first.

_log = logging.getLogger("stagelight")


class Scheduling:
    """What a server does now and then for the predictions and the truth that it keeps; started within its event loop."""

    def __init__(self, store: Store, settings: Settings, *, after_s: float = AFTER_SECONDS) -> None:
        """Prepare to work on `store`; nothing runs before `start`.

        Raises:
            ConfigurationError: The rules that the settings name cannot be read.
        """
        self._store = store
        self._settings = settings
        self._after_s = after_s
        self._rules = _rules(settings)
        self._starting: asyncio.Task[None] | None = None
        self._scheduler: Scheduler | None = None

    def start(self) -> None:
        """Begin in a moment."""
        self._starting = asyncio.create_task(self._start())

    async def stop(self) -> None:
        """End; a task that is under way ends by itself, or is caught up with after the next start."""
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait([self._starting])
        if self._scheduler is not None:
            await asyncio.to_thread(self._scheduler.stop)

    async def _start(self) -> None:
        await asyncio.sleep(self._after_s)
        self._scheduler = await asyncio.to_thread(_guard.attempt, "web", self._scheduled)

    def _scheduled(self) -> Scheduler:
        # Loads numpy and the scheduler, which the pages do without.
        from stagelight.loops.scheduler import Scheduler

        made = Scheduler(self._settings, self._rules, store=self._store)
        made.start()
        return made


def _rules(settings: Settings) -> Rules | None:
    """The rules that are named, or lie in the working folder; without any, no truth is joined here."""
    from stagelight.truth import rules

    if not settings.truth_rules and not Path(rules.FILE).is_file():
        return None
    try:
        return rules.load(settings.truth_rules)
    except ConfigurationError as error:
        if settings.truth_rules:
            raise
        _log.warning("stagelight serve: no truth is joined: %s", error)
        return None
