"""The truth about ourselves as metrics: what became of spans, and the errors kept from the program."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.metrics import Observation

from stagelight import _guard
from stagelight.catalogue.internal import INTERNAL_ERRORS, SPANS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.metrics import CallbackOptions, Meter

    from stagelight.telemetry.delivery import Ledger

ROOMS = (
    "alerts",
    "drift",
    "feedback",
    "journal",
    "loops",
    "routing",
    "setup",
    "sink",
    "stages",
    "store",
    "telemetry",
    "truth",
)  #: Their errors count from 0.


def observe(meter: Meter, ledgers: Sequence[Ledger]) -> None:
    """Show what `ledgers` and the guard have counted; both count where no metric could be recorded safely."""

    def spans(_options: CallbackOptions) -> list[Observation]:
        fates = ("delivered", "dropped", "failed")
        return [Observation(sum(getattr(ledger, fate) for ledger in ledgers), {"fate": fate}) for fate in fates]

    def errors(_options: CallbackOptions) -> list[Observation]:
        counts = {**dict.fromkeys(ROOMS, 0), **_guard.errors()}
        return [Observation(count, {"room": room}) for room, count in counts.items()]

    meter.create_observable_counter(SPANS.name, callbacks=[spans], description=SPANS.help)
    meter.create_observable_counter(INTERNAL_ERRORS.name, callbacks=[errors], description=INTERNAL_ERRORS.help)
