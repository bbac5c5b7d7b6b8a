"""The telemetry of a process: its providers, made or adopted, and how they are flushed and ended."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.trace import NoOpTracerProvider

from stagelight import _guard
from stagelight.telemetry import handover
from stagelight.telemetry.flight import Deadline, Flight
from stagelight.telemetry.spans import SCOPE

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Sequence

    from opentelemetry.metrics import Meter, MeterProvider
    from opentelemetry.trace import Tracer, TracerProvider

    from stagelight._clock import Ids
    from stagelight.config import Settings
    from stagelight.telemetry.delivery import Delivery
    from stagelight.wire.records import SpanRecord

    Sink = Callable[[list[SpanRecord]], None]

HOPELESS_S = 1.0  #: How long an ending process retries where nobody listens.
LAST_S = 0.5  #: What is left of the time at the end for giving up in order.
TICK_S = 0.05


@dataclass(frozen=True, slots=True)
class Owned:
    """Which providers are ours; the others belong to the application, which alone ends them."""

    traces: bool = True
    metrics: bool = True
    logs: bool = True


@dataclass(slots=True)
class Parts:
    """What a telemetry is put together from; see `build`."""

    tracer: Tracer
    meter: Meter
    tracer_provider: TracerProvider
    meter_provider: MeterProvider
    logger_provider: Any = None
    owned: Owned = field(default_factory=Owned)
    deliveries: dict[str, Delivery] = field(default_factory=dict)
    closing: list[Callable[[], object]] = field(default_factory=list)  #: Called once at the end.
    log_handlers: list[logging.Handler] = field(default_factory=list)  #: For the root logger.
    port: int = 0  #: Where /metrics is served; 0 if nowhere.

    def close(self) -> bool:
        """Call all that is to be called at the end."""
        for close in self.closing:
            _guard.attempt("telemetry", close)
        return True


class Telemetry:
    """Tracer and meter in use, and the way out for what they yield."""

    def __init__(self, settings: Settings, parts: Parts) -> None:
        """Put together what `build` made."""
        self.settings = settings
        self.tracer = parts.tracer
        self.meter = parts.meter
        self.tracer_provider = parts.tracer_provider
        self.meter_provider = parts.meter_provider
        self.logger_provider = parts.logger_provider
        self.owned = parts.owned
        self.port = parts.port
        self.log_handlers = tuple(parts.log_handlers)
        self._deliveries = parts.deliveries
        self._closing = Flight("close", parts.close)
        self._flushing = {name: Flight(f"flush-{name}", d.flush) for name, d in parts.deliveries.items()}
        self._stopping = {name: Flight(f"stop-{name}", d.stop) for name, d in parts.deliveries.items()}
        self._told = dict.fromkeys(parts.deliveries, 0)
        self._ending = threading.Lock()
        self._ended: bool | None = None

    @property
    def ended(self) -> bool:
        """Whether `shutdown` has been called."""
        return self._ended is not None

    @property
    def span_processors(self) -> list[Any]:
        """Those of our deliveries which take spans from an SDK provider."""
        return [delivery for delivery in self._deliveries.values() if hasattr(delivery, "on_end")]

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Deliver what was recorded so far.

        Returns:
            True if all that was recorded since the last flush has reached its destination; False if anything was lost,
            or `timeout_s` seconds were not enough. Comes back within `timeout_s` and a moment, whatever the network does.
        """
        deadline = Deadline(timeout_s)
        settled = handover.settle(deadline.left_s)
        tickets = {name: flight.ask() for name, flight in self._flushing.items()}
        # A list, not a generator: every one is waited for, also after the first that failed.
        done = [self._flushing[name].wait(ticket, deadline) for name, ticket in tickets.items()]
        return self._lost_nothing() and settled and all(done)

    def hurry(self, signal: str) -> None:
        """Have what waits of `signal` (spans, metrics or logs) delivered without waiting for its batch; comes back at once."""
        for name, flight in self._flushing.items():
            if name.startswith(signal):
                flight.ask()

    def shutdown(self, timeout_s: float = 5.0) -> bool:
        """Deliver what was recorded and end what is ours; once, however often it is called.

        Returns:
            As `flush`. Where nobody listens at the other end it gives up after a second, else after `timeout_s`.
        """
        with self._ending:
            if self._ended is None:
                self._ended = False
                self._ended = self._shutdown(Deadline(timeout_s))
            return self._ended

    def _shutdown(self, deadline: Deadline) -> bool:
        settled = handover.settle(deadline.left_s / 2)
        tickets = {name: flight.ask() for name, flight in self._stopping.items()}
        closing = self._closing.ask()
        patience = Deadline(min(HOPELESS_S, deadline.left_s))
        good = True
        for name, ticket in tickets.items():
            good &= self._wait(name, ticket, deadline, patience)
        self._closing.wait(closing, deadline)
        return self._lost_nothing() and settled and good

    def _lost_nothing(self) -> bool:
        """Whether nothing was lost since a caller was last told."""
        before, self._told = self._told, {name: delivery.losses for name, delivery in self._deliveries.items()}
        return before == self._told

    def _wait(self, name: str, ticket: int, deadline: Deadline, patience: Deadline) -> bool:
        """Wait for one delivery to end; cut it short when waiting longer is no use."""
        flight, delivery = self._stopping[name], self._deliveries[name]
        cut = False
        while deadline.left_s:
            if flight.wait(ticket, Deadline(min(TICK_S, deadline.left_s))):
                return True
            if flight.done(ticket):
                return False
            late = deadline.left_s < LAST_S or (not patience.left_s and delivery.hopeless())
            if late and not cut:
                cut = True
                _guard.attempt("telemetry", delivery.cut)
        _guard.attempt("telemetry", delivery.abandon)
        return False


def build(
    settings: Settings,
    *,
    sinks: Sequence[Sink] = (),
    span_exporter: Any = None,
    metric_readers: Sequence[Any] | None = None,
    ids: Ids | None = None,
    instance: str = "",
) -> Telemetry:
    """Return telemetry as `settings` say; nothing global is changed.

    Args:
        settings: Which exporters, where to, how often.
        sinks: Called with the records of finished traces, on a thread of our own.
        span_exporter: Takes the place of the exporters that `settings` name for spans.
        metric_readers: Take the place of the exporters that `settings` name for metrics.
        ids: Source of trace and span ids; the process's own if None.
        instance: The `service.instance.id`; the process's own if empty.

    Raises:
        ConfigurationError: An exporter's name, a protocol, an endpoint or a sampler cannot be used.
    """
    if settings.disabled:
        return Telemetry(settings, _nothing())
    from stagelight.telemetry import providers

    return Telemetry(
        settings,
        providers.made(
            settings,
            sinks=sinks,
            span_exporter=span_exporter,
            metric_readers=metric_readers,
            ids=ids,
            instance=instance,
        ),
    )


def _nothing() -> Parts:
    """Parts that record nothing, for OTEL_SDK_DISABLED; the SDK is not even imported."""
    traces, meters = NoOpTracerProvider(), NoOpMeterProvider()
    owned = Owned(traces=False, metrics=False, logs=False)
    return Parts(traces.get_tracer(SCOPE), meters.get_meter(SCOPE), traces, meters, owned=owned)
