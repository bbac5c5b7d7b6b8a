"""The composition root: `configure()` joins settings, telemetry, store and sinks into a running whole."""

from stagelight.setup.compose import configure, flush, shutdown

__all__ = ["configure", "flush", "shutdown"]
