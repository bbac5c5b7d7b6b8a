"""Where the receiver puts what it decoded: the store, and the relay of alerts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from stagelight.alerts.relay import Relay
    from stagelight.store import Store
    from stagelight.web.tenancy import Seen
    from stagelight.wire.decoded import Decoded
    from stagelight.wire.records import LogRecord


class Refused(NamedTuple):
    """What of a request was not taken, for the partial success of OTLP."""

    records: int
    message: str


@dataclass(frozen=True, slots=True)
class Keeping:
    """Where received records go."""

    store: Store
    seen: Seen
    relay: Relay
    lines: bool = True  #: Keep log lines too; else alert events alone are taken.

    def logs(self, records: Decoded[LogRecord], tenant: str | None) -> Refused:
        """Commit log records, the alert events among them to the outbox too; say what was refused."""
        # Alerts first: they shall neither wait for the lines, nor be lost with them where the store is full.
        taken = self.relay.take(records, tenant=tenant)
        records_refused, said = records.rejected + taken.refused, [records.message, taken.reason]
        if self.lines:
            self.store.logs.write(records, tenant=tenant)
        elif taken.others:
            records_refused += taken.others
            said.append(f"{taken.others} log records are no alert events, which are all that this relay takes.")
        return Refused(records_refused, " ".join(filter(None, said)))
