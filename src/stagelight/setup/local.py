"""What stays on this machine: finished traces into the store and the trace file, rows into the store or to a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagelight import _clock, _guard, sink
from stagelight.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable

    from stagelight.config import Settings
    from stagelight.journal import TraceFile
    from stagelight.loops.trajectories import Finished
    from stagelight.sink import Sink
    from stagelight.store import Store
    from stagelight.wire.records import SpanRecord


EXPIRE_EVERY_NS = 600 * 1_000_000_000


class Local:
    """The store and the trace file that the settings name."""

    def __init__(self, settings: Settings) -> None:
        """Open them.

        Raises:
            ConfigurationError: An address cannot be used, or the extra `store` is not installed.
            StoreError: The store cannot be opened.
        """
        on = not settings.disabled
        #: None where the settings name none.
        self.store = _store(settings) if on and settings.store else None
        self._file = _file(settings) if on and settings.trace_log_file else None
        self._scored = _scoring(settings) if on and settings.enable_trajectory_evaluation else None
        self._expire_at_ns = 0  # monotonic; the first write of a process looks at once
        #: Where predictions, feedback and truth go; None refuses them.
        self.rows: Sink | None = _rows(self.store, settings) if on else None

    @property
    def sinks(self) -> list[Callable[[list[SpanRecord]], None]]:
        """What finished traces are handed to."""
        found: list[Callable[[list[SpanRecord]], None]] = []
        if self.store is not None:
            found.append(self._keep)
        if self._file is not None:
            found.append(self._append)
        if self._scored is not None:
            found.append(self._scored)
        return found

    def begin(self) -> None:
        """Deliver rows that an earlier process left behind."""
        if isinstance(self.rows, sink.SpooledSink):
            self.rows.begin()

    def close(self) -> None:
        """Deliver no more of what waits, and close the store."""
        if isinstance(self.rows, sink.SpooledSink):
            _guard.attempt("setup", self.rows.end)
        if self.store is not None:
            _guard.attempt("setup", self.store.close)

    def _keep(self, records: list[SpanRecord]) -> None:
        if self.store is None:
            return
        self.store.traces.write(records)
        # No server looks after this store, so its writer does, on the thread that finished traces have anyway.
        now = _clock.monotonic_ns()
        if now >= self._expire_at_ns:
            self._expire_at_ns = now + EXPIRE_EVERY_NS
            self.store.admin.expire()

    def _append(self, records: list[SpanRecord]) -> None:
        if self._file is not None:
            append(self._file, records)


def append(file: TraceFile, records: list[SpanRecord]) -> None:
    """Append `records` to the trace file, a line for each trace."""
    traces: dict[str, list[SpanRecord]] = {}
    for span in records:
        traces.setdefault(span.trace_id, []).append(span)
    for spans in traces.values():
        file.append(spans)


def _file(settings: Settings) -> TraceFile:
    from stagelight.journal import TraceFile

    return TraceFile(settings.trace_log_file, settings.trace_cleanup_hours)


def _rows(store: Store | None, settings: Settings) -> Sink | None:
    if store is None:
        return sink.from_settings(settings)
    try:  # a store may be locked or full for a while, as a server may be away
        return sink.with_spool(store.rows, settings, store.url)
    except BaseException:
        store.close()
        raise


def _scoring(settings: Settings) -> Finished:
    from stagelight.loops.trajectories import Finished

    return Finished(settings)


def _store(settings: Settings) -> Store:
    try:
        from stagelight.store import open_configured
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("stagelight"):
            raise
        raise MissingExtraError("store", "STAGELIGHT_STORE") from error
    return open_configured(settings)
