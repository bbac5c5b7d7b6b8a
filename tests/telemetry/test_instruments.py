"""Instruments: made once, bounded, silent when misused, following the telemetry in use."""

from __future__ import annotations

import itertools
import threading

import pytest
from opentelemetry import trace

from stagelight import _guard
from stagelight.catalogue import METRICS, Label, Metric
from stagelight.catalogue.internal import INTERNAL_ERRORS, LABEL_OVERFLOW, SPANS
from stagelight.catalogue.rows import OVERFLOW
from stagelight.errors import InstrumentError
from stagelight.telemetry import instruments
from stagelight.telemetry.instruments import Counter, Gauge, Histogram, counter, gauge, histogram, instrument
from stagelight.testing import in_memory

OWN = Label("own", bound=3, default="none")
_numbers = itertools.count()


def row(kind: str, *labels: Label, **fields: object) -> Metric:
    """A row of its own for each test: instruments live as long as the process."""
    end = "_total" if kind == "counter" else ""
    return Metric(
        name=f"tests_instruments_{next(_numbers)}{end}", kind=kind, help="For a test.", labels=labels, **fields
    )


@pytest.mark.parametrize("found", METRICS.values(), ids=METRICS.keys())
def test_every_row_of_the_catalogue_is_one_live_instrument(found):
    """Asking twice for a row gives the same object, and one of the row's kind."""
    assert instrument(found) is instrument(found)
    assert isinstance(instrument(found), {"counter": Counter, "gauge": Gauge, "histogram": Histogram}[found.kind])


def test_another_row_of_the_same_shape_is_the_same_instrument():
    """A row that says the same as an earlier one under the same name gives the earlier instrument."""
    first = row("gauge", OWN)
    again = Metric(name=first.name, kind="gauge", help="Other words.", labels=(Label("own", bound=9),))

    assert gauge(again) is gauge(first)


def test_another_kind_is_refused_with_both():
    """A name that is taken by another kind is an error which names both kinds."""
    first = row("gauge", OWN)
    gauge(first)

    with pytest.raises(InstrumentError, match=r"is a gauge with labels \('own',\).*asked for as a histogram"):
        histogram(Metric(name=first.name, kind="histogram", help="x"))
    for ask, word in ((counter, "counter"), (histogram, "histogram")):
        with pytest.raises(InstrumentError, match=f"is a gauge.*asked for as a {word}"):
            ask(first)
    with pytest.raises(InstrumentError, match="asked for as a gauge"):
        gauge(SPANS)


def test_other_labels_or_buckets_are_refused_with_both():
    """A name that is taken with other labels, or other buckets, is an error which names both."""
    first = row("histogram", OWN)
    histogram(first)

    with pytest.raises(InstrumentError, match=r"labels \('own',\).*labels \('other',\)"):
        histogram(Metric(name=first.name, kind="histogram", help="x", labels=(Label("other", bound=1),)))
    with pytest.raises(InstrumentError, match=r"buckets \(1.0, 2.0\)"):
        histogram(Metric(name=first.name, kind="histogram", help="x", labels=(OWN,), buckets=(1.0, 2.0)))


def test_a_declared_name_cannot_be_taken_before_it_is_used(monkeypatch):
    """A name of the catalogue belongs to the catalogue even before its instrument exists."""
    monkeypatch.setattr(instruments, "_made", {})

    with pytest.raises(InstrumentError, match="asked for as a counter with labels"):
        counter(Metric(name=SPANS.name, kind="counter", help="x", labels=(OWN,)))


def test_a_counter_counts_from_zero():
    """A counter without labels, and a declared label set, exist at 0 before anything happened."""
    plain, labelled = row("counter"), row("counter", OWN)
    counter(plain)
    counter(labelled).declare(own="a")

    with in_memory() as memory:
        assert [point.value for point in memory.points(plain.name)] == [0]
        assert [(point.value, dict(point.attributes)) for point in memory.points(labelled.name)] == [(0, {"own": "a"})]
        counter(labelled).declare(own="b")
        counter(labelled).labels(own="b").inc(2)
        counter(plain).inc()

        assert memory.value(labelled.name, own="b") == 2
        assert memory.value(plain.name) == 1


