"""`configure()`: read the settings, build telemetry, connect store, trace file and sink, and end in order at exit."""

from __future__ import annotations

import atexit
import logging
import sys
import threading
from typing import TYPE_CHECKING, Any

from stagelight import _guard, config, sink
from stagelight.errors import ConfigurationError
from stagelight.feedback import rewards
from stagelight.feedback.log import told
from stagelight.sink import late
from stagelight.store import current as stores
from stagelight.telemetry import current, pipeline

if TYPE_CHECKING:
    from stagelight.config import Settings
    from stagelight.setup.local import Local
    from stagelight.telemetry.correlation import Correlated
    from stagelight.telemetry.pipeline import Telemetry

EXIT_S = 5.0  #: Seconds that the end of the process may take.

_lock = threading.RLock()
_whole: Whole | None = None
_registered = False


def configure(settings: Settings | None = None, **arguments: Any) -> Telemetry:
    """Turn telemetry on: from now on stages, metrics and rows go where the settings say.

    Call it once, early; again with the same settings changes nothing, with others it delivers what is waiting and begins
    anew. Without it, or with `OTEL_SDK_DISABLED=true`, everything else is a safe no-op.

    Args:
        settings: As `config.load` returned them; read from the environment and pyproject.toml if None.
        arguments: Settings by name, as `endpoint="http://collector:4318"`, which beat both.

    Raises:
        ConfigurationError: A setting cannot be used; the message says what was found and what was expected.
        StoreError: The store that `store` names cannot be opened.

    >>> configure(traces_exporter="none", metrics_exporter="none").flush()
    True
    """
    global _whole, _registered  # noqa: PLW0603  one process has one of it; this is the place that swaps it
    if settings is not None and arguments:
        raise ConfigurationError(
            f"configure() takes settings or arguments, not both; found settings and {sorted(arguments)}"
        )
    wanted = config.load(**arguments) if settings is None else settings
    with _lock:
        if _whole is not None and _whole.settings == wanted and not _whole.telemetry.ended:
            return _whole.telemetry
        # What is waiting goes out first: the old way out may be the only one that leads there.
        _end(EXIT_S)
        _whole = Whole(wanted)
        _whole.install()
        if not _registered:
            atexit.register(_end, EXIT_S)
            _registered = True
        return _whole.telemetry


def flush(timeout_s: float = 5.0) -> bool:
    """Deliver what was recorded so far; True if all of it arrived within `timeout_s` seconds, or nothing is configured."""
    whole = _whole
    return True if whole is None else whole.telemetry.flush(timeout_s)


def shutdown(timeout_s: float = 5.0) -> bool:
    """Deliver what was recorded and turn telemetry off; True if all of it arrived, within `timeout_s` seconds."""
    with _lock:
        return _end(timeout_s)


class Whole:
    """What one call of `configure()` put together."""

    def __init__(self, settings: Settings) -> None:
        """Build it; nothing global changes before `install`."""
        self.settings = settings
        rewards.table(settings.rewards)  # a wrong one is told here, not at the first feedback
        self._correlated: Correlated | None = None
        self._local = _local(settings)
        try:
            self.telemetry = pipeline.build(settings, sinks=self._local.sinks)
        except BaseException:
            self._local.close()
            raise

    def install(self) -> None:
        """Have the process use it."""
        current.install(self.telemetry)
        sink.use(self._local.rows)
        stores.use(self._local.store)
        late.subscribe(told)
        self._local.begin()
        if self._local.store is not None:
            from stagelight.routing.watching import watch

            watch()
        if not self.settings.disabled:
            from stagelight.telemetry.correlation import Correlated
            from stagelight.telemetry.providers import set_global

            set_global(self.telemetry)
            self._correlated = Correlated()
            for handler in self.telemetry.log_handlers:
                logging.getLogger().addHandler(handler)

    def end(self, timeout_s: float) -> bool:
        """Deliver, within `timeout_s` seconds, and leave the process as it was; say whether all arrived."""
        from stagelight.stages import lifecycle

        lifecycle.abandon_all()  # what was begun and never ended is told as such, not lost
        good = self.telemetry.shutdown(timeout_s)
        if current.current() is self.telemetry:
            current.install(None)
        if "stagelight.routing.decisions" in sys.modules:
            from stagelight.routing import decisions

            good = decisions.log.flush(timeout_s) and good
        sink.use(None)
        late.unsubscribe(told)
        stores.use(None)
        if self._correlated is not None:
            self._correlated.undo()
        self._local.close()
        return good


def _local(settings: Settings) -> Local:
    from stagelight.setup.local import Local

    return Local(settings)


def _end(timeout_s: float) -> bool:
    """End what is configured, if anything is; once."""
    global _whole
    whole, _whole = _whole, None
    if whole is None:
        return True
    return bool(_guard.attempt("setup", whole.end, timeout_s))
