"""Old buckets made coarser: after a day nobody looks at 10 seconds, and 90 days of them would push the traces out.

Fifty busy series fill some 40 MB a day at 10 seconds, and little over 1 MB at 5 minutes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from stagelight.store.rollups import Addition, Series, counts_of
from stagelight.store.tables import rollups, series
from stagelight.wire.records import Tenancy

if TYPE_CHECKING:
    from stagelight.store.rollups import Rollups

COARSE_S = 300
FINE_NS = 86_400 * 1_000_000_000  #: How long 10-second buckets are kept.
AT_ONCE = 2_000
NS = 1_000_000_000


def coarsen(connection: sa.Connection, added: Rollups, before_ns: int) -> int:
    """Merge some buckets that begin before a moment into those of 5 minutes; return how many went."""
    rows = connection.execute(_fine(before_ns // NS // COARSE_S * COARSE_S)).all()
    if not rows:
        return 0
    key = rollups.c.tenant, rollups.c.workspace, rollups.c.series, rollups.c.bucket, rollups.c.source
    gone = [(row.tenant, row.workspace, row.series, row.bucket, row.source) for row in rows]
    for start in range(0, len(gone), AT_ONCE // 10):
        part = gone[start : start + AT_ONCE // 10]
        connection.execute(sa.delete(rollups).where(sa.tuple_(*key).in_(part)))
    added.add(connection, [_coarse(row) for row in rows])
    return len(rows)


def _fine(before: int) -> sa.Select[Any]:
    """Select buckets that are not yet coarse, in the order of time: of a gauge the last value stays."""
    chosen = sa.select(rollups, series.c.name, series.c.labels, series.c.kind, series.c.bounds)
    chosen = chosen.join(series, series.c.id == rollups.c.series)
    fine = rollups.c.bucket < before, rollups.c.bucket % COARSE_S != 0
    return chosen.where(*fine).order_by(rollups.c.bucket).limit(AT_ONCE)


def _coarse(row: Any) -> Addition:
    owner = Tenancy(row.tenant, row.workspace)
    return Addition(
        Series.from_row(owner, row),
        row.bucket // COARSE_S * COARSE_S,
        row.value,
        row.observations,
        counts_of(row.buckets),
        row.source,
    )
