"""Sampling as the variables say, except that what is kept locally is recorded though it is not exported."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from opentelemetry.context import get_value
from opentelemetry.sdk.trace.sampling import DEFAULT_ON, Decision, Sampler, SamplingResult

from stagelight import _guard
from stagelight.config import variable
from stagelight.errors import ConfigurationError, did_you_mean
from stagelight.telemetry.spans import KEEP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.context import Context
    from opentelemetry.trace import Link, SpanKind, TraceState
    from opentelemetry.util.types import Attributes

GROUP = "opentelemetry_traces_sampler"
RATIOS = ("traceidratio", "parentbased_traceidratio")


def chosen() -> Sampler:
    """Return the sampler that OTEL_TRACES_SAMPLER and its ARG name; with none, every trace that a caller did not drop.

    Raises:
        ConfigurationError: No such sampler is installed, or its argument is no share between 0 and 1.
    """
    name = variable("OTEL_TRACES_SAMPLER").lower()
    if not name:
        return DEFAULT_ON
    for entry in entry_points(group=GROUP, name=name):
        made = entry.load()(_argument(name))
        if isinstance(made, Sampler):
            return made
    known = sorted(entry.name for entry in entry_points(group=GROUP))
    raise ConfigurationError(
        f"OTEL_TRACES_SAMPLER: found {name!r}, expected one of {known}.{did_you_mean(name, known)}"
    )


def _argument(name: str) -> float | str | None:
    given = variable("OTEL_TRACES_SAMPLER_ARG")
    if name not in RATIOS:
        return given or None
    try:
        share = float(given or 1)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ConfigurationError(f"OTEL_TRACES_SAMPLER_ARG: found {given!r}, expected a share between 0 and 1")
    return share


class KeepingSampler(Sampler):
    """Asks another sampler; where that drops a span whose context says KEEP, the span is recorded but not sampled."""

    def __init__(self, asked: Sampler) -> None:
        """Ask `asked` first."""
        self._asked = asked

    def should_sample(  # noqa: PLR0917  the SDK's signature
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Decide; a sampler that raises drops the span and costs the program nothing else."""
        found = SamplingResult(Decision.DROP)
        with _guard.guard("telemetry"):
            found = self._asked.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)
        if found.decision is Decision.DROP and get_value(KEEP, parent_context):
            return SamplingResult(Decision.RECORD_ONLY, attributes, found.trace_state)
        return found

    def get_description(self) -> str:
        """Name the sampler that is asked."""
        return f"Keeping{{{self._asked.get_description()}}}"
