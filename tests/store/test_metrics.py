"""What senders report becomes 10-second buckets, and those the table of stages."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drawn_records import points as drawn_points
from stagelight.store import METRICS, SAMPLED, open_store
from stagelight.store import rollups as rollups_module
from stagelight.wire.records import MetricPoint
from stored import NS, START, calls, durations, trace

if TYPE_CHECKING:
    from pathlib import Path

    from stagelight.store import StageStats, Store


def stages(store: Store, since_s: float = 0, until_s: float = 60, **owner: str) -> dict[str, StageStats]:
    """The stages of a window, in seconds into 2026."""
    found = store.metrics.stages(START + round(since_s * NS), START + round(until_s * NS), **owner)
    return {one.stage: one for one in found}


def test_calls_and_errors_become_rates(store: Store) -> None:
    """30 calls of which 3 failed within a minute are half a call a second and a tenth of errors."""
    failed = {"stage": "predict", "outcome": "error", "error_type": "ValueError"}
    store.metrics.write([calls(10, 5), calls(27, 25), calls(3, 25, attributes=failed)])

    row = stages(store)["predict"]

    assert (row.calls, row.errors, row.rate_per_s, row.error_ratio, row.source) == (30, 3, 0.5, 0.1, METRICS)


def test_only_the_window_counts(store: Store) -> None:
    """What happened before or after is left out, to 10 seconds."""
    store.metrics.write([calls(10, 5), calls(15, 15), calls(18, 25)])

    assert stages(store, 10, 20)["predict"].calls == 5
    assert stages(store, 10, 30)["predict"].calls == 8
    assert stages(store, 20, 30)["predict"].rate_per_s == 0.3


def test_quantiles_come_from_the_histogram(store: Store) -> None:
    """Of 10, 30, 60 in (0, 1], (1, 2], (2, 4] seconds the median is 2 + 2·10/60 s; the calculation is Prometheus'."""
    store.metrics.write([calls(100, 5), durations((10, 30, 60, 0), 5, bounds=(1.0, 2.0, 4.0))])

    row = stages(store)["predict"]

    assert row.p50_ms == pytest.approx(2333.333, rel=1e-5)
    assert row.p95_ms == pytest.approx(3833.333, rel=1e-5)
    assert row.p99_ms == pytest.approx(3966.667, rel=1e-5)


def test_a_stage_that_was_not_called_is_still_there(store: Store) -> None:
    """A counter that exists at 0, or has not moved, shows its stage with a rate of 0 as long as it is reported."""
    store.metrics.write([calls(0, 5), calls(0, 65)])

    assert stages(store)["predict"].calls == 0
    assert stages(store, 60, 120)["predict"].p50_ms is None
    assert stages(store, 120, 180) == {}


def test_points_sent_again_change_nothing(store: Store) -> None:
    """A batch that is retried after its answer got lost is counted once, cumulative or delta."""
    batch = [
        calls(10, 5),
        durations((1, 2, 3), 5, bounds=(1.0, 2.0)),
        calls(4, 6, temporality="delta", attributes={"stage": "d"}),
    ]
    assert store.metrics.write(batch) == 3
    before = stages(store)

    assert store.metrics.write(batch) == 0

    assert stages(store) == before


def test_a_restarted_server_neither_loses_nor_doubles(path: Path) -> None:
    """The last value of each series is in the database: a new process goes on from it."""
    with open_store(path) as store:
        store.metrics.write([calls(10, 5)])
    with open_store(path) as store:
        store.metrics.write([calls(14, 15)])

        assert stages(store)["predict"].calls == 14
        assert stages(store, 10, 20)["predict"].calls == 4


def test_a_restarted_program_and_a_second_one_add_up(store: Store) -> None:
    """Another start or another instance is another series of counts; the stage is the sum."""
    store.metrics.write([calls(10, 5), calls(7, 8, resource={"service.instance.id": "two"})])
    store.metrics.write([calls(3, 25, start_s=20), calls(15, 45, start_s=40)])

    assert stages(store)["predict"].calls == 10 + 7 + 3 + 15


def test_spans_stand_in_where_there_are_no_metrics(store: Store) -> None:
    """A stage without metrics is counted and timed out of its spans, and marked so; one with metrics is not mixed."""
    failed = [replace(span, status="error") for span in trace(2)]
    predict = replace(trace(3, 1)[0], attributes={"stagelight.stage": "predict"})
    store.traces.write([*trace(1), *failed, predict])
    store.metrics.write([calls(10, 5)])

    found = stages(store)

    assert {name: (one.calls, one.errors, one.source) for name, one in found.items()} == {
        "predict": (10, 0, METRICS),
        "request": (2, 1, SAMPLED),
        "stage1": (2, 1, SAMPLED),
        "stage2": (2, 1, SAMPLED),
    }
    assert found["stage1"].p50_ms == pytest.approx(7.5)  # both took 10 ms: half way through (5, 10]


