"""A sink with a spool beside it."""

from __future__ import annotations

import os
import threading

import pytest

from spool_rows import prediction
from stagelight import _guard
from stagelight.errors import StoreFullError, UnreachableError
from stagelight.sink import Spool, SpooledSink, late, spooled
from stagelight.sink.rows import Receipt

MIB = 2**20


def written(sink: SpooledSink, number: int) -> Receipt:
    (receipt,) = sink.write([prediction(number)])
    return receipt


def test_while_the_sink_answers_nothing_touches_the_disk(tmp_path, flaky):
    """Rows go straight through, and their receipts are the sink's own."""
    sink = SpooledSink(flaky, Spool(tmp_path, MIB))

    assert written(sink, 1) == Receipt("stored", "p1")
    assert not list(tmp_path.glob("*.jsonl"))


def test_rows_wait_on_disk_while_the_sink_is_away_and_arrive_in_order(tmp_path, flaky):
    """Rows of an outage are spooled, with the reason, and all arrive in order when the sink is back."""
    sink = SpooledSink(flaky, Spool(tmp_path, MIB))
    flaky.away = "gone for lunch"
    receipts = [written(sink, i) for i in range(5)]
    assert {(receipt.status, receipt.reason) for receipt in receipts} == {("spooled", "gone for lunch")}
    assert not sink.flush(0.2)

    flaky.away = ""
    assert sink.flush(5)

    assert flaky.ids == [f"p{i}" for i in range(5)]
    assert written(sink, 5).status == "stored"


def test_nobody_waits_for_a_sink_that_was_just_found_away(tmp_path, flaky):
    """Only the first row of an outage tries the sink; the others go to disk at once."""
    sink = SpooledSink(flaky, Spool(tmp_path, MIB))
    flaky.away = "slow and dead"
    caller = threading.get_ident()
    tried_by: list[int] = []
    write = flaky.write
    flaky.write = lambda rows: tried_by.append(threading.get_ident()) or write(rows)
    for i in range(10):
        written(sink, i)

    assert tried_by.count(caller) == 1


def test_back_without_being_asked(tmp_path, flaky, monkeypatch):
    """The spool is delivered by its own thread; nobody has to write again or to flush."""
    monkeypatch.setattr(spooled, "FIRST_WAIT_SECONDS", 0.02)
    sink = SpooledSink(flaky, Spool(tmp_path, MIB))
    flaky.away = "away"
    written(sink, 1)
    flaky.away = ""

    assert flaky.took.wait(5)
    assert flaky.ids == ["p1"]


def test_what_an_earlier_process_left_is_delivered(tmp_path, flaky):
    """A new process delivers the rows of one that was killed, before any of its own."""
    Spool(tmp_path, MIB).append([prediction(1), prediction(2)])

    sink = SpooledSink(flaky, Spool(tmp_path, MIB))
    sink.begin()
    assert flaky.took.wait(5)
    assert sink.flush(5)
    written(sink, 3)

    assert flaky.ids == ["p1", "p2", "p3"]


def test_what_waited_is_told_when_it_was_taken(tmp_path, flaky):
    """Whoever follows commits hears of a row when it leaves the spool, with the sink's own answer, and not before."""
    ids = {"p101", "p102", "p103"}
    heard: list[tuple[str, str]] = []

    def listen(row, receipt):
        if row.prediction_id in ids:  # threads of other tests may still be delivering
            heard.append((row.prediction_id, receipt.status))

    late.subscribe(listen)
    sink = SpooledSink(flaky, Spool(tmp_path, MIB))
    flaky.away = "away"
    flaky.refuses = {"p102"}
    for number in (101, 102):
        written(sink, number)
    assert heard == []

    flaky.away = ""
    assert sink.flush(5)
    late.unsubscribe(listen)
    written(sink, 103)

    assert heard == [("p101", "stored"), ("p102", "refused")]
    assert _guard.errors() == {"sink": 1}


def test_a_full_store_is_waited_for(tmp_path, flaky):
    """A store that is full is away as a server is: rows wait."""
    sink = SpooledSink(flaky, Spool(tmp_path, MIB))
    write = flaky.write

    def full(rows):
        raise StoreFullError("no room")

    flaky.write = full
    assert written(sink, 1).status == "spooled"
    flaky.write = write
    assert sink.flush(5)


def test_row_that_is_refused_does_not_block_its_followers(tmp_path, flaky):
    """A row that the server will never take leaves the spool, counted, and the rest arrives."""
    sink = SpooledSink(flaky, Spool(tmp_path, MIB))
    flaky.away = "away"
    for i in range(3):
        written(sink, i)
    flaky.refuses = {"p1"}
    flaky.away = ""

    assert sink.flush(5)
    assert flaky.ids == ["p0", "p2"]
    assert _guard.errors() == {"sink": 1}


def test_no_room_left_says_both_reasons(tmp_path, flaky):
    """With sink and spool both at their end the row is refused, and both reasons are told."""
    sink = SpooledSink(flaky, Spool(tmp_path, 10))
    flaky.away = "gone"
    with pytest.raises(UnreachableError, match=r"gone; the spool is full"):
        written(sink, 1)


def test_while_another_process_delivers_this_one_waits(tmp_path, flaky):
    """Two processes never deliver the same rows at once."""
    with Spool(tmp_path, MIB).delivering():
        Spool(tmp_path, MIB).append([prediction(1)])
        sink = SpooledSink(flaky, Spool(tmp_path, MIB))
        assert not sink.flush(0.2)
        assert flaky.ids == []
    assert sink.flush(5)
    assert flaky.ids == ["p1"]


def test_forked_child_delivers_by_itself(tmp_path, flaky):
    """A child of a fork has no thread and perhaps a held lock: it makes its own, and its row arrives."""
    sink = SpooledSink(flaky, Spool(tmp_path, MIB))
    flaky.away = "away"
    written(sink, 1)
    sink._process = os.getpid() + 1  # as a child finds it after the fork
    sink._lock.acquire()
    flaky.away = ""

    assert written(sink, 2).accepted
    sink._lock = threading.Lock()
    assert sink.flush(5)
    assert flaky.ids == ["p1", "p2"]


def test_after_the_end_nothing_is_delivered(tmp_path, flaky, monkeypatch):
    """A store that was closed is not opened anew by rows that wait; the next process delivers them."""
    monkeypatch.setattr(spooled, "FIRST_WAIT_SECONDS", 0.02)
    sink = SpooledSink(flaky, Spool(tmp_path, MIB))
    flaky.away = "away"
    written(sink, 1)
    before = {thread for thread in threading.enumerate() if thread.name == "stagelight-spool"}

    sink.end()
    flaky.away = ""

    assert len([thread for thread in before if thread.is_alive()]) == len(before) - 1
    assert not flaky.took.wait(0.2)
    assert SpooledSink(flaky, Spool(tmp_path, MIB)).flush(5)
    assert flaky.ids == ["p1"]
