"""Counts for Prometheus follow when somebody looks, without anybody calling for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagelight.drift import Monitor
from stagelight.telemetry import handover

if TYPE_CHECKING:
    from stagelight.testing import InMemory

VALUES = "stagelight_drift_values_total"


def total(telemetry: InMemory) -> float:
    """What is counted of all groups, as a collection sees it."""
    return sum(point.value for point in telemetry.points(VALUES))


def test_what_streams_took_in_is_in_the_next_collection(telemetry: InMemory) -> None:
    """One collection has the streams counted, on our own thread; the one after it shows the counts, and none twice."""
    monitor = Monitor("churn")
    monitor.train({"score": [0.1, 0.2, 0.3, 0.4] * 100}, model_version="v1")
    stream = monitor.stream(model_version="v1")
    for score in [0.1, 0.2] * 100:
        stream.observe(score)
    total(telemetry)
    assert handover.settle()
    assert total(telemetry) == 200
    assert handover.settle()
    assert total(telemetry) == 200


def test_two_tenants_with_a_model_of_one_name_are_shown_apart(telemetry: InMemory) -> None:
    """Each has its own reference and its own counts; those of the default tenant have the contract's labels alone."""
    one, other = Monitor("churn"), Monitor("churn", tenant="acme", workspace="shop")
    one.train({"plan": ["a", "b"] * 100}, model_version="v1")
    other.train({"plan": ["a", "b", "b", "b"] * 100}, model_version="v1")
    one.observe({"plan": "a"}, model_version="v1")
    for plan in ("a", "b"):
        other.observe({"plan": plan}, model_version="v1")
    total(telemetry)
    assert handover.settle()

    rows = {"default": [], "acme": []}
    for point in telemetry.points("stagelight_drift_reference_rows"):
        tenant, workspace = point.attributes["tenant"], point.attributes["workspace"]
        assert (tenant, workspace) in (("", ""), ("acme", "shop"))
        rows[tenant or "default"].append(point.value)
    assert {tenant: sorted(found)[-2:] for tenant, found in rows.items()} == {"default": [100, 100], "acme": [100, 300]}
    assert telemetry.value(VALUES, tenant="acme") == 2
    assert telemetry.value(VALUES, tenant="") == 1


def test_a_monitor_that_is_gone_is_settled_no_more(telemetry: InMemory) -> None:
    """Watching a monitor does not keep it alive."""
    Monitor("gone").stream(model_version="v1").observe(0.5)
    total(telemetry)
    assert handover.settle()
