"""The sink that a process writes to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from serving import served
from spool_rows import prediction
from stagelight import _guard, sink
from stagelight.config import load
from stagelight.errors import ConfigurationError
from stagelight.sink.aside import aside
from stagelight.sink.rows import Receipt


def test_without_a_sink_rows_are_refused_with_what_to_set():
    """Nothing configured: the receipt says which settings would help."""
    with sink.using(None):
        receipt = sink.write(prediction(1))

    assert (receipt.status, receipt.id) == ("refused", "p1")
    assert "STAGELIGHT_STORE or STAGELIGHT_URL" in receipt.reason


def test_sink_in_use_gets_the_row_and_the_one_before_comes_back(flaky):
    """A row goes to the sink in use; after the block the one before is in use again."""
    with sink.using(None):
        with sink.using(flaky):
            assert sink.write(prediction(1)) == Receipt("stored", "p1")
        assert sink.use(None) is None


def test_row_that_may_not_be_kept_never_reaches_the_sink(flaky):
    """A row is checked before it leaves."""
    with sink.using(flaky):
        receipt = sink.write(replace(prediction(1), score=float("nan")))

    assert (receipt.status, flaky.calls) == ("refused", 0)
    assert "finite" in receipt.reason


def test_sink_that_is_away_is_a_refusal_without_a_spool(flaky):
    """With no spool, a sink that is away refuses, and says why."""
    flaky.away = "nobody home"
    with sink.using(flaky):
        assert sink.write(prediction(1)) == Receipt("refused", "p1", "nobody home")


def test_error_of_ours_is_a_refusal_and_is_counted(flaky):
    """A mistake inside a sink does not reach the program; it is counted."""
    flaky.write = lambda rows: 1 / 0
    with sink.using(flaky):
        receipt = sink.write(prediction(1))

    assert receipt.status == "refused"
    assert _guard.errors() == {"sink": 1}


def test_no_address_no_sink(tmp_path):
    """Without STAGELIGHT_URL there is no HTTP sink."""
    assert sink.from_settings(load(environ={}, start=tmp_path)) is None


def test_settings_choose_server_token_and_spool(tmp_path):
    """Address, token and spool out of the settings lead to a committed row."""
    with served(tmp_path, token=True) as server:
        token = server.token("feedback")["Authorization"].removeprefix("Bearer ")
        told = load(environ={}, start=tmp_path, url=server.url, token=token, spool=tmp_path / "spool")
        with sink.using(sink.from_settings(told)):
            assert sink.write(prediction(1)) == Receipt("stored", "p1")
    assert (tmp_path / "spool").is_dir()


def test_spool_can_be_off(tmp_path):
    """STAGELIGHT_SPOOL_MAX_BYTES=0 keeps nothing on disk."""
    told = load(environ={}, start=tmp_path, url="http://127.0.0.1:9", spool_max_bytes=0)

    assert isinstance(sink.from_settings(told), sink.HttpSink)


def test_each_server_and_token_has_its_own_spool(tmp_path, monkeypatch):
    """Rows that wait for one server, under one token, are not delivered to another, or as another tenant's."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    for url, token in (
        ("http://127.0.0.1:9", "sl_a_a"),
        ("http://127.0.0.1:9", "sl_b_b"),
        ("http://127.0.0.1:10", "sl_a_a"),
    ):
        sink.from_settings(load(environ={}, start=tmp_path, url=url, token=token))

    assert len(list((tmp_path / "stagelight" / "spool").iterdir())) == 3


def test_wrong_address_is_told_at_once(tmp_path):
    """An address that cannot be right is a setting to be corrected, not a receipt hours later."""
    with pytest.raises(ConfigurationError, match="expected http"):
        sink.from_settings(load(environ={}, start=tmp_path, url="localhost:4318"))


async def test_aside_never_raises():
    """The asynchronous form refuses where a thread cannot be had or the call fails inside."""

    def broken() -> Receipt:
        raise RuntimeError("no threads left")

    receipt = await aside(broken, "abroken")()

    assert receipt.status == "refused"
    assert _guard.errors() == {"sink": 1}