def test_a_gauge_goes_up_and_down_and_away():
    """A gauge adds, subtracts, jumps, and ends its series exactly."""
    shown = gauge(row("gauge", OWN))
    with in_memory() as memory:
        handle = shown.labels(own="a")
        handle.inc(3)
        handle.dec()
        assert memory.value(shown.row.name, own="a") == 2
        handle.set(7.5)
        assert memory.value(shown.row.name, own="a") == 7.5
        handle.remove()
        assert memory.points(shown.row.name) == []


def test_unlabelled_calls_use_the_defaults():
    """Every instrument takes its calls directly, under the labels' defaults."""
    up, shown, spread = counter(row("counter", OWN)), gauge(row("gauge", OWN)), histogram(row("histogram", OWN))
    with in_memory() as memory:
        up.inc()
        shown.set(1)
        shown.inc()
        shown.dec(0.5)
        spread.observe(0.3)

        assert memory.value(up.row.name, own="none") == 1
        assert memory.value(shown.row.name, own="none") == 1.5
        assert memory.value(spread.row.name, own="none") == 1
        shown.remove()
        assert memory.points(shown.row.name) == []


def test_a_histogram_uses_the_rows_buckets_and_links_its_trace():
    """Values fall into the row's buckets, and the exemplar of a bucket names the trace it came from."""
    spread = histogram(row("histogram", buckets=(1.0, 2.0)))
    with in_memory() as memory:
        span = memory.telemetry.tracer.start_span("work")
        for value in (0.5, 1.5, 9):
            spread.observe(value, trace.set_span_in_context(span))
        span.end()
        (point,) = memory.points(spread.row.name)

        assert tuple(point.explicit_bounds) == (1.0, 2.0)
        assert tuple(point.bucket_counts) == (1, 1, 1)
        assert {exemplar.trace_id for exemplar in point.exemplars} == {span.get_span_context().trace_id}


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), "a", None, [], 10**400, object()])
def test_what_is_no_number_is_not_recorded_and_costs_nothing(bad):
    """A value that is no finite number is reported, raises nothing, and leaves the series as it was."""
    up, shown, spread = counter(row("counter")), gauge(row("gauge")), histogram(row("histogram"))
    with in_memory() as memory:
        for call in (up.inc, shown.set, shown.inc, shown.dec, spread.observe):
            call(bad)
        shown.set(1)

        assert memory.value(up.row.name) == 0
        assert memory.value(shown.row.name) == 1
        assert memory.points(spread.row.name) == []
    assert _guard.errors() == {"telemetry": 5}


def test_a_counter_never_goes_down():
    """A negative increment is reported and not counted."""
    up = counter(row("counter"))
    with in_memory() as memory:
        up.inc(2)
        up.inc(-1)
        assert memory.value(up.row.name) == 2
    assert _guard.errors() == {"telemetry": 1}


def test_overflow_is_counted_where_it_happened():
    """Values past a bound count under one value, and a counter says which label of which metric ran over."""
    up = counter(row("counter", OWN))
    with in_memory() as memory:
        for number in range(10):
            up.labels(own=str(number)).inc()

        assert memory.value(up.row.name) == 10
        assert memory.value(up.row.name, own=OVERFLOW) == 7
        assert memory.value(LABEL_OVERFLOW.name, metric=up.row.name, label="own") == 7


def test_a_hostile_label_never_reaches_the_program():
    """A label value that cannot even be hashed or compared counts, and raises nothing."""

    class Hostile(str):
        __slots__ = ()

        def __hash__(self) -> int:
            raise RuntimeError("no")

    up = counter(row("counter", OWN))
    with in_memory() as memory:
        up.labels(own=Hostile("x")).inc()
        up.labels(own=[1]).inc()
        assert memory.value(up.row.name) == 2


