"""Many predictions and three times as many events, made inside the database: the same ones at each run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from stagelight.store.database import CACHE_KIB

if TYPE_CHECKING:
    from stagelight.store import Store

DAY = 86_400
START = 20_000 * DAY  #: The first prediction; the last is 60 days later.
END = START + 120 * DAY  #: All is mature.

RULES = b"""
types:
  churn: {truth: exists, events: [cancelled, paused], within: 30d, exclude: {events: [died]}}
  spend: {truth: sum, events: [paid], within: 10d, threshold: 60}
  digit: {truth: last, events: [label], within: 20d}
  clicks: {truth: count, events: [click], within: 10d}
"""
TYPES = ("churn", "spend", "digit", "clicks")
COUNT = "WITH RECURSIVE counted(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM counted WHERE i < {last})"
#: A number that looks drawn: below 2**32, other for each i.
DRAWN = "((i * 2654435761 + {salt}) % 4294967296)"
ID = "'p' || CAST((({i}) * 2654435761) % 4294967296 AS TEXT) || '-' || CAST({i} AS TEXT)"

PREDICTIONS = """
INSERT INTO predictions (tenant, workspace, prediction_id, type, model_version, score, decision, entity, observed_at,
                         seen_ns)
{count} SELECT 'default', 'default', {id}, CASE i % 4 {types} END, 'v' || CAST(i % 3 AS TEXT),
        (i % 1000) / 1000.0, 'd' || CAST(i % 10 AS TEXT), 'e' || CAST(i AS TEXT),
        {start} + {drawn} / 4294967296.0 * 60 * 86400 AS moment, i FROM counted ORDER BY moment
"""
#: Event j is about prediction j % size; every other names it, the rest name the entity.
EVENTS = """
INSERT INTO truth (tenant, workspace, truth_id, event, prediction_id, entity, value, label, observed_at, seen_ns)
{count} SELECT 'default', 'default', 't' || CAST(i AS TEXT),
        CASE (i % {size}) % 4 WHEN 0 THEN CASE i % 7 WHEN 0 THEN 'died' WHEN 1 THEN 'paused' ELSE 'cancelled' END
                              WHEN 1 THEN 'paid' WHEN 2 THEN 'label' ELSE 'click' END,
        CASE WHEN i % 2 = 0 THEN {id} ELSE '' END, CASE WHEN i % 2 = 0 THEN '' ELSE 'e' || CAST(i % {size} AS TEXT) END,
        i % 50, 'd' || CAST(i % 10 AS TEXT),
        {start} + {of_prediction} / 4294967296.0 * 60 * 86400 + {drawn} / 4294967296.0 * 40 * 86400, i FROM counted
"""


def fill(store: Store, size: int) -> None:
    """Write `size` predictions and three times as many events."""
    types = " ".join(f"WHEN {number} THEN '{name}'" for number, name in enumerate(TYPES))
    drawn = DRAWN.format(salt=0)
    place = {"size": size, "start": START, "types": types}
    made = PREDICTIONS.format(count=COUNT.format(last=size - 1), id=ID.format(i="i"), drawn=drawn, **place)
    events = EVENTS.format(
        count=COUNT.format(last=3 * size - 1),
        id=ID.format(i=f"i % {size}"),
        drawn=DRAWN.format(salt=12345),
        of_prediction=drawn.replace("i *", f"(i % {size}) *"),
        **place,
    )
    with store._database.writing() as connection:
        if store._database.is_sqlite:
            connection.exec_driver_sql("PRAGMA cache_size=-600000")  # a connection of a store has 16 MiB
        for statement in (made, events):
            sql = statement if store._database.is_sqlite else statement.replace("(i * ", "(CAST(i AS BIGINT) * ")
            connection.execute(sa.text(sql))
        if store._database.is_sqlite:
            connection.exec_driver_sql(f"PRAGMA cache_size=-{CACHE_KIB}")
