"""`Outbox`: alerts as the store keeps them, durable before they are sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from stagelight import _clock
from stagelight.alerts.alert import OWN, Alert
from stagelight.store.model import KeptAlert

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stagelight.store.outbox import Outbox as Kept

RESOLVED_SECONDS = 900.0  #: How long an ended alert is posted again, for an Alertmanager that was away when it ended.

State = Literal["firing", "resolved"]


class Outbox:
    """What fires and what ended, by identity, in its last known state."""

    def __init__(self, kept: Kept) -> None:
        """Keep alerts in `kept`, which is `store.outbox`."""
        self._kept = kept

    def put(self, told: Iterable[tuple[Alert, int]], *, announce: bool | None = None) -> list[Alert]:
        """Commit alerts, each with the moment it was told (nanoseconds since 1970), and return how each stands now.

        What is told twice, or after something newer, changes nothing. With `announce=False` Alertmanager alone hears
        that an alert fires again whose end people were told of; they do once it is put with `announce=True`.

        Raises:
            StoreUnavailableError: The store cannot be reached.
            StoreFullError: The disk is full.
        """
        # A clock that is ahead must not make its word the last one for hours.
        now = _clock.wall_ns()
        rows = [row_of(alert, min(at, now)) for alert, at in told]
        return [alert_of(row) for row in self._kept.put(rows, announce=announce)]

    def current(self) -> list[Alert]:
        """Return all that Alertmanager must know: what fires, and what has ended lately."""
        return [
            alert_of(row) for row in self._kept.current(ended_after_ns=_clock.wall_ns() - int(RESOLVED_SECONDS * 1e9))
        ]

    def unannounced(self) -> list[tuple[Alert, KeptAlert]]:
        """Return what people have not been told by ourselves: what began, and what ended of what they were told."""
        return [(alert_of(row), row) for row in self._kept.unannounced(now_ns=_clock.wall_ns())]

    def announced(self, row: KeptAlert, state: State) -> None:
        """Note that people were told."""
        self._kept.announced(row, state)


def row_of(alert: Alert, told_ns: int) -> KeptAlert:
    """Return `alert` as the store keeps it."""
    labels = alert.identity
    return KeptAlert(
        tenant=labels["tenant"],
        workspace=labels["workspace"],
        fingerprint=alert.fingerprint,
        name=alert.name,
        severity=alert.severity,
        labels=labels,
        annotations=dict(alert.annotations),
        trace_ids=alert.trace_ids,
        starts_ns=round(alert.starts_at * 1e9),
        ends_ns=0 if alert.ends_at is None else max(1, round(alert.ends_at * 1e9)),
        told_ns=told_ns,
    )


def alert_of(row: KeptAlert) -> Alert:
    """Return the alert that `row` keeps."""
    return Alert(
        name=row.name,
        severity=row.severity,  # type: ignore[arg-type]  # it was checked when it was put
        labels={name: value for name, value in row.labels.items() if name not in OWN},
        annotations=row.annotations,
        starts_at=row.starts_ns / 1e9,
        ends_at=max(row.ends_ns, row.starts_ns) / 1e9 if row.ends_ns else None,
        trace_ids=row.trace_ids,
    )
