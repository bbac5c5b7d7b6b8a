"""ddtrace: its decorator, finished traces dropped by a filter before they are encoded."""

from __future__ import annotations

import logging
import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from benchmarks import kit

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.kit import Case, Measure


def _measure(prepare: Callable[[Callable[[], object]], Callable[[], object]], function: Callable[[], None]) -> Measure:
    os.environ |= {"DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false", "DD_REMOTE_CONFIGURATION_ENABLED": "false"}
    logging.disable()
    trace: Any = import_module("ddtrace.trace")

    class Drop(trace.TraceFilter):  # type: ignore[misc]  # a peer's class, imported by name
        def process_trace(self, trace: object) -> None:
            """Keep nothing."""

    trace.tracer.configure(trace_processors=[Drop()])
    return kit.timed(kit.within(lambda: trace.tracer.trace("root"), prepare(trace.tracer.wrap("f")(function))))


def recorded() -> Measure:
    """Time a recorded child."""
    return _measure(lambda call: call, kit.empty)


def exception() -> Measure:
    """Time a child whose function raises."""
    return _measure(kit.swallowed, kit.boom)


CASES: dict[str, Case] = {"recorded": recorded, "exception": exception}
