"""The outbox: the last word counts, whatever order the words come in, and what is kept outlives the process."""

from __future__ import annotations

import shutil
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stagelight import _clock
from stagelight.alerts import Alert
from stagelight.alerts.outbox import RESOLVED_SECONDS, Outbox
from stagelight.store import open_store
from stored import trace

S = 10**9


def alert(name: str = "A", **more: object) -> Alert:
    return Alert(name=name, **{"starts_at": 1_000.0, **more})


def test_what_fires_outlives_the_process(tmp_path):
    """Another process opens the store and finds every part of the alert."""
    told = alert(
        severity="page", labels={"queue": "q", "tenant": "acme"}, annotations={"summary": "s"}, trace_ids=("ab" * 16,)
    )
    with open_store(tmp_path / "a.db") as store:
        Outbox(store.outbox).put([(told, 5)])

    with open_store(tmp_path / "a.db") as store:
        (kept,) = Outbox(store.outbox).current()

    assert kept.identity == told.identity
    assert (kept.annotations, kept.trace_ids, kept.starts_at, kept.ends_at) == (
        told.annotations,
        told.trace_ids,
        1_000.0,
        None,
    )


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.permutations(range(6)), st.data())
def test_the_last_word_counts_in_any_order_of_arrival(empty_store, tmp_path, order, data):
    """Six words about one alert, some of them twice, in any order and any parts: what was told last is what stands."""
    words = [(alert(starts_at=1_000.0 + n) if n % 2 else alert(ends_at=2_000.0 + n), n + 1) for n in range(6)]
    last = data.draw(st.integers(0, 5))
    arriving = [n for n in order if n <= last] + [last]
    cut = data.draw(st.integers(0, len(arriving)))
    with open_store(shutil.copy(empty_store, tmp_path / "a.db")) as store:
        outbox = Outbox(store.outbox)
        for part in (arriving[:cut], arriving[cut:]):
            outbox.put([words[n] for n in part])
        (row,) = store.outbox.recent()

    assert (row.ends_ns == 0) is bool(last % 2)
    assert row.told_ns == last + 1


def test_a_late_duplicate_does_not_bring_back_what_ended(outbox):
    """The collector delivers at least once: a firing event that comes again after the end changes nothing."""
    outbox.put([(alert(), 1)])
    outbox.put([(alert(ends_at=1_500.0), 2)])

    (stands,) = outbox.put([(alert(), 1)])

    assert stands.ends_at == 1_500.0


def test_an_end_that_overtakes_its_beginning_stands(outbox):
    """The end arrives first, the beginning after: it is over."""
    outbox.put([(alert(ends_at=1_500.0), 2)])

    (stands,) = outbox.put([(alert(), 1)])

    assert stands.ends_at == 1_500.0


def test_going_on_keeps_the_beginning_and_firing_again_makes_a_new_one(outbox):
    """Told again while it fires, it began when it began; told after its end, it begins anew."""
    outbox.put([(alert(), 1)])
    (goes_on,) = outbox.put([(alert(starts_at=1_100.0), 2)])
    (over,) = outbox.put([(alert(starts_at=1_200.0, ends_at=1_300.0), 3)])
    (again,) = outbox.put([(alert(starts_at=1_400.0), 4)])

    assert (goes_on.starts_at, over.starts_at, again.starts_at) == (1_000.0, 1_000.0, 1_400.0)


def test_an_end_without_words_keeps_what_was_said(outbox):
    """Who ends an alert by its labels alone does not wipe its summary and its examples."""
    outbox.put([(alert(annotations={"summary": "s"}, trace_ids=("ab" * 16,)), 1)])

    (over,) = outbox.put([(alert(ends_at=1_500.0), 2)])

    assert (over.annotations, over.trace_ids) == ({"summary": "s"}, ("ab" * 16,))


def test_a_clock_that_is_ahead_does_not_have_the_last_word_for_hours(outbox, stepping):
    """A word from the future counts as told now, so that the next one is newer."""
    outbox.put([(alert(), stepping.wall_ns() + 3_600 * S)])
    stepping.advance(seconds=1)

    (stands,) = outbox.put([(alert(ends_at=1_500.0), stepping.wall_ns())])

    assert stands.ends_at == 1_500.0


def test_an_end_is_repeated_for_a_while_and_then_only_kept(outbox, store, stepping):
    """Alertmanager may have been away: the end is posted for a quarter of an hour; after that it guards against latecomers."""
    now = stepping.wall_ns()
    outbox.put([(alert(starts_at=now / 1e9).ended(), now)])
    assert outbox.current()

    stepping.advance(seconds=RESOLVED_SECONDS + 1)

    assert outbox.current() == []
    assert len(store.outbox.recent()) == 1


def test_an_alert_with_an_end_in_the_future_fires_until_then(outbox, stepping):
    """It is among what people must hear of, first as firing, then as over."""
    now = stepping.wall_ns()
    outbox.put([(alert(starts_at=now / 1e9, ends_at=now / 1e9 + 60), now)])
    ((_, row),) = outbox.unannounced()
    outbox.announced(row, "firing")
    assert outbox.unannounced() == []

    stepping.advance(seconds=61)

    ((over, _),) = outbox.unannounced()
    assert not over.firing


def test_people_are_told_of_each_change_once(outbox):
    """Firing, told; again, silent; over, told; over again, silent; what ended before anyone heard is not told at all."""
    outbox.put([(alert(), 1), (alert("Brief"), 1)])
    outbox.put([(alert("Brief", ends_at=1_500.0), 2)])
    ((first, row),) = outbox.unannounced()
    assert (first.name, first.firing) == ("A", True)
    outbox.announced(row, "firing")
    outbox.put([(alert(starts_at=1_100.0), 3)])
    assert outbox.unannounced() == []

    outbox.put([(alert(ends_at=1_500.0), 4)])

    ((over, row),) = outbox.unannounced()
    assert not over.firing
    outbox.announced(row, "resolved")
    assert outbox.unannounced() == []


def test_two_tenants_have_two_alerts(outbox, store):
    """The same name in two tenants is two alerts, and each sees its own."""
    outbox.put([(alert(labels={"tenant": "one"}), 1), (alert(labels={"tenant": "two"}, ends_at=1_500.0), 1)])

    assert [row.tenant for row in store.outbox.recent(tenant="one")] == ["one"]
    assert len(outbox.current()) == 1


def test_traces_that_an_alert_names_are_kept(outbox, store):
    """An example that expired would prove nothing."""
    cited = trace()[0].trace_id
    store.traces.write(trace())

    outbox.put([(alert(trace_ids=(cited,)), 1)])

    assert store.traces.get(cited).kept_because == "alert"


def test_what_ended_long_ago_expires_and_what_fires_does_not(tmp_path, stepping):
    """Ended alerts go with the other rows, the pins of their traces too; one that fires stays, however old."""
    with open_store(tmp_path / "a.db", row_days=1) as store:
        outbox, now = Outbox(store.outbox), _clock.wall_ns()
        outbox.put([(alert(), now), (replace(alert("Over"), ends_at=now / 1e9), now)])
        stepping.advance(days=1, seconds=-1)
        assert store.admin.expire().rows == 0
        stepping.advance(seconds=2)

        assert store.admin.expire().rows == 1

        assert [row.name for row in store.outbox.recent()] == ["A"]


def test_nothing_put_is_nothing_kept(outbox):
    """An empty request costs no transaction."""
    assert outbox.put([]) == []
