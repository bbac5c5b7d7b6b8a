"""One call of a stage, from its start to its end."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.context import get_current

from stagelight import _clock
from stagelight._guard import attempt, guard
from stagelight.stages import capture, context, measure, outcome
from stagelight.stages.frames import Frame
from stagelight.telemetry import clean, handover, spans

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.context import Context
    from opentelemetry.trace import Link, Span

    from stagelight.stages.outcome import Outcome
    from stagelight.stages.site import Site


class Run:
    """A stage that has started: its span, the context within it, and its end, which comes once."""

    __slots__ = ("_ended", "_labels", "_started_mono", "_started_wall", "frame", "site", "span")

    def __init__(
        self,
        site: Site,
        *,
        base: Context | None = None,
        attributes: Mapping[str, object] | None = None,
        links: Sequence[Link] = (),
    ) -> None:
        """Start the span under `base` (the current context if None); nothing is made current yet."""
        before = get_current() if base is None else base
        inside = context.with_values(before, {"model_version": site.options.model_version})
        values = context.values(inside)
        self.site = site
        self._ended = threading.Lock()
        self._labels = measure.labels(site.name, values)
        handover.run(lambda: attempt("stages", measure.started, self._labels))
        self._started_wall = _clock.wall_ns()
        self._started_mono = _clock.monotonic_ns()
        self.span: Span = spans.start(
            site.name,
            context=inside,
            kind=site.kind,
            start_ns=self._started_wall,
            attributes={**site.attributes, **values, **clean.attributes(attributes)},
            links=links,
        )
        self.frame = Frame(trace.set_span_in_context(self.span, inside))

    @property
    def trace_id(self) -> str:
        """32 hex digits."""
        return f"{self.span.get_span_context().trace_id:032x}"

    def returned(self, result: object) -> None:
        """Note what the stage returned, where that is wanted."""
        capture.result(self, result)

    def end(self, how: Outcome) -> None:
        """End the stage; only the first call counts. Durations are monotonic: the wall clock may step."""
        if not self._ended.acquire(blocking=False):
            return
        self.frame.open = False
        seconds = max(0, _clock.monotonic_ns() - self._started_mono) / 1e9
        # What is abandoned may be ending in a finaliser, where nothing of OpenTelemetry may be called.
        (handover.later if how is outcome.ABANDONED else handover.run)(lambda: self._finish(how, seconds))

    def leave(self, error: BaseException | None) -> None:
        """Restore the current span and end as `error` says."""
        with guard("stages"):
            self.frame.leave()
        with guard("stages"):
            self.end(outcome.of(error))

    def _finish(self, how: Outcome, seconds: float) -> None:
        with guard("stages"):
            outcome.write(self.span, how)
            self.span.end(self._started_wall + int(seconds * 1e9))
        with guard("stages"):
            measure.ended(self._labels, how, seconds, self.frame.context)


def begin(site: Site, *, base: Context | None = None, attributes: Mapping[str, object] | None = None) -> Run | None:
    """Start a stage, or return None where nobody listens or it could not be started: the caller then just does its work."""
    if spans.idle():
        return None
    return attempt("stages", Run, site, base=base, attributes=attributes)
