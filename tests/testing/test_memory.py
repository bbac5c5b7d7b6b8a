"""Telemetry in memory, as the tests of other programs use it."""

from __future__ import annotations

import pytest
from opentelemetry import trace

from stagelight import CounterFactory
from stagelight.stages import trace_stage
from stagelight.telemetry.current import current
from stagelight.testing import CountingIds, in_memory

pytest_plugins = ["pytester"]


def test_spans_and_metrics_are_there_inside_the_block_and_gone_after_it():
    """A block starts empty and leaves the program's own telemetry as it was."""
    before = current()
    for _ in range(2):
        with in_memory() as telemetry:
            with trace_stage("work"):
                pass
            assert [span.name for span in telemetry.spans] == ["work"]
            assert telemetry.value("stagelight_stage_calls_total", stage="work", outcome="ok") == 1

    assert current() is before


def test_ids_count_so_that_a_test_can_name_them():
    """With counting ids the first trace is 1, its spans 1 and 2."""
    with in_memory(ids=CountingIds()) as telemetry:
        with trace_stage("outer"), trace_stage("inner"):
            pass

        inner = telemetry.span("inner")
        assert (int(inner.trace_id, 16), int(inner.span_id, 16), int(inner.parent_id, 16)) == (1, 2, 1)


def test_other_instrumentation_is_a_child_through_its_provider(telemetry):
    """A span of any other instrumentation nests in ours and holds ours."""
    tracer = telemetry.telemetry.tracer_provider.get_tracer("other")
    with trace_stage("ours"), tracer.start_as_current_span("theirs"), trace_stage("ours again"):
        pass

    assert telemetry.tree().splitlines() == ["ours", "└─ theirs", "   └─ ours again"]
    assert not trace.get_current_span().get_span_context().is_valid


def test_a_span_that_is_not_there_is_told_with_the_tree(telemetry):
    """The error shows what there is."""
    with trace_stage("answer"):
        pass

    with pytest.raises(LookupError, match="0 spans are called 'anwser' in\nanswer"):
        telemetry.span("anwser")


def test_clear_forgets_spans_and_keeps_counting(telemetry):
    """After `clear` the list of spans is empty; counters never go back."""
    for _ in range(2):
        with trace_stage("work"):
            pass
        telemetry.clear()

    assert telemetry.spans == []
    assert telemetry.value("stagelight_stage_calls_total", stage="work", outcome="ok") == 2


def test_instruments_of_the_program_are_read_by_name(telemetry):
    """A counter made by a factory is read like any other."""
    counter = CounterFactory("soups_cooked_total", "Soups cooked.", ["kind"])
    counter.labels(kind="lentil").inc(2)

    assert telemetry.value("soups_cooked_total", kind="lentil") == 2
    assert telemetry.value("soups_cooked_total", kind="onion") == 0


def test_the_fixtures_are_at_hand_in_any_project(pytester):
    """A project that has stagelight installed asks for `telemetry` and `clock` and gets them."""
    pytester.makepyfile(
        """
        from stagelight import trace_stage

        def test_it(telemetry, clock):
            with trace_stage("cook"):
                clock.advance(seconds=3)
            assert telemetry.span("cook").duration_ns == 3_000_000_000
        """
    )
    pytester.runpytest_subprocess("-q").assert_outcomes(passed=1)


def test_loading_the_plugin_costs_next_to_nothing(pytester):
    """The plugin comes with every pytest run where stagelight is installed, so it loads neither SDK nor framework."""
    pytester.makepyfile(
        """
        import sys

        def test_it():
            heavy = [name for name in sys.modules if name.startswith(("opentelemetry", "numpy", "fastapi", "sqlalchemy"))]
            assert heavy == []
        """
    )
    pytester.runpytest_subprocess("-q", "-p", "no:hypothesispytest").assert_outcomes(passed=1)
