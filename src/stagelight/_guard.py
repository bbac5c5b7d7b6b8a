"""The only `except Exception`: the host's program never pays for a mistake of ours.

What is caught is counted by room (telemetry shows the counts as `stagelight_internal_errors_total`) and logged at most
once a minute and room, with its traceback. Exceptions of the host's own code must never pass through here.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from stagelight import _clock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

P = ParamSpec("P")
T = TypeVar("T")

LOG_EVERY_NS = 60 * 1_000_000_000

_log = logging.getLogger("stagelight")
_counts: dict[str, int] = {}
_logged_at: dict[str, int] = {}


def report(room: str, error: BaseException) -> None:
    """Count `error` for `room`, and log it unless the room was logged within the last minute."""
    _counts[room] = _counts.get(room, 0) + 1
    now = _clock.monotonic_ns()
    last = _logged_at.get(room)
    if last is not None and 0 <= now - last < LOG_EVERY_NS:
        return
    _logged_at[room] = now
    _log.warning("stagelight.%s failed inside; your program goes on (%d so far)", room, _counts[room], exc_info=error)


class guard:  # noqa: N801  reads as a statement: `with guard("stages"):`
    """Swallow, count and log whatever our own code raises inside the block.

    >>> with guard("doctest"):
    ...     pass
    """

    __slots__ = ("_room",)

    def __init__(self, room: str) -> None:
        """Blame `room` for what is raised inside."""
        self._room = room

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """Report and swallow an `Exception`; let KeyboardInterrupt, SystemExit and cancellation pass."""
        if not isinstance(error, Exception):
            return False
        with suppress(Exception):  # a logging handler of the host may raise; there is nobody left to tell
            report(self._room, error)
        return True


def attempt(room: str, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """Call `function`; on an error of ours report it and return None."""
    with guard(room):
        return function(*args, **kwargs)
    return None


def errors() -> Mapping[str, int]:
    """How many errors were caught, by room."""
    return dict(_counts)


def forget() -> None:
    """Start counting anew; for tests."""
    _counts.clear()
    _logged_at.clear()