def test_the_active_gauge_adds_up_its_senders(store: Store) -> None:
    """Each process reports its own; the last value of each counts, and one that fell silent does not."""

    def active(value: float, at_s: float, who: str) -> MetricPoint:
        time = START + round(at_s * NS)
        resource = {"service.instance.id": who}
        return MetricPoint(
            name="stagelight_stages_active",
            kind="gauge",
            value=value,
            time_ns=time,
            attributes={"stage": "predict"},
            resource=resource,
        )

    store.metrics.write([calls(1, 5), active(2, 5, "a"), active(5, 6, "b"), active(3, 9, "a")])

    assert stages(store)["predict"].active == 8
    assert stages(store, 0, 1_000)["predict"].active == 0


def test_a_bucket_fills_over_several_writes(store: Store) -> None:
    """What falls into the same 10 seconds is added up, values, counts and buckets, whoever sent it; a gauge is not."""
    for number, second in enumerate((1, 4, 9), 1):
        store.metrics.write([calls(number, second), durations((number, number), second, bounds=(1.0,))])
    for who in ("a", "b"):
        gauge = MetricPoint(name="g", kind="gauge", value=1, time_ns=START, resource={"service.instance.id": who})
        store.metrics.write([gauge])

    (point,) = store.metrics.series("predict", START, START + 10 * NS)

    assert (point.calls, point.p50_ms) == (3, 1000.0)
    assert store.admin.size().rollups == 4


def test_a_chart_has_every_step(store: Store) -> None:
    """A step in which nothing happened is there with 0, so that a line falls to it; steps are multiples of 10 s."""
    bounds = (1.0, 2.0)
    store.metrics.write(
        [calls(4, 5), calls(10, 25), durations((4, 0, 0), 5, bounds=bounds), durations((4, 6, 0), 25, bounds=bounds)]
    )

    found = store.metrics.series("predict", START, START + 40 * NS)

    assert [(one.time_ns - START, one.calls, one.p50_ms) for one in found] == [
        (0, 4, 500.0),
        (10 * NS, 0, None),
        (20 * NS, 6, 1500.0),
        (30 * NS, 0, None),
    ]
    assert [one.calls for one in store.metrics.series("predict", START, START + 40 * NS, 25)] == [4, 6]
    assert [one.calls for one in store.metrics.series("none", START, START + 20 * NS)] == [0, 0]


def test_a_chart_of_spans_where_there_are_no_metrics(store: Store) -> None:
    """A stage that sends no metrics has its line out of its spans."""
    store.traces.write(trace(1))

    (point,) = store.metrics.series("stage1", START, START + 10 * NS)

    assert (point.calls, point.p50_ms) == (1, 7.5)


def test_owners_are_kept_apart(store: Store) -> None:
    """Tenant and workspace of the labels own the point; a token's tenant beats them."""
    labels = {"stage": "predict", "outcome": "ok", "tenant": "a", "workspace": "prod"}
    store.metrics.write([calls(1, 5, attributes=labels), calls(2, 5, attributes={**labels, "tenant": "b"})])
    store.metrics.write([calls(4, 5, attributes=labels)], tenant="real")

    assert stages(store)["predict"].calls == 7
    assert stages(store, tenant="a")["predict"].calls == 1
    assert stages(store, tenant="b", workspace="prod")["predict"].calls == 2
    assert stages(store, tenant="b", workspace="test") == {}
    assert stages(store, tenant="real")["predict"].calls == 4
    assert store.metrics.names(tenant="c") == []


def test_names_and_latest(store: Store) -> None:
    """Any metric of any program is kept and can be looked at, our own bookkeeping is not among them."""
    memory = MetricPoint(name="process.memory", kind="gauge", value=12.5, time_ns=START, attributes={"kind": "rss"})
    store.traces.write(trace(1))
    store.metrics.write([memory, calls(3, 5)])

    assert store.metrics.names() == ["process.memory", "stagelight_stage_calls_total"]
    (reading,) = store.metrics.latest("process.memory")
    assert (reading.value, reading.labels, reading.kind, reading.time_ns) == (12.5, {"kind": "rss"}, "gauge", START)
    assert [one.value for one in store.metrics.latest("stagelight_stage_calls_total")] == [3]
    assert store.metrics.latest("none") == []


def test_a_metric_has_a_largest_number_of_series(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels that never repeat cannot fill the disk: past the bound a new series is not kept, known ones go on."""
    monkeypatch.setattr(rollups_module, "SERIES_PER_NAME", 3)
    for number in range(5):
        store.metrics.write([calls(1, 5, attributes={"stage": f"s{number}"})])

    store.metrics.write([calls(2, 15, attributes={"stage": "s0"})])

    assert set(stages(store)) == {"s0", "s1", "s2"}
    assert stages(store)["s0"].calls == 2


def test_what_is_not_a_number_is_left_out(store: Store) -> None:
    """NaN and infinity, which no database keeps, do not lose the points beside them."""
    broken = [calls(value, 5, attributes={"stage": "broken"}) for value in (float("nan"), float("inf"))]
    assert store.metrics.write([*broken, calls(2, 7)]) == 1
    assert set(stages(store)) == {"predict"}
    assert store.metrics.write([]) == 0


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(drawn_points, max_size=6))
def test_whatever_is_sent_is_taken(store: Store, drawn: list[MetricPoint]) -> None:
    """No point which OTLP allows makes writing or reading fail."""
    store.metrics.write(drawn)
    store.metrics.write(drawn)

    store.metrics.stages(0, 2**63)
    for name in store.metrics.names():
        store.metrics.latest(name)
