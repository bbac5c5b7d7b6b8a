"""Forgetting somebody: nothing of them is left, neither in rows nor in the files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from stagelight.cli.main import cli
from stagelight.feedback.span import record_of
from stagelight.sink.rows import Decision, Feedback, Prediction, Truth
from stagelight.sink.spool import Spool
from stagelight.stages.context import told_as
from stagelight.store import database, open_store
from stagelight.wire.records import LogRecord, SpanRecord

if TYPE_CHECKING:
    from pathlib import Path

ANN, BOB = "ann-0815@example.org", "bob-4711@example.org"
KEY = "k"
TRACES = {ANN: "a" * 32, BOB: "b" * 32}
RESOURCE = {"service.name": "app"}


def fill(store):
    """What two users leave behind in a store; Ann is known under her pseudonym in one row."""
    for number, user in enumerate((ANN, BOB)):
        own = {"trace_id": TRACES[user], "resource": RESOURCE}
        store.traces.write(
            [SpanRecord(span_id="1" * 16, name="answer", start_ns=1, end_ns=2, attributes={"user.id": user}, **own)]
        )
        store.logs.write([LogRecord(time_ns=1, body=f"{user} asked", attributes={"user.id": user}, **own)])
        store.logs.write([LogRecord(time_ns=1, body="x", attributes={"user.id": user})])
        made = {"type": "churn", "observed_at": 1.0}
        # Each judges an answer to the other one's question, and one that nobody asked.
        about = TRACES[BOB if user == ANN else ANN]
        said = [
            Feedback(feedback_id=f"{user}-1", kind="explicit", signal="rating", value=4, reward=0.75, user=user,
                     comment=f"I am {user}", trace_id="c" * 32, observed_at=1.0),
            Feedback(feedback_id=f"f{number}", kind="explicit", signal="comment", comment=f"{user} here", trace_id=about,
                     user=told_as(user, KEY), observed_at=1.0),
        ]  # fmt: skip
        store.rows.write(
            [
                Prediction(prediction_id=f"p{number}", entity=user, **made),
                Prediction(prediction_id=f"q{number}", features={"mail": user}, trace_id=TRACES[user], **made),
                Truth(truth_id=f"t{number}", event="e", entity=user, observed_at=2.0),
                Truth(truth_id=f"u{number}", event="e", prediction_id=f"p{number}", observed_at=2.0),
                Decision(decision_id=f"d{number}", arm="small", trace_id="c" * 32, observed_at=1.0),
                *said,
            ]
        )
        store.traces.write([record_of(row, capture=True, now_ns=3) for row in said])


def files(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path / "s.db") as opened:
        fill(opened)
        yield opened


def test_nothing_of_a_person_is_left_in_the_database_or_its_log(store, tmp_path):
    """Neither their name nor what they wrote can be found in the files afterwards; the other's is untouched."""
    names = {ANN, told_as(ANN, KEY)}
    assert any(name.encode() in files(tmp_path) for name in names)
    with store._database.raw() as connection:
        connection.execute("PRAGMA secure_delete=OFF")  # what SQLite does by itself; Debian's build overwrites
    gone = store.people.forget(names)

    held = files(tmp_path)
    assert gone == (2, 1, 2, 2, True)
    assert not any(name.encode() in held for name in names)
    assert BOB.encode() in held
    assert held.count(BOB.encode()) >= 5


def test_what_others_said_and_what_routers_learn_stays(store):
    """Bob's rows, his trace and the rewards that wait are there; Ann's feedback is out of Bob's trace."""
    waiting = store.deliveries.depth("router:default")
    store.people.forget({ANN, told_as(ANN, KEY)})

    assert {row.user for row in store.rows.export("feedback")} == {BOB, told_as(BOB, KEY)}
    assert {row.prediction_id for row in store.rows.export("predictions")} == {"p1", "q1"}
    assert {row.truth_id for row in store.rows.export("truth")} == {"t1", "u1"}
    assert store.traces.get(TRACES[ANN]) is None
    assert [span.name for span in store.traces.get(TRACES[BOB]).spans] == ["answer"]
    assert store.deliveries.depth("router:default") == waiting


def test_one_tenants_person_is_not_anothers(store):
    """Two tenants may call somebody the same."""
    assert store.people.forget({ANN}, tenant="other") == (0, 0, 0, 0, True)
    assert store.rows.count("feedback") == 4


@pytest.mark.parametrize("names", [set(), {""}, {"   "}, {"%"}, {"ann"}])
def test_nobody_else_is_meant(store, names):
    """An empty name means nobody, a pattern is no pattern, and a part of a name is another name."""
    assert store.people.forget(names) == (0, 0, 0, 0, True)


def test_while_somebody_reads_it_says_that_old_pages_may_be_left(tmp_path, monkeypatch):
    """The rows are gone at once; that the files are clean is only said when it is so."""
    monkeypatch.setattr(database, "BUSY_MS", 50)  # patience with the reader
    names = {ANN, told_as(ANN, KEY)}
    with open_store(tmp_path / "s.db") as store, open_store(tmp_path / "s.db") as other:
        fill(store)
        with other._database.reading() as connection:
            connection.exec_driver_sql("SELECT count(*) FROM feedback").all()
            first = store.people.forget(names)
        again = store.people.forget(names)

    assert (first.feedback, first.scrubbed) == (2, False)
    assert (again.feedback, again.scrubbed) == (0, True)
    assert ANN.encode() not in files(tmp_path)


def test_the_command_reaches_store_and_spool(tmp_path, monkeypatch):
    """`stagelight db forget` knows the pseudonym too, says how much went, and nothing is left on this machine."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("STAGELIGHT_USER_ID_KEY", KEY)
    with open_store(tmp_path / "s.db") as opened:
        fill(opened)
    spool = Spool(tmp_path / "stagelight" / "spool" / "one", 2**20)
    rows = [
        Feedback(feedback_id=f"w{n}", kind="implicit", signal="skip", user=user, trace_id="a" * 32, observed_at=1.0)
        for n, user in enumerate((told_as(ANN, KEY), BOB))
    ]
    spool.append(rows)
    run = lambda *more: CliRunner().invoke(  # noqa: E731  one line is enough
        cli, ["db", "forget", "--user", ANN, "--store", str(tmp_path / "s.db"), *more], prog_name="stagelight"
    )

    assert (refused := run()).exit_code == 2
    assert "nothing was removed" in refused.stderr
    done = json.loads(run("--yes", "--json").stdout)
    again = run("--yes")

    assert done == {"waiting": 1, "feedback": 2, "traces": 1, "predictions": 2, "truth": 2, "scrubbed": True}
    assert again.stdout == "removed nothing\n"
    assert not any(name.encode() in files(tmp_path) for name in (ANN, told_as(ANN, KEY)))
    assert [row.feedback_id for row in spool.batch(10).rows] == ["w1"]
