"""logfire: its decorator, sending nothing to its service, spans dropped after the SDK's own batch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from benchmarks import kit
from benchmarks.subjects import raw

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.kit import Case, Measure


def _measure(prepare: Callable[[Callable[[], object]], Callable[[], object]], function: Callable[[], None]) -> Measure:
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    logfire: Any = import_module("logfire")
    batch = BatchSpanProcessor(raw.drop(), max_queue_size=raw.QUEUE)
    logfire.configure(send_to_logfire=False, console=False, metrics=False, additional_span_processors=[batch])
    return kit.timed(kit.within(lambda: logfire.span("root"), prepare(logfire.instrument("f")(function))))


def recorded() -> Measure:
    """Time a recorded child."""
    return _measure(lambda call: call, kit.empty)


def exception() -> Measure:
    """Time a child whose function raises."""
    return _measure(kit.swallowed, kit.boom)


CASES: dict[str, Case] = {"recorded": recorded, "exception": exception}
