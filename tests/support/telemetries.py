"""Telemetry of given settings for tests, work for it to deliver, and what became of that."""

from __future__ import annotations

import random
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from opentelemetry.exporter.otlp.common import http
from opentelemetry.exporter.otlp.proto.grpc import exporter as grpc

from stagelight import config
from stagelight.telemetry import pipeline
from stagelight.telemetry.current import replaced
from stagelight.telemetry.delivery import Ledger, SpanDelivery

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stagelight.telemetry.pipeline import Telemetry

# An export that a test gave up goes on for seconds, and draws its pauses from `random`; Hypothesis refuses to see that
# move while it draws examples of another test. These draw from a generator of their own.
for _module in (http, grpc):
    setattr(_module, "random", random.Random())  # noqa: B010  to mypy the modules keep theirs to themselves

TRACES = {"metrics_exporter": "none"}


@contextmanager
def telemetry_of(settings: dict[str, Any], **parts: Any) -> Iterator[Telemetry]:
    """Telemetry of these settings, in use inside the block."""
    built = pipeline.build(config.load(environ={}, **settings), **parts)
    try:
        with replaced(built):
            yield built
    finally:
        built.shutdown(2.0)


def ledger(telemetry: Telemetry) -> Ledger:
    """What became of the spans of this telemetry."""
    (found,) = (d.ledger for d in telemetry.span_processors if isinstance(d, SpanDelivery))
    return found


def work(telemetry: Telemetry, number: int = 1) -> None:
    """End so many spans."""
    for _ in range(number):
        telemetry.tracer.start_span("work").end()
