"""The rows: what they refuse, and what the contract says of them."""

from __future__ import annotations

import types

import pytest

from stagelight import catalogue
from stagelight.catalogue import Label, Metric, Section
from stagelight.catalogue.rows import collected


@pytest.mark.parametrize("name", ["a.b", "1a", "a-b", "", "ä"])
def test_a_name_that_an_exporter_would_change_is_refused(name):
    """What is written here is what is seen in Prometheus, letter for letter."""
    with pytest.raises(ValueError, match="would be renamed"):
        Metric(name=name, kind="gauge", help="x")
    with pytest.raises(ValueError, match="would be renamed"):
        Metric(name="a", kind="gauge", help="x", labels=(Label(name, bound=1),))


def test_counters_and_they_alone_end_in_total():
    """Prometheus' own rule, held at the declaration."""
    with pytest.raises(ValueError, match="end in _total"):
        Metric(name="requests", kind="counter", help="x")
    with pytest.raises(ValueError, match="end in _total"):
        Metric(name="depth_total", kind="gauge", help="x")


def test_two_rows_of_one_name_are_refused():
    """A fact is written once."""
    first, second = (types.ModuleType(name) for name in "ab")
    first.ROW = Metric(name="depth", kind="gauge", help="x")
    second.ROW = Metric(name="depth", kind="gauge", help="y")

    assert list(collected(Metric, first)) == ["depth"]
    with pytest.raises(ValueError, match="two rows are called 'depth'"):
        collected(Metric, first, second)


def test_rows_in_a_dict_are_found_too():
    """A family of metrics, one for each signal, stands in a table."""
    module = types.ModuleType("a")
    module.TABLE = {"spans": Metric(name="depth", kind="gauge", help="x"), "other": "no row"}

    assert list(collected(Metric, module)) == ["depth"]


def test_the_stage_metrics_are_the_contracts():
    """Names, kinds and labels as spec part 0 has them."""
    rows = {name: (row.kind, row.label_names) for name, row in catalogue.METRICS.items() if "stage" in name[10:]}
    assert rows == {
        "stagelight_stage_calls_total": (
            "counter",
            ("stage", "outcome", "error_type", "model_version", "tenant", "workspace"),
        ),
        "stagelight_stage_duration_seconds": ("histogram", ("stage", "model_version", "tenant", "workspace")),
        "stagelight_stages_active": ("gauge", ("stage",)),
    }


def test_the_feedback_loop_s_metrics_are_the_contracts():
    """Names, kinds and labels as spec part 1 has them: all of tenant and workspace."""
    kinds = {
        "rl_feedback_processed_total": "counter",
        "rl_feedback_failed_total": "counter",
        "rl_feedback_queue_depth": "gauge",
        "rl_feedback_processing_latency_ms": "histogram",
        "trajectory_feedback_emissions_total": "counter",
    }
    rows = {name: (catalogue.METRICS[name].kind, catalogue.METRICS[name].label_names) for name in kinds}
    assert rows == {name: (kind, ("tenant", "workspace")) for name, kind in kinds.items()}


def test_the_models_metrics_are_the_contracts():
    """Names, kinds and labels as spec part 0 has them; an owner's labels come on top where he is not the default one."""
    version = ("model", "model_version")
    wanted = {
        "stagelight_drift_score": ("gauge", (*version, "feature", "method")),
        "stagelight_drift_alerts_total": ("counter", (*version, "severity")),
        "stagelight_feedback_total": ("counter", ("kind", "signal", "model_version")),
        "stagelight_label_lag_seconds": ("histogram", version),
        "stagelight_label_coverage_ratio": ("gauge", version),
        "stagelight_model_accuracy": ("gauge", (*version, "window")),
        "stagelight_model_calibration_error": ("gauge", (*version, "window")),
    }
    rows = {
        name: (row.kind, tuple(label.name for label in row.labels if not label.unsaid))
        for name, row in catalogue.METRICS.items()
        if name in wanted
    }
    assert rows == wanted


def test_a_section_knows_its_queries():
    """PromQL in its fences is found, so that it can be checked; other code is not."""
    text = "Ask:\n\n```promql\nsum(up)\n  > 1\n```\n\n```console\n$ ls\n```\n\n```promql\nup\n```\n"

    assert Section(name="a", page="b", text=text).queries == ("sum(up)\n  > 1", "up")


def test_no_label_is_a_request_or_belongs_to_prometheus():
    """A request id is never a label; `job` and `instance` are Prometheus' own."""
    names = {label.name for row in catalogue.METRICS.values() for label in row.labels}
    assert not names & {"request_id", "trace_id", "user", "session", "job", "instance", "le"}


def test_every_row_helps_and_is_bounded():
    """`promtool check metrics` fails on a metric without help; a label without a bound grows for ever."""
    for row in catalogue.METRICS.values():
        assert row.help.endswith(".")
        assert all(label.bound > 0 for label in row.labels)
