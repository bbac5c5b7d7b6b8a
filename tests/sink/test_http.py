"""Rows to a server over HTTP."""

from __future__ import annotations

import json

import pytest

from odd_server import odd_server
from serving import served
from spool_rows import prediction, truth
from stagelight.errors import UnreachableError
from stagelight.sink import Feedback, HttpSink
from stagelight.sink.http import MAX_ROWS


def test_rows_are_committed_by_a_real_server(tmp_path):
    """Rows of all three kinds are in the server's store when their receipts say `stored`; twice is once."""
    rows = [
        prediction(1, features={"age": 3}, trace_id="a" * 32),
        Feedback(feedback_id="f1", kind="explicit", signal="rating", value=4, prediction_id="p1", observed_at=1.0),
        truth(1),
        truth(2),
    ]
    with served(tmp_path) as server:
        sink = HttpSink(server.url)
        first, second = sink.write(rows), sink.write(rows)

        assert [(receipt.status, receipt.id) for receipt in first] == [
            ("stored", "p1"),
            ("stored", "f1"),
            ("stored", "t1"),
            ("stored", "t2"),
        ]
        assert [receipt.accepted for receipt in second] == [True] * 4
        assert [server.store.rows.count(kind) for kind in ("predictions", "feedback", "truth")] == [1, 1, 2]


def test_missing_token_is_told_with_what_to_do(tmp_path):
    """A server that wants a token is named together with the setting to look at."""
    with served(tmp_path, token=True) as server:
        with pytest.raises(UnreachableError, match=r"answered 401: .*STAGELIGHT_TOKEN"):
            HttpSink(server.url).write([truth(1)])
        read_only = server.token("read")["Authorization"].removeprefix("Bearer ")
        with pytest.raises(UnreachableError, match=r"answered 403: .*scope"):
            HttpSink(server.url, read_only).write([truth(1)])
        token = server.token("feedback")["Authorization"].removeprefix("Bearer ")
        (receipt,) = HttpSink(server.url, token).write([truth(1)])

    assert receipt.status == "stored"


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (500, b"oops", "answered 500: no reason given"),
        (503, b'{"message": "busy"}', "answered 503: busy"),
        (507, b'{"message": "full"}', "STAGELIGHT_STORE_MAX_BYTES"),
        (404, b"<html>", "STAGELIGHT_URL"),
        (200, b"<html>hello", "answered 200"),
        (200, b'{"receipts": []}', "answered 200"),
        (200, b'{"receipts": [{"status": "eaten"}]}', "answered 200"),
        (200, b'{"receipts": ["stored"]}', "answered 200"),
        (200, b"[]", "answered 200"),
    ],
)
def test_an_answer_without_receipts_means_not_committed(status, body, says):
    """Whatever a server answers, only a receipt counts as one; the row may be sent again."""
    with odd_server() as server:
        server.answer = lambda _: (status, {}, body)
        with pytest.raises(UnreachableError, match=says):
            HttpSink(server.url).write([truth(1)])


@pytest.mark.parametrize("status", [400, 413, 422])
def test_rows_that_no_second_try_will_help_are_refused(status):
    """Where the rows themselves are at fault they are refused, with the server's sentence."""
    with odd_server() as server:
        server.answer = lambda _: (status, {}, b'{"message": "never"}')
        (receipt,) = HttpSink(server.url).write([truth(1)])

    assert (receipt.status, receipt.id, receipt.reason) == ("refused", "t1", "never")


def test_too_large_a_batch_is_sent_in_halves():
    """A server that takes less at once gets less at once; nothing is refused for its neighbours' size."""

    def small(seen):
        rows = json.loads(seen.body)
        if len(rows) > 2:
            return 413, {}, b'{"message": "too much"}'
        return 200, {}, json.dumps({"receipts": [{"status": "stored", "id": row["truth_id"]} for row in rows]}).encode()

    with odd_server() as server:
        server.answer = small
        receipts = HttpSink(server.url).write([truth(i) for i in range(7)])

    assert [(receipt.status, receipt.id) for receipt in receipts] == [("stored", f"t{i}") for i in range(7)]


def test_many_rows_are_sent_in_pieces(tmp_path):
    """More rows than a request may hold are sent in several, and each has its receipt."""
    with served(tmp_path) as server:
        receipts = HttpSink(server.url).write([truth(i) for i in range(MAX_ROWS + 3)])

        assert len(receipts) == server.store.rows.count("truth") == MAX_ROWS + 3
