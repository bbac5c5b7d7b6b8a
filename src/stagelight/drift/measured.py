"""What a check found, as the row that is kept of it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from stagelight.store.drift_model import Measurement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagelight.drift.comparison import Comparison
    from stagelight.drift.held import Owner
    from stagelight.store.drift_model import Verdict

LEFT_OUT = frozenset({"alert", "warning", "groups"})


def measurement(
    found: Comparison, owner: Owner, whose: Mapping[str, str], *, since_ns: int, until_ns: int, example: tuple[str, str]
) -> Measurement:
    """Return the row of a comparison that was made at `until_ns` and looked back to `since_ns`."""
    told: dict[str, Any] = {name: value for name, value in asdict(found).items() if name not in LEFT_OUT}
    return Measurement(
        **owner,
        **(told | dict(whose)),
        verdict=verdict_of(found),
        measured_ns=until_ns,
        since_ns=since_ns,
        until_ns=until_ns,
        trace_id=example[0],
        span_id=example[1],
    )


def verdict_of(found: Comparison) -> Verdict:
    """Return what to make of a comparison in one word."""
    if found.alert:
        return "alert"
    return "warning" if found.warning else "quiet"
