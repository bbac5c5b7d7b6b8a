"""Log lines carry the ids of the stage they were written in."""

from __future__ import annotations

import logging
from typing import Any

from opentelemetry import trace

from stagelight import _guard

NONE = "0"  #: Stands for an id outside a trace, as OpenTelemetry's own logging integration has it.


def ids() -> tuple[str, str]:
    """Return trace id and span id of the running stage as hex, or two zeros outside one."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return NONE, NONE
    return f"{context.trace_id:032x}", f"{context.span_id:016x}"


class Correlation(logging.Filter):
    """Adds `trace_id` and `span_id` to records; put it on a handler whose format wants them. It lets every record pass.

    A filter rather than the record factory, because a record that already had a `trace_id` when the program passes
    `extra={"trace_id": …}` would make `logging` raise into the program.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the ids unless the program set its own."""
        with _guard.guard("telemetry"):
            found = vars(record)
            found.setdefault("trace_id", found.get("otelTraceID") or NONE)
            found.setdefault("span_id", found.get("otelSpanID") or NONE)
        return True


class Correlated:
    """Puts `otelTraceID` and `otelSpanID` on every record of this process, and a `Correlation` on the root's handlers."""

    def __init__(self) -> None:
        """Begin; `undo` ends it."""
        self._before = logging.getLogRecordFactory()
        self._active = True
        self._filter = Correlation()
        logging.setLogRecordFactory(self._record)
        for handler in logging.getLogger().handlers:
            handler.addFilter(self._filter)

    def undo(self) -> None:
        """Leave logging as it was; a factory that someone has put on top of ours stays, and ours adds nothing more."""
        self._active = False
        if logging.getLogRecordFactory() == self._record:
            logging.setLogRecordFactory(self._before)
        for handler in logging.getLogger().handlers:
            handler.removeFilter(self._filter)

    def _record(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = self._before(*args, **kwargs)
        if self._active:
            with _guard.guard("telemetry"):
                record.otelTraceID, record.otelSpanID = ids()
        return record
