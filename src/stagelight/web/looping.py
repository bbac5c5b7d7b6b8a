"""The feedback loop inside `stagelight serve`: policies describe themselves, so it needs no code of the application."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from stagelight.loops import EnhancedMonitoringSystem
from stagelight.routing import homes
from stagelight.routing.watching import watch
from stagelight.telemetry import current, pipeline

if TYPE_CHECKING:
    from stagelight.config import Settings
    from stagelight.store import Store
    from stagelight.telemetry.pipeline import Telemetry

STOP_S = 5.0


class Looping:
    """What a server does in the background for the routers whose policies it keeps; started within its event loop."""

    def __init__(self, store: Store, settings: Settings) -> None:
        """Prepare to learn in `store`; nothing runs before `start`."""
        self._store = store
        self._settings = settings
        self._system = EnhancedMonitoringSystem(settings, stored=True)
        self._telemetry: Telemetry | None = None

    @property
    def wanted(self) -> bool:
        """Whether a setting asks for it."""
        return self._settings.enable_trajectory_feedback_loop or self._settings.enable_trajectory_evaluation

    def start(self) -> None:
        """Learn, score and show the queue's metrics, if a setting asks for that.

        Raises:
            ConfigurationError: An exporter's setting cannot be used.
        """
        if self.wanted:
            watch(self._store)
            self._measure()
            with homes.living_in(self._store):
                self._system.start_monitoring()

    async def stop(self) -> None:
        """End after the turn that is under way."""
        await self._system.stop_monitoring()
        if self._telemetry is not None:
            if current.current() is self._telemetry:
                current.install(None)
            self._telemetry.shutdown(STOP_S)

    def _measure(self) -> None:
        """Have metrics go where the settings explicitly say; a server's own spans and logs are nobody's business."""
        if current.current() is not None:
            return  # this program has its own way out already
        told = bool(self._settings.endpoint)
        exporters = [name for name in self._settings.metrics_exporter if told or name != "otlp"]
        # Without an address OTLP would go to this very server.
        settings = replace(
            self._settings,
            traces_exporter=("none",),
            logs_exporter=("none",),
            metrics_exporter=tuple(exporters) or ("none",),
        )
        self._telemetry = pipeline.build(settings)
        current.install(self._telemetry)
