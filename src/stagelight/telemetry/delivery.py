"""Spans, metrics and logs on their way out, behind one seam: what was accepted, delivered, dropped and lost.

The SDK's batch processor and the official exporters do the work. Around them stands what they lack: a count of what became
of every span, an export thread that nothing can kill, and the truth about a flush. A leaner path can replace the inside.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from stagelight import _guard
from stagelight.telemetry.complaint import Complaint, listen_to, listening

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, Span


class Delivery(Protocol):
    """One way out of the process."""

    @property
    def losses(self) -> int:
        """How often something was lost so far."""
        ...

    def flush(self) -> bool:
        """Deliver all that is waiting, however long it takes; say whether it could be tried."""
        ...

    def stop(self) -> bool:
        """Deliver all that is waiting and end; say whether it could be tried."""
        ...

    def cut(self) -> None:
        """Stop retrying; makes a `flush` or `stop` that hangs in retries come back."""
        ...

    def abandon(self) -> None:
        """Count what is still on its way as lost, and say so: the time is over."""
        ...

    def hopeless(self) -> bool:
        """Whether nobody listens at the other end, so that waiting longer is no use."""
        ...


@dataclass(slots=True)
class Ledger:
    """What became of every span: accepted = waiting + delivered + dropped + failed."""

    accepted: int = 0
    delivered: int = 0
    dropped: int = 0  #: The queue was full, or telemetry had ended.
    failed: int = 0  #: An exporter could not deliver it.
    # Re-entrant: a span may end in a finaliser, in the middle of any line.
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    @property
    def waiting(self) -> int:
        """Accepted, and not yet delivered, dropped or failed."""
        return self.accepted - self.delivered - self.dropped - self.failed


class Watch:
    """Runs exports, and remembers what went wrong."""

    def __init__(self, what: str, where: str, of: str = "") -> None:
        """Watch exports of `what` to `where`; what is lost is counted in `of`."""
        self._complaint = Complaint(what, where, of or what)
        self._messages: list[str] = []
        self.losses = 0  #: How often something was lost so far.
        self.good = True  #: Whether the last export arrived.

    def export(self, call: Callable[[], object], good: object, number: int) -> bool:
        """Call an exporter; whatever it raises, even SystemExit, is a failed export and the thread lives on."""
        result = None
        with listening() as self._messages:
            try:
                with _guard.guard("telemetry"):
                    result = call()
            except (SystemExit, KeyboardInterrupt, GeneratorExit) as error:
                _guard.report("telemetry", error)
        self.good = result is good
        if not self.good:
            self.losses += 1
            self._complaint.lost(number, self._messages)
        return self.good

    def abandon(self, number: int) -> None:
        """Count `number` as lost because the time is over."""
        self.losses += 1
        self._complaint.lost(number, [*self._messages, "timed out"])

    def refused(self) -> bool:
        """Whether the export that runs, or ran last, met a closed port."""
        return any("refused" in message for message in list(self._messages))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How long, and how many, spans wait for their delivery."""

    delay_ms: int  #: Milliseconds a span waits at most.
    queue_max: int  #: Spans that wait at once; more are dropped.
    batch_max: int  #: Spans in one export.


class SpanDelivery(SpanProcessor):
    """Delivers sampled spans in batches through one exporter."""

    def __init__(self, exporter: SpanExporter, *, where: str, bounds: Bounds) -> None:
        """Send to `where` through `exporter`, within `bounds`."""
        self.ledger = Ledger()
        self._watch = Watch("spans", where)
        self._exporter = exporter
        self._bounds = bounds
        self._queued = 0
        self._ended = False
        self._abandoned = False
        listen_to(exporter)
        self._batch = BatchSpanProcessor(
            _Counted(exporter, self),
            bounds.queue_max,
            schedule_delay_millis=bounds.delay_ms,
            max_export_batch_size=min(bounds.batch_max, bounds.queue_max),
        )

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing happens before a span ends."""

    def on_end(self, span: ReadableSpan) -> None:
        """Queue `span`; where the queue is full it is dropped and counted, and the program goes on."""
        if span.context is None or not span.context.trace_flags.sampled:
            return
        with self.ledger.lock:
            self.ledger.accepted += 1
            if self._ended or self._queued >= self._bounds.queue_max:
                self.ledger.dropped += 1
                self._watch.losses += 1
                return
            self._queued += 1
        self._batch.on_end(span)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export a batch and count what became of it; called by the batch processor's thread."""
        with self.ledger.lock:
            self._queued -= len(spans)
        good = self._watch.export(lambda: self._exporter.export(spans), SpanExportResult.SUCCESS, len(spans))
        with self.ledger.lock:
            if self._abandoned:
                pass  # counted already
            elif good:
                self.ledger.delivered += len(spans)
            else:
                self.ledger.failed += len(spans)
        return SpanExportResult.SUCCESS if good else SpanExportResult.FAILURE

    @property
    def losses(self) -> int:
        """See `Delivery`."""
        return self._watch.losses

    def flush(self) -> bool:
        """See `Delivery`."""
        return self._ended or self._batch.force_flush()

    def stop(self) -> bool:
        """See `Delivery`."""
        self._ended = True
        self._batch.shutdown()  # type: ignore[no-untyped-call]  # the SDK's has no types
        return not self.ledger.waiting

    def cut(self) -> None:
        """See `Delivery`."""
        self._exporter.shutdown()

    def abandon(self) -> None:
        """See `Delivery`."""
        with self.ledger.lock:
            self._abandoned = True
            lost = self.ledger.waiting
            self.ledger.failed += lost
        self._watch.abandon(lost)

    def hopeless(self) -> bool:
        """See `Delivery`."""
        return self._watch.refused()

    def shutdown(self) -> None:
        """End; called when the provider is shut down by someone else."""
        self.stop()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002  the SDK's exporters know no deadline; Telemetry.flush does
        """Deliver all that is waiting; called when the provider is flushed by someone else."""
        return self.flush()


class _Counted(SpanExporter):
    """What the batch processor takes for its exporter."""

    def __init__(self, exporter: SpanExporter, delivery: SpanDelivery) -> None:
        self._exporter, self._delivery = exporter, delivery

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._delivery.export(spans)

    def shutdown(self) -> None:
        with _guard.guard("telemetry"), listening():
            self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return bool(_guard.attempt("telemetry", self._exporter.force_flush, timeout_millis))


class ProviderDelivery:
    """Flushes what belongs to somebody else, a provider that the application made or a reader, which tell no truth."""

    def __init__(self, provider: Any) -> None:
        """Flush `provider`, which has `force_flush`."""
        self._provider = provider

    @property
    def losses(self) -> int:
        """We cannot know."""
        return 0

    def flush(self) -> bool:
        """See `Delivery`."""
        return self._provider.force_flush() is not False

    def stop(self) -> bool:
        """Flush only: whoever made the provider ends it."""
        return self.flush()

    def cut(self) -> None:
        """Nothing of ours is on its way."""

    def abandon(self) -> None:
        """We cannot know."""

    def hopeless(self) -> bool:
        """We cannot know."""
        return False
