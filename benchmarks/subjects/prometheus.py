"""prometheus_client's bound children: what counting costs without OpenTelemetry."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from benchmarks import kit

if TYPE_CHECKING:
    from benchmarks.kit import Case, Measure

LABELS = {"stage": "f", "pipeline": "p"}


def counter() -> Measure:
    """Time one count."""
    made = import_module("prometheus_client").Counter("calls", "Calls.", list(LABELS)).labels(**LABELS)
    return kit.timed(kit.repeated(made.inc))


def histogram() -> Measure:
    """Time one observation."""
    made = import_module("prometheus_client").Histogram("seconds", "Time.", list(LABELS)).labels(**LABELS)
    return kit.timed(kit.repeated(lambda: made.observe(0.01)))


CASES: dict[str, Case] = {"counter": counter, "histogram": histogram}
