"""Whole traces for local sinks: ended spans are gathered until no span of their trace is open, then handed over.

Sinks (store, trace file, tests) run on a thread of their own, each guarded: a slow or failing one costs the program nothing.
"""

from __future__ import annotations

import os
import queue
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakSet

from opentelemetry.sdk.trace import SpanProcessor

from stagelight import _guard
from stagelight.telemetry.convert import record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, Span

    from stagelight.wire.records import SpanRecord

    Sink = Callable[[list[SpanRecord]], None]

MAX_OPEN = 10_000  #: Traces with an open span; past it the oldest is handed over as far as it got.
MAX_WAITING = 50_000  #: Ended spans that may wait for the sinks; past it whole traces are dropped.
BATCH = 500  #: Spans after which sinks are called rather than gathering more traces that wait.


@dataclass(slots=True)
class _Trace:
    open: int = 0
    ended: list[ReadableSpan] = field(default_factory=list)


_processors: WeakSet[FinishedTraces] = WeakSet()


class FinishedTraces(SpanProcessor):
    """Hands finished traces to sinks; each call of a sink gets the spans of one or more whole traces."""

    def __init__(self, sinks: Sequence[Sink]) -> None:
        """Hand over to each of `sinks`, in order."""
        self._sinks = tuple(sinks)
        self.dropped = 0  #: Spans that came while the sinks were too far behind.
        self.losses = 0  #: How often something was lost so far.
        self._ended = False
        self._begin()
        _processors.add(self)

    def _begin(self) -> None:
        """Start with nothing; once more in a forked child, which has none of its parent's threads."""
        # Re-entrant: a span may end in a finaliser, in the middle of any line.
        self._lock = threading.RLock()
        self._open: dict[int, _Trace] = {}
        self._waiting = 0
        self._queue: queue.SimpleQueue[list[ReadableSpan] | threading.Event | None] = queue.SimpleQueue()
        threading.Thread(target=self._work, args=(self._queue,), name="stagelight-traces", daemon=True).start()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002  the SDK's signature
        """Count the span as open."""
        if self._ended:
            return
        context = span.get_span_context()
        with self._lock:
            trace = self._open.get(context.trace_id)
            if trace is None:
                trace = self._open[context.trace_id] = _Trace()
                if len(self._open) > MAX_OPEN:
                    self._hand_over(self._open.pop(next(iter(self._open))))
            trace.open += 1

    def on_end(self, span: ReadableSpan) -> None:
        """Gather the span; hand its trace over if it was the last open one."""
        if span.context is None or self._ended:
            return
        with self._lock:
            trace = self._open.get(span.context.trace_id) or _Trace(open=1)
            trace.ended.append(span)
            trace.open -= 1
            if trace.open <= 0:
                self._open.pop(span.context.trace_id, None)
                self._hand_over(trace)

    def flush(self) -> bool:
        """Wait until every finished trace has been through the sinks."""
        return self._ended or self._wait(None)

    def stop(self) -> bool:
        """Hand over the ended spans of open traces too, do as `flush` does, and end the thread."""
        with self._lock:
            if self._ended:
                return True
            for trace in self._open.values():
                self._hand_over(trace)
            self._open.clear()
            self._ended = True
        self._wait(None)
        self._queue.put(None)
        return True

    def cut(self) -> None:
        """A sink that hangs cannot be helped."""

    def abandon(self) -> None:
        """Count what the sinks have not taken as lost."""
        self.losses += 1

    def hopeless(self) -> bool:
        """A sink may always come back."""
        return False

    def shutdown(self) -> None:
        """Do as `stop` does; called when the provider is shut down by someone else."""
        self.stop()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Wait until the sinks have seen every finished trace; say whether it was within `timeout_millis`."""
        return self._ended or self._wait(timeout_millis / 1_000)

    def _wait(self, timeout_s: float | None) -> bool:
        done = threading.Event()
        self._queue.put(done)
        return done.wait(timeout_s)

    def _hand_over(self, trace: _Trace) -> None:
        if not trace.ended:
            return
        if self._waiting + len(trace.ended) > MAX_WAITING:
            self.dropped += len(trace.ended)
            self.losses += 1
            return
        self._waiting += len(trace.ended)
        self._queue.put(trace.ended)

    def _work(self, waiting: queue.SimpleQueue[list[ReadableSpan] | threading.Event | None]) -> None:
        """Gather what waits, up to a batch, and call the sinks; the thread's whole life."""
        item: list[ReadableSpan] | threading.Event | None = []
        while item is not None:
            item = waiting.get()
            batch: list[ReadableSpan] = []
            while isinstance(item, list):
                batch += item
                if len(batch) >= BATCH or waiting.empty():
                    break
                item = waiting.get()
            if batch:
                self._call(batch)
            if isinstance(item, threading.Event):
                item.set()

    def _call(self, spans: list[ReadableSpan]) -> None:
        with self._lock:
            self._waiting -= len(spans)
        records = [
            found for found in (_guard.attempt("telemetry", record, span) for span in spans) if found is not None
        ]
        for sink in self._sinks:
            good = False
            with _guard.guard("telemetry"):
                sink(records)
                good = True
            if not good:
                self.losses += 1


def _after_fork() -> None:
    for processor in list(_processors):
        processor._begin()  # noqa: SLF001  the same module


os.register_at_fork(after_in_child=_after_fork)
