"""Facts about the running stage, put on its span by other rooms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry import trace

from stagelight._guard import guard
from stagelight.telemetry import clean

if TYPE_CHECKING:
    from collections.abc import Mapping


def annotate(attributes: Mapping[str, object]) -> None:
    """Set `attributes` on the span of the running stage; without one, do nothing; never raises."""
    with guard("stages"):
        span = trace.get_current_span()
        if span.is_recording():
            span.set_attributes(clean.attributes(attributes))
