"""Late truth on a real PostgreSQL: the same statement, the same outcomes, the same views as on SQLite."""

from __future__ import annotations

import os
import random
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from late_truth import DAY, START, came, figures, joined, outcomes, rule, said
from many_predictions import END, RULES, fill
from stagelight import truth
from stagelight.store import open_store
from stagelight.truth import rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postgres import Postgres
    from stagelight.store import Store

MIXED = """churn: {truth: exists, events: [cancelled, lapsed], within: 30d, grace: 2d, exclude: {events: [died]}}
  digit: {truth: last, events: label, within: 20d, corrections: 10d}
  spend: {truth: sum, events: paid, within: 20d, threshold: 1.0}
  clicks: {truth: count, events: click, within: 20d, threshold: 2}
"""
EVENTS = {"churn": ("cancelled", "lapsed", "died"), "digit": ("label",), "spend": ("paid",), "clicks": ("click",)}
VIEWS = ("v_concept_drift_metrics", "v_model_performance_tracking", "v_drift_alerts")


@pytest.fixture
def store(postgres: Postgres, request: pytest.FixtureRequest) -> Iterator[Store]:
    """A store in a database of its own."""
    with open_store(postgres.create(f"late-{request.node.name}"[:60])) as opened:
        yield opened


def views(store: Store) -> dict[str, list[dict[str, Any]]]:
    """Every row of every view, floats rounded: the two databases add up in another order."""
    found = {}
    with store._database.reading() as connection:
        for name in VIEWS:
            rows = [dict(row) for row in connection.execute(sa.text(f"SELECT * FROM {name}")).mappings()]
            for row in rows:
                row.update(
                    {key: round(float(value), 9) for key, value in row.items() if not isinstance(value, str | None)}
                )
                row.pop("judged_ns", None)
            found[name] = sorted(rows, key=str)
    return found


def write_all(store: Store) -> None:
    """Predictions of four types over a month, and events about them: words, corrections, things taken back."""
    draw = random.Random(7)
    predictions, events = [], []
    for number in range(400):
        kind = list(EVENTS)[number % 4]
        score = draw.choice([draw.random(), 0.3, 0.1, None, 7.0])
        predictions.append(
            said(f"p{number}", kind, day=number / 13, version="ab"[number % 3 == 0], score=score, decision="3")
        )
        for part in range(draw.randrange(4)):
            about = {"prediction_id": f"p{number}"} if draw.random() < 0.5 else {"of": f"p{number}"}
            day, value = number / 13 + draw.random() * 35, draw.choice([None, 0.0, 1.0, -1.0, 0.1, 0.2])
            events.append(
                came(f"t{number}-{part}", draw.choice(EVENTS[kind]), day, value=value, label=draw.choice("38"), **about)
            )
    store.rows.write(predictions)
    store.rows.write(events)


def test_both_databases_say_the_same(store: Store, tmp_path: Path) -> None:
    """Outcomes, their histories, figures and views, joined at three moments on both; again changes nothing on either."""
    read = rule(MIXED)
    found = []
    with open_store(tmp_path / "a.db") as other:
        for one in (store, other):
            write_all(one)
            reports = [joined(one, read, day) for day in (10, 30, 100)]
            assert joined(one, read, 100).revisions == 0
            for name in read.types:
                for assessment in truth.assess(one, read.rules[name], now=START + 100 * DAY):
                    truth.keep(one, assessment, judged_ns=1)
            history = [[tuple(row)[:-1] for row in one.outcomes.history(f"p{number}")] for number in range(400)]
            counts = [
                [(part.predictions, part.revisions, part.corrected) for part in report.types] for report in reports
            ]
            found.append((figures(one, read, 100), history, counts, views(one)))
    assert found[0] == found[1]
    assert any(len(history) > 1 for history in found[0][1])


def test_two_workers_that_join_at_once_end_in_one_history(store: Store) -> None:
    """Nobody fails, nothing is written twice, and the outcomes are right when both have ended."""
    store.outcomes._slice = 50
    store.rows.write([said(f"p{number}", day=number / 100) for number in range(400)])
    store.rows.write([came(f"t{number}", "cancelled", 9, of=f"p{number}") for number in range(0, 400, 2)])
    read = rule("churn: {truth: exists, events: cancelled, within: 30d}")
    errors: list[BaseException] = []

    def work() -> None:
        try:
            joined(store, read, 60)
        except BaseException as error:  # noqa: BLE001  reported by the test
            errors.append(error)

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)

    assert errors == []
    joined(store, read, 60)
    assert outcomes(store) == {f"p{number}": "01"[number % 2 == 0] for number in range(400)}
    assert {len(store.outcomes.history(f"p{number}")) for number in range(0, 400, 7)} == {1}


def processor_seconds(server: int) -> float:
    """What the processes of a PostgreSQL server have used of the processor so far, those that have ended included."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = (
                stat.read_text().rpartition(")")[2].split()
            )  # from the state on: parent, ..., user, system, of children
            if int(fields[1]) == server or stat.parent.name == str(server):
                ticks += sum(map(int, fields[11:13] if int(fields[1]) == server else fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_million_predictions_and_three_million_events_take_a_minute(store: Store, postgres: Postgres) -> None:
    """Joined within 60 s of processor time on PostgreSQL, ours and the server's; wall time would measure the neighbours."""
    fill(store, 1_000_000)
    with store._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("ANALYZE"))
    assert postgres.process
    server = postgres.process.pid
    wall, processor = time.perf_counter(), time.process_time() + processor_seconds(server)

    report = truth.join(store, rules.parse(RULES), now=END)

    wall, processor = time.perf_counter() - wall, time.process_time() + processor_seconds(server) - processor
    print(f"{processor:.1f} s of processor time, {wall:.1f} s in all")
    assert sum(one.predictions for one in report.types) == 1_000_000
    assert processor <= 60
