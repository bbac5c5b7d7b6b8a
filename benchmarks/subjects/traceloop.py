"""traceloop: its task decorator inside a span, spans dropped after the SDK's own batch."""

from __future__ import annotations

import logging
import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from benchmarks import kit
from benchmarks.subjects import raw

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.kit import Case, Measure


def _measure(prepare: Callable[[Callable[[], object]], Callable[[], object]], function: Callable[[], None]) -> Measure:
    from opentelemetry import trace

    logging.disable()
    os.environ |= {
        "TRACELOOP_TELEMETRY": "false",
        "TRACELOOP_METRICS_ENABLED": "false",
        "TRACELOOP_TRACE_CONTENT": "false",
    }
    sdk: Any = import_module("traceloop.sdk")
    sdk.Traceloop.init(app_name="bench", exporter=raw.drop(), instruments=set())
    task = import_module("traceloop.sdk.decorators").task(name="f")(function)
    tracer = trace.get_tracer("x")
    return kit.timed(kit.within(lambda: tracer.start_as_current_span("root"), prepare(task)))


def recorded() -> Measure:
    """Time a recorded child."""
    return _measure(lambda call: call, kit.empty)


def exception() -> Measure:
    """Time a child whose function raises."""
    return _measure(kit.swallowed, kit.boom)


CASES: dict[str, Case] = {"recorded": recorded, "exception": exception}
