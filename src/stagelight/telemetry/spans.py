"""The span path, behind a seam: stages ask here for spans and for nothing else of a tracer.

Whatever a sampler, a processor or an id generator of the application raises is caught here: the caller gets a span that
records nothing, and goes on.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.context import create_key

from stagelight._guard import guard
from stagelight._version import __version__
from stagelight.telemetry.current import current

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.context import Context
    from opentelemetry.trace import Link, Span, SpanKind, Tracer
    from opentelemetry.util.types import AttributeValue

SCOPE = "stagelight"  #: The one instrumentation scope, of spans and of metrics alike.
KEEP = create_key(
    "stagelight-keep"
)  #: Context key: record these spans for the local sinks even when they are sampled out.


def idle() -> bool:
    """Whether nobody listens: telemetry is disabled, or neither `configure()` nor the application set anything up."""
    telemetry = current()
    if telemetry is not None:
        return telemetry.settings.disabled
    # The private name, in this one place: the public function looks into the environment each time, which costs more
    # than all else that a stage does while nobody listens.
    return trace._TRACER_PROVIDER is None  # noqa: SLF001


def tracer() -> Tracer:
    """Return the tracer in use."""
    telemetry = current()
    return _global_tracer() if telemetry is None else telemetry.tracer


def start(
    name: str,
    *,
    context: Context,
    kind: SpanKind,
    start_ns: int,
    attributes: Mapping[str, AttributeValue],
    links: Sequence[Link] = (),
) -> Span:
    """Start a span whose parent is in `context`; it records nothing where it could not be made.

    Exceptions are recorded by the stage, which knows them better, so the SDK's own recording is off.
    """
    with guard("telemetry"):
        return tracer().start_span(
            name,
            context=context,
            kind=kind,
            attributes=attributes,
            links=links,
            start_time=start_ns,
            record_exception=False,
            set_status_on_exception=False,
        )
    return trace.NonRecordingSpan(trace.get_current_span(context).get_span_context())


@lru_cache(maxsize=1)
def _global_tracer() -> Tracer:
    """A proxy that turns real as soon as the application sets a provider."""
    return trace.get_tracer(SCOPE, __version__)
