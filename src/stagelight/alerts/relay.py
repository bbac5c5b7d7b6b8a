"""`Relay`: takes alert events out of log records, commits them, and has them sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stagelight import _clock
from stagelight.alerts.events import alert_of, is_alert
from stagelight.alerts.keeper import Keeper
from stagelight.alerts.outbox import Outbox
from stagelight.errors import AlertError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stagelight.alerts.alert import Alert
    from stagelight.config import Settings
    from stagelight.store import Store
    from stagelight.wire.records import LogRecord


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of the alert events in a request."""

    alerts: int = 0  #: Committed.
    refused: int = 0
    reason: str = ""  #: Why the first of those was refused.
    others: int = 0  #: Records that are no alert events.


class Relay:
    """From log records to the outbox of a store, and from there to Alertmanager and people."""

    def __init__(self, store: Store, settings: Settings) -> None:
        """Keep alerts in `store` and send them where `settings` say; nothing is sent before `start`.

        Raises:
            ConfigurationError: An address or a severity cannot be used.
        """
        self._outbox = Outbox(store.outbox)
        self._keeper = Keeper.of_settings(settings, self._outbox)

    @property
    def idle(self) -> bool:
        """Whether there is nobody to send to."""
        return self._keeper.idle

    def start(self) -> None:
        """Send what is in the outbox, and from now on what comes."""
        self._keeper.start()

    def take(self, records: Iterable[LogRecord], *, tenant: str | None = None) -> Taken:
        """Commit the alerts that `records` tell of and have them sent; say what was refused.

        Args:
            records: Log records; those that are no alert events are only counted.
            tenant: Whose the alerts are, whatever they say; None believes them.

        Raises:
            StoreUnavailableError: The store cannot be reached; nothing was taken.
            StoreFullError: The disk is full; nothing was taken.
        """
        told: list[tuple[Alert, int]] = []
        refused, reason, others = 0, "", 0
        for record in records:
            if not is_alert(record):
                others += 1
                continue
            try:
                told.append((alert_of(record, tenant=tenant), record.time_ns or _clock.wall_ns()))
            except AlertError as error:
                refused, reason = refused + 1, reason or str(error)
        self._keeper.tell(self._outbox.put(told))
        return Taken(len(told), refused, reason, others)

    def stop(self) -> None:
        """End; what was not sent is in the outbox."""
        self._keeper.stop()
