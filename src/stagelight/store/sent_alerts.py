"""Which alerts people were sent and when, so that neither a restart nor another process repeats them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
from sqlalchemy import Index, Table

from stagelight.store.codec import clean
from stagelight.store.columns import key, metadata, owner, text, whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagelight.store.database import Database
    from stagelight.store.model import AlertKey

KEY: Final = ("tenant", "workspace", "fingerprint")

table = Table(
    "sent_alerts",
    metadata,
    *owner(key=True),
    key("fingerprint"),  # of the full label set
    text("name"),
    whole("sent_ns"),  # last; 0: never, it was withheld from the start
    whole("withheld"),  # times since then that it was not sent again
    Index("sent_alerts_time", "sent_ns"),
)


class SentAlerts:
    """When each alert was sent last; `Store.sent_alerts`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def last(self, alert: AlertKey) -> int:
        """Return when `alert` was sent last, in nanoseconds since 1970; 0 for never."""
        with self._database.reading() as connection:
            chosen = sa.select(table.c.sent_ns).where(*(table.c[name] == clean(getattr(alert, name)) for name in KEY))
            return connection.execute(chosen).scalar() or 0

    def since(self, tenant: str, after_ns: int) -> int:
        """Return how many alerts of a tenant were sent after a moment."""
        mine = table.c.tenant == clean(tenant), table.c.sent_ns > after_ns
        with self._database.reading() as connection:
            return connection.execute(sa.select(sa.func.count()).select_from(table).where(*mine)).scalar_one()

    def sent(self, alerts: Sequence[AlertKey], at_ns: int) -> None:
        """Note that `alerts` were sent; how often they were withheld counts anew."""
        self._put(alerts, {"sent_ns": at_ns, "withheld": 0})

    def withheld(self, alerts: Sequence[AlertKey]) -> None:
        """Count that `alerts` were not sent again."""
        self._put(alerts, {"withheld": table.c.withheld + 1})

    def withheld_since_sent(self, alert: AlertKey) -> int:
        """Return how often `alert` was withheld since it was sent last."""
        with self._database.reading() as connection:
            chosen = sa.select(table.c.withheld).where(*(table.c[name] == clean(getattr(alert, name)) for name in KEY))
            return connection.execute(chosen).scalar() or 0

    def _put(self, alerts: Sequence[AlertKey], values: dict[str, object]) -> None:
        if not alerts:
            return
        first = {"sent_ns": values.get("sent_ns", 0), "withheld": 0 if "sent_ns" in values else 1}
        rows = [
            {name: clean(getattr(alert, name)) for name in (*KEY, "name")} | first for alert in dict.fromkeys(alerts)
        ]
        upsert = self._database.insert(table).on_conflict_do_update(index_elements=list(KEY), set_=values)
        with self._database.writing() as connection:
            connection.execute(upsert, rows)
