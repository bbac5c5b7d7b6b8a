"""Predictions, feedback and truth over HTTP."""

from __future__ import annotations

import pytest

JSON = {"Content-Type": "application/json"}
TRUTH = {"event": "cancelled", "entity": "c1"}


def test_one_row_gets_one_receipt(server):
    """An object is stored, with the server's time and a fresh id where it has none."""
    answer = server.client.post("/api/truth", json=TRUTH)

    (receipt,) = answer.json()["receipts"]
    (row,) = server.store.rows.export("truth")
    assert (answer.status_code, receipt["status"], receipt["id"]) == (200, "stored", row.truth_id)
    assert row.observed_at > 1.7e9


def test_many_rows_get_a_receipt_each_in_order(server):
    """A list is stored; a row that cannot be taken is refused alone, with its reason, and its id if it has one."""
    rows = [{**TRUTH, "truth_id": "t1"}, {**TRUTH, "truth_id": "t2", "value": "x"}, 5, {**TRUTH, "truth_id": "t3"}]
    answer = server.client.post("/api/truth", json=rows)

    found = [(one["status"], one["id"]) for one in answer.json()["receipts"]]
    assert answer.status_code == 200
    assert found == [("stored", "t1"), ("refused", "t2"), ("refused", ""), ("stored", "t3")]
    assert "expected a finite number" in answer.json()["receipts"][1]["reason"]
    assert server.store.rows.count("truth") == 2


def test_the_same_row_twice_is_one(server):
    """A row that is sent again is accepted again and stored once."""
    for _ in range(2):
        answer = server.client.post("/api/predictions", json={"prediction_id": "p1", "type": "churn", "observed_at": 5})
        assert answer.json()["receipts"][0]["status"] == "stored"

    assert server.store.rows.count("predictions") == 1


def test_no_rows_no_receipts(shared):
    """An empty list is fine."""
    assert shared.client.post("/api/truth", json=[]).json() == {"receipts": []}


@pytest.mark.parametrize(
    ("content", "status", "says"),
    [
        (b"", 400, "not JSON"),
        (b"{", 400, "not JSON"),
        (b"5", 422, "must be an object"),
        (b'"x"', 422, "must be an object"),
        (b"[1, 2]", 422, "must be an object"),
        (b'{"event": "x"}', 422, "prediction_id or the entity"),
        (b'{"event": "x", "entity": "y", "extra": 1}', 422, "no field 'extra'"),
        (b'{"event": "\\ud800", "entity": "y"}', 422, "not Unicode"),
        (b'{"event": "x", "entity": "y", "value": 1e999}', 422, "finite"),
        (b'{"event": "x", "entity": "y", "value": NaN}', 400, "finite"),
        (b'{"event": "x", "entity": "y", "value": ' + b"9" * 5000 + b"}", 400, "JSON"),
        (b"[" * 100_000, 413, "too many values"),
        (b"[" * 10_000, 400, "brackets"),
        (b'{"features":' * 50 + b"1" + b"}" * 50, 400, "nested deeper"),
        (b"[" + b'{"event":"x","entity":"y"},' * 1000 + b'{"event":"x","entity":"y"}]', 422, "send 1000 at most"),
        (b" " * (4 * 2**20 + 1), 413, "4194304 bytes"),
        (b"[" + b"[]," * 60_000 + b"[]]", 413, "too many values"),
    ],
)
def test_bad_body_is_one_clear_sentence_and_stores_nothing(shared, content, status, says):
    """Broken, odd and oversized bodies are answered 400, 413 or 422, and nothing is stored."""
    before = shared.store.rows.count("truth")

    answer = shared.client.post("/api/truth", content=content, headers=JSON)

    assert answer.status_code == status
    assert says in answer.json()["message"]
    assert shared.store.rows.count("truth") == before
