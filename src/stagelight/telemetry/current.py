"""Which telemetry this process is using: the one `configure()` installed, or none.

With none, spans and instruments go to OpenTelemetry's global providers, which do nothing until an application sets some.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stagelight.telemetry.pipeline import Telemetry

_current: Telemetry | None = None


def current() -> Telemetry | None:
    """Return the telemetry in use, or None where `configure()` has not been called."""
    return _current


def install(telemetry: Telemetry | None) -> Telemetry | None:
    """Use `telemetry` from now on and return what was in use before; neither is flushed or shut down here."""
    global _current
    before, _current = _current, telemetry
    return before


@contextmanager
def replaced(telemetry: Telemetry | None) -> Iterator[None]:
    """Use `telemetry` inside the block, and what was in use before after it."""
    before = install(telemetry)
    try:
        yield
    finally:
        install(before)
