"""Records of standard logging go out as OTLP logs, with the ids of the stage they were written in.

The only file that touches OpenTelemetry's log signal, whose packages still carry an underscore.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

from opentelemetry._logs import LogRecord, SeverityNumber, get_logger_provider
from opentelemetry.context import get_current
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter, LogRecordExportResult

from stagelight import _clock, _guard
from stagelight._version import __version__
from stagelight.telemetry import clean
from stagelight.telemetry.complaint import exporting, listen_to, listening
from stagelight.telemetry.current import current
from stagelight.telemetry.delivery import Watch
from stagelight.telemetry.spans import SCOPE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.sdk._logs import ReadableLogRecord
    from opentelemetry.sdk.resources import Resource

QUIET = (
    "opentelemetry",
    "urllib3",
    "requests",
    "grpc",
)  #: Loggers of the delivery itself, which would feed on themselves.

_PLAIN = frozenset(vars(logging.LogRecord("", 0, "", 0, "", None, None))) | {"message", "asctime", "taskName"}
_SEVERITIES = ((50, SeverityNumber.FATAL, "FATAL"), (40, SeverityNumber.ERROR, "ERROR"), (30, SeverityNumber.WARN, "WARN"), (20, SeverityNumber.INFO, "INFO"), (10, SeverityNumber.DEBUG, "DEBUG"), (0, SeverityNumber.TRACE, "TRACE"))  # fmt: skip


class LogDelivery:
    """Sends the records of standard logging as OTLP logs."""

    def __init__(self, exporter: LogRecordExporter, *, resource: Resource, where: str, queue_max: int) -> None:
        """Send to `where` through `exporter`; keep at most `queue_max` records waiting."""
        self._watch = Watch("log records", where)
        self._exporter = exporter
        self._queue_max = queue_max
        self._queued = 0
        self._ended = False
        # Re-entrant: a finaliser that logs may run in the middle of any line.
        self._lock = threading.RLock()
        listen_to(exporter)
        self.provider = LoggerProvider(resource=resource, shutdown_on_exit=False)
        self.provider.add_log_record_processor(
            BatchLogRecordProcessor(_Counted(exporter, self), max_queue_size=queue_max)
        )
        self.handler = Handler(self)
        self.logger = self.provider.get_logger(SCOPE, __version__)

    def send(self, record: logging.LogRecord) -> None:
        """Queue `record`; where the queue is full it is dropped, and the next flush says so."""
        if self._reserved():
            self.logger.emit(translated(record))

    def send_event(self, record: LogRecord) -> bool:
        """Queue a record that is OpenTelemetry's already; False where it was dropped."""
        taken = self._reserved()
        if taken:
            self.logger.emit(record)
        return taken

    def _reserved(self) -> bool:
        with self._lock:
            if self._ended or self._queued >= self._queue_max:
                self._watch.losses += 1
                return False
            self._queued += 1
            return True

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        """Export a batch; called by the batch processor's thread."""
        with self._lock:
            self._queued -= len(batch)
        good = self._watch.export(lambda: self._exporter.export(batch), LogRecordExportResult.SUCCESS, len(batch))
        return LogRecordExportResult.SUCCESS if good else LogRecordExportResult.FAILURE

    @property
    def losses(self) -> int:
        """See `Delivery`."""
        return self._watch.losses

    def flush(self) -> bool:
        """See `Delivery`."""
        return self._ended or self.provider.force_flush()

    def stop(self) -> bool:
        """See `Delivery`."""
        self._ended = True
        logging.getLogger().removeHandler(self.handler)
        self.provider.shutdown()
        return not self._queued

    def cut(self) -> None:
        """See `Delivery`."""
        with listening():
            self._exporter.shutdown()  # type: ignore[no-untyped-call]  # the SDK's has no types

    def abandon(self) -> None:
        """See `Delivery`."""
        self._watch.abandon(self._queued)

    def hopeless(self) -> bool:
        """See `Delivery`."""
        return self._watch.refused()