def test_one_object_records_wherever_telemetry_goes():
    """The same instrument and handle record into whatever telemetry is in use, and nothing leaks from one to the other."""
    up, shown = counter(row("counter", OWN)), gauge(row("gauge", OWN))
    handle, level = up.labels(own="a"), shown.labels(own="a")
    with in_memory() as outer:
        handle.inc()
        level.set(1)
        with in_memory() as inner:
            handle.inc(5)
            level.inc(5)
            assert inner.value(up.row.name) == 5
            assert inner.value(shown.row.name) == 5
        handle.inc()
        level.inc()

        assert outer.value(up.row.name) == 2
        assert outer.value(shown.row.name) == 2


def test_without_telemetry_everything_is_a_no_op():
    """Nothing configured: every call of an instrument does nothing and raises nothing."""
    up, shown, spread = counter(row("counter", OWN)), gauge(row("gauge", OWN)), histogram(row("histogram", OWN))
    up.declare(own="a")
    up.labels(own="a").inc()
    shown.labels(own="a").set(1)
    spread.labels(own="a").observe(1)

    assert _guard.errors() == {}


def test_a_gauge_that_rose_before_configuration_can_fall_after_it():
    """What was added before telemetry was configured is subtracted from the same number: never below zero."""
    shown = gauge(row("gauge", OWN))
    shown.labels(own="a").inc()
    with in_memory() as memory:
        shown.labels(own="a").inc()
        shown.labels(own="a").dec()
        shown.labels(own="a").dec()
        assert memory.value(shown.row.name, own="a") == 0


def test_handles_of_the_same_labels_are_remembered():
    """Asking again for the same plain text labels gives the same handle, so that it is quick."""
    up = counter(row("counter", OWN))

    assert up.labels(own="a") is up.labels(own="a")
    assert up.labels(own="a") is not up.labels(own="b")


def test_threads_lose_nothing():
    """Eight threads counting and moving one gauge add up exactly."""
    up, shown = counter(row("counter", OWN)), gauge(row("gauge", OWN))
    with in_memory() as memory:

        def work() -> None:
            for _ in range(1_000):
                up.labels(own="a").inc()
                shown.labels(own="a").inc(2)
                shown.labels(own="a").dec()

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert memory.value(up.row.name) == 8_000
        assert memory.value(shown.row.name) == 8_000


def test_our_own_errors_are_a_metric():
    """Errors kept from the program show by room, and rooms without any show 0."""
    with in_memory() as memory:
        _guard.report("stages", ValueError("for a test"))

        assert memory.value(INTERNAL_ERRORS.name, room="stages") == 1
        assert [
            point.value for point in memory.points(INTERNAL_ERRORS.name) if point.attributes["room"] == "store"
        ] == [0]


def test_what_became_of_spans_is_a_metric():
    """Delivered, dropped and failed spans are counted from 0."""
    with in_memory() as memory:
        fates = {point.attributes["fate"]: point.value for point in memory.points(SPANS.name)}
        assert fates == {"delivered": 0, "dropped": 0, "failed": 0}
        counter(SPANS).labels(fate="failed").inc()
        counter(SPANS).declare(fate="dropped")
        assert len(memory.points(SPANS.name)) == 3
        assert memory.value(SPANS.name, fate="failed") == 0
        memory.telemetry.tracer.start_span("work").end()
        assert memory.value(SPANS.name, fate="delivered") == 1


def test_a_gauge_is_refreshed_before_it_is_shown():
    """What a gauge shows is what its refresher found just then; one that fails leaves what was known, and is counted."""
    _guard.forget()
    with in_memory() as memory:
        depth, true = gauge(row("gauge")), {"depth": 3.0}
        depth.refreshed_by(lambda: depth.set(true["depth"]))

        assert memory.value(depth.row.name) == 3
        true["depth"] = 5
        assert memory.value(depth.row.name) == 5
        true.clear()
        assert memory.value(depth.row.name) == 5
        depth.refreshed_by(lambda: None)  # instruments outlive a test
    assert _guard.errors()["telemetry"] >= 1
    _guard.forget()
