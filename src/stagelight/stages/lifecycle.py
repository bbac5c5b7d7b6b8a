"""Traces begun and ended by id, for code that cannot nest blocks: callbacks, web handlers, other threads.

Open traces live in a bounded registry of this process; after their time they end as abandoned. Ended ones are remembered for
a while, so that a late stage still finds its trace and ending twice is harmless. Another process uses `inject` and
`continue_trace`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opentelemetry import baggage
from opentelemetry import context as otel_context
from opentelemetry import trace as otel_trace
from opentelemetry.trace import Link, SpanContext

from stagelight import _clock
from stagelight._guard import attempt, guard
from stagelight.catalogue import internal
from stagelight.stages import context, names, outcome, site
from stagelight.stages.run import Run, begin
from stagelight.telemetry import clean, handover, instruments, spans
from stagelight.telemetry.current import current

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.context import Context

    from stagelight.stages.site import Site

REMEMBERED = 10_000  #: Ended traces that late stages still find.


@dataclass(frozen=True, slots=True)
class OpenTrace:
    """A trace that was started and not yet ended."""

    run: Run
    deadline_ns: int  #: Monotonic.


class Registry:
    """The open traces of this process, oldest first, and the contexts of those that ended lately."""

    def __init__(self) -> None:
        """Start empty."""
        self._lock = threading.RLock()  # re-entrant: a finaliser may start or end a trace in the middle of this
        self._sweeping = False
        self._open: OrderedDict[str, OpenTrace] = OrderedDict()
        self._ended: OrderedDict[str, Context] = OrderedDict()

    def add(self, trace_id: str, opened: OpenTrace, *, limit: int) -> list[Run]:
        """Keep `opened`; return what had to give way."""
        with self._lock:
            self._open[trace_id] = opened
            return [self._forget(next(iter(self._open))) for _ in range(max(0, len(self._open) - limit))]

    def pop(self, trace_id: str) -> Run | None:
        """Take out an open trace, or return None."""
        with self._lock:
            return self._forget(trace_id) if trace_id in self._open else None

    def overdue(self, now_ns: int) -> list[Run]:
        """Take out every trace whose time is over."""
        with self._lock:
            late = [trace_id for trace_id, opened in self._open.items() if opened.deadline_ns <= now_ns]
            return [self._forget(trace_id) for trace_id in late]

    def next_deadline(self, *, scheduled: bool) -> int | None:
        """When to sweep next, for whoever has to schedule it: None while a sweep is `scheduled` already or none is needed."""
        with self._lock:
            if self._sweeping and not scheduled:
                return None
            self._sweeping = bool(self._open)
            return min((opened.deadline_ns for opened in self._open.values()), default=None)

    def context(self, trace_id: str) -> Context | None:
        """The context within a trace, open or lately ended."""
        with self._lock:
            opened = self._open.get(trace_id)
            return opened.run.frame.context if opened else self._ended.get(trace_id)

    def _forget(self, trace_id: str) -> Run:
        run = self._open.pop(trace_id).run
        self._ended[trace_id] = run.frame.context
        while len(self._ended) > REMEMBERED:
            self._ended.popitem(last=False)
        return run


_registry = Registry()


def start_trace(
    name: str = "trace",
    *,
    request_id: str | None = None,
    model_version: str | None = None,
    tenant: str | None = None,
    workspace: str | None = None,
    session: str | None = None,
    user: str | None = None,
    attributes: Mapping[str, object] | None = None,
) -> str:
    """Begin a trace and return its id, for `trace_stage(trace_id, …)` and `end_trace(trace_id)` anywhere in this process.

    The trace is kept locally (store, trace file) even where its spans are sampled out of export. It does not become the
    calling code's current trace: use a `with trace(…)` block for that.

    Args:
        name: Name of the root span.
        request_id: The caller's id of the request; on every span, never on a metric.
        model_version: The model at work, on spans and metrics below.
        tenant: Whose request it is.
        workspace: A part of the tenant.
        session: A conversation or visit of several requests.
        user: Who asked.
        attributes: More attributes of the root span.

    Returns:
        32 hex digits; a fresh id even where nothing is configured.
    """
    told = {"request_id": request_id, "model_version": model_version, "tenant": tenant, "workspace": workspace}
    run = attempt("stages", _start, name, {**told, "session": session, "user": user}, attributes)
    # Where no span could be made (a broken sampler, say) the life cycle still works, under an id of our own.
    trace_id = run.trace_id if run and run.span.get_span_context().is_valid else _clock.new_id()
    if run is not None:
        attempt("stages", _keep, trace_id, run)
    return trace_id


def end_trace(trace_id: str, *, error: BaseException | None = None, **attributes: object) -> bool:
    """End a trace begun by `start_trace`, from any thread; again is harmless.

    Args:
        trace_id: What `start_trace` returned.
        error: What made the request fail, if anything did.
        attributes: What is to be known of the whole, as `final_decision="ml_validated"`.

    Returns:
        Whether this call ended it.
    """
    ended = False
    with guard("stages"):
        run = _registry.pop(trace_id)
        if run is not None:
            run.span.set_attributes(clean.attributes(attributes))
            run.end(outcome.of(error))
            ended = True
    return ended


def context_of(trace_id: str) -> Context | None:
    """Return the context within a trace begun by `start_trace`, or None where the id is unknown."""
    return _registry.context(trace_id)


def begin_in(trace_id: str, place: Site) -> Run | None:
    """Start a stage as a child of the trace begun by `start_trace`; of an unknown id, a root linked to it, and counted."""
    if spans.idle():
        return None
    base = _registry.context(trace_id)
    if base is not None:
        return begin(place, base=base)
    return attempt("stages", _begin_unknown, trace_id, place)


def sweep() -> None:
    """End every trace whose time is over as abandoned."""
    for run in _registry.overdue(_clock.monotonic_ns()):
        run.end(outcome.ABANDONED)
    _schedule_sweep(scheduled=True)


def abandon_all() -> None:
    """End every open trace as abandoned; before telemetry is shut down."""
    for run in _registry.overdue(2**63):
        run.end(outcome.ABANDONED)


def _start(name: str, told: Mapping[str, str | None], attributes: Mapping[str, object] | None) -> Run | None:
    if spans.idle():
        return None
    caller = otel_trace.get_current_span().get_span_context()
    base = otel_context.set_value(spans.KEEP, True, otel_context.Context())  # noqa: FBT003  a context value
    # A new trace has no parent, but it is still the same tenant's, session's and user's work.
    for key, value in context.values(otel_context.get_current()).items():
        base = baggage.set_baggage(key, value, base)
    base = context.with_values(base, told)
    links = [Link(caller)] if caller.is_valid else []
    return Run(site.of_block(name, site.Options()), base=base, attributes=attributes, links=links)


def _keep(trace_id: str, run: Run) -> None:
    telemetry = current()
    seconds, limit = (
        (telemetry.settings.open_trace_seconds, telemetry.settings.open_traces_max) if telemetry else (3600.0, 10_000)
    )
    deadline = _clock.monotonic_ns() + int(seconds * 1e9)
    for crowded_out in _registry.add(trace_id, OpenTrace(run, deadline), limit=limit):
        crowded_out.end(outcome.ABANDONED)
    _schedule_sweep(scheduled=False)


def _schedule_sweep(*, scheduled: bool) -> None:
    deadline = _registry.next_deadline(scheduled=scheduled)
    if deadline is not None:
        handover.ready()
        handover.later(sweep, delay_s=max(0.0, (deadline - _clock.monotonic_ns()) / 1e9))


def _begin_unknown(trace_id: str, place: Site) -> Run:
    instruments.counter(internal.UNKNOWN_TRACES).inc()
    given = clean.text(trace_id, limit=64)
    links = []
    with suppress(ValueError):  # not an id at all: the attribute below still shows what was given
        links.append(Link(SpanContext(int(given, 16), 0, is_remote=True), {names.UNKNOWN_TRACE: given}))
    return Run(place, base=otel_context.Context(), attributes={names.UNKNOWN_TRACE: given}, links=links)