class _Counted(LogRecordExporter):
    """What the batch processor takes for its exporter."""

    def __init__(self, exporter: LogRecordExporter, delivery: LogDelivery) -> None:
        self._exporter, self._delivery = exporter, delivery

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        return self._delivery.export(batch)

    def shutdown(self) -> None:
        with _guard.guard("telemetry"), listening():
            self._exporter.shutdown()  # type: ignore[no-untyped-call]  # the SDK's has no types

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return bool(_guard.attempt("telemetry", self._exporter.force_flush, timeout_millis))


class Handler(logging.Handler):
    """Turns records of standard logging into OTLP log records with the ids of the running stage."""

    def __init__(self, delivery: LogDelivery) -> None:
        """Send through `delivery`."""
        super().__init__()
        self.delivery = delivery

    def emit(self, record: logging.LogRecord) -> None:
        """Send `record` on, unless it comes from the delivery itself."""
        if exporting() or record.name.partition(".")[0] in QUIET:
            return
        with _guard.guard("telemetry"):
            self.delivery.send(record)


def send_event(name: str, *, body: str, attributes: Mapping[str, object], level: int = logging.INFO) -> bool:
    """Send an event through every log exporter that is on, ahead of its batch; with the ids of the running stage.

    Where `configure()` made no log exporter, it goes through the one that the application has set, if it has.

    Returns:
        Whether it is on its way; False where there is no exporter, or its queue is full.
    """
    record = _event(name, body, attributes, level)
    telemetry = current()
    ours = [handler for handler in (telemetry.log_handlers if telemetry else ()) if isinstance(handler, Handler)]
    if telemetry is None or not ours:
        provider = get_logger_provider()
        provider.get_logger(SCOPE, __version__).emit(record)
        return isinstance(provider, LoggerProvider)
    taken = [handler.delivery.send_event(record) for handler in ours]
    telemetry.hurry("logs")
    return all(taken)


def _event(name: str, body: str, attributes: Mapping[str, object], level: int) -> LogRecord:
    number, text = severity(level)
    now = _clock.wall_ns()
    return LogRecord(
        timestamp=now,
        observed_timestamp=now,
        context=get_current(),
        severity_text=text,
        severity_number=number,
        body=clean.text(body),
        attributes=clean.attributes(attributes),
        event_name=name,
    )


def translated(record: logging.LogRecord) -> LogRecord:
    """Return `record` as OpenTelemetry has it; what was passed as `extra` becomes attributes."""
    number, text = severity(record.levelno)
    return LogRecord(
        timestamp=int(record.created * 1e9),
        observed_timestamp=_clock.wall_ns(),
        context=get_current(),
        severity_text=text,
        severity_number=number,
        body=clean.text(record.getMessage()),
        attributes=_attributes(record),
    )


def severity(level: int) -> tuple[SeverityNumber, str]:
    """Return OpenTelemetry's number and name for a level of standard logging.

    >>> severity(logging.WARNING)[1], severity(35)[1]
    ('WARN', 'WARN')
    """
    return next(
        ((number, text) for least, number, text in _SEVERITIES if level >= least), (SeverityNumber.TRACE, "TRACE")
    )


def _attributes(record: logging.LogRecord) -> dict[str, Any]:
    ours = {"otelTraceID", "otelSpanID", "trace_id", "span_id"}
    found = {key: value for key, value in vars(record).items() if key not in _PLAIN and key not in ours}
    found |= {
        "logger.name": record.name,
        "code.file.path": record.pathname,
        "code.function.name": record.funcName,
        "code.line.number": record.lineno,
    }
    if record.exc_info and record.exc_info[1] is not None:
        error = record.exc_info[1]
        found["exception.type"] = type(error).__qualname__
        found["exception.message"] = clean.text(error)
        found["exception.stacktrace"] = logging.Formatter().formatException(record.exc_info)
    return dict(clean.attributes(found))
