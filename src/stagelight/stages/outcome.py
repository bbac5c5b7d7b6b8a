"""How a stage ended, and what that writes on its span."""

from __future__ import annotations

import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from opentelemetry.trace import Status, StatusCode

from stagelight._guard import guard
from stagelight.stages import names, redact

if TYPE_CHECKING:
    from opentelemetry.trace import Span

OURS = str(Path(__file__).parent)
Name = Literal["ok", "error", "cancelled", "abandoned"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a stage."""

    name: Name
    error: BaseException | None = None

    @property
    def error_type(self) -> str:
        """The exception's class, with its module unless it is built in; empty where there was none."""
        if self.error is None or self.name in ("ok", "abandoned"):
            return ""
        kind = type(self.error)
        return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


OK = Outcome("ok")
ABANDONED = Outcome("abandoned")


def of(error: BaseException | None) -> Outcome:
    """Return how a stage ended that was left with `error`.

    A cancelled task and Ctrl-C are cancelled; `sys.exit()` without a failure code is ok; a generator that was closed or
    dropped before its end is abandoned.

    >>> of(None).name, of(ValueError("x")).name, of(KeyboardInterrupt()).name, of(SystemExit(0)).name
    ('ok', 'error', 'cancelled', 'ok')
    """
    if error is None or (isinstance(error, SystemExit) and error.code in (None, 0)):
        return OK
    if isinstance(error, KeyboardInterrupt) or _is_cancellation(error):
        return Outcome("cancelled", error)
    if isinstance(error, GeneratorExit):
        return ABANDONED
    return Outcome("error", error)


def _is_cancellation(error: BaseException) -> bool:
    # Where asyncio is not loaded no task was cancelled, and loading it would add a third to the time of our import.
    loaded = sys.modules.get("asyncio.exceptions")
    return loaded is not None and isinstance(error, loaded.CancelledError)


def write(span: Span, outcome: Outcome) -> None:
    """Put `outcome` on `span`: status, error type, and the exception as an event, without secrets."""
    with guard("stages"):
        span.set_attribute(names.OUTCOME, outcome.name)
        if outcome.error is None:
            return
        message = redact.text(outcome.error, limit=redact.MAX_TEXT)
        span.set_attribute(names.ERROR_TYPE, outcome.error_type)
        span.set_status(Status(StatusCode.ERROR, f"{outcome.error_type}: {message}"))
        span.add_event(
            "exception",
            {
                names.EXCEPTION_TYPE: outcome.error_type,
                names.EXCEPTION_MESSAGE: message,
                names.EXCEPTION_STACKTRACE: redact.text(_stack(outcome.error)),
            },
        )


def _stack(error: BaseException) -> str:
    """The traceback as Python prints it, without our own frames: the reader looks for theirs."""
    with guard("stages"):
        printed = traceback.TracebackException.from_exception(error)
        theirs = [frame for frame in printed.stack if not frame.filename.startswith(OURS)]
        printed.stack = traceback.StackSummary.from_list(theirs)
        return "".join(printed.format())
    return ""
