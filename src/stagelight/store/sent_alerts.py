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
    whole("sent_ns"),  # last
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
        """Note that `alerts` were sent."""
        if not alerts:
            return
        rows = [
            {name: clean(getattr(alert, name)) for name in (*KEY, "name")} | {"sent_ns": at_ns}
            for alert in dict.fromkeys(alerts)
        ]
        upsert = self._database.insert(table).on_conflict_do_update(index_elements=list(KEY), set_={"sent_ns": at_ns})
        with self._database.writing() as connection:
            connection.execute(upsert, rows)
