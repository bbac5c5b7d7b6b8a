"""sentry: its decorator inside a transaction, envelopes dropped by the transport."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from benchmarks import kit

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.kit import Case, Measure


def _measure(prepare: Callable[[Callable[[], object]], Callable[[], object]], function: Callable[[], None]) -> Measure:
    sentry: Any = import_module("sentry_sdk")
    transport: Any = import_module("sentry_sdk.transport")

    class Drop(transport.Transport):  # type: ignore[misc]  # a peer's class, imported by name
        def capture_envelope(self, envelope: object) -> None:
            """Send nothing."""

    sentry.init(dsn="http://key@127.0.0.1:9/1", traces_sample_rate=1.0, transport=Drop)
    return kit.timed(kit.within(lambda: sentry.start_transaction(name="root"), prepare(sentry.trace(function))))


def recorded() -> Measure:
    """Time a recorded child."""
    return _measure(lambda call: call, kit.empty)


def exception() -> Measure:
    """Time a child whose function raises."""
    return _measure(kit.swallowed, kit.boom)


CASES: dict[str, Case] = {"recorded": recorded, "exception": exception}
