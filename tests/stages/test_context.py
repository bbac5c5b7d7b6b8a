"""Whose work it is: set once, seen on every span and metric below, in this process and the next."""

from __future__ import annotations

import asyncio

import pytest

from stagelight.stages import context, continue_trace, end_trace, here, inject, start_trace, trace_stage
from stagelight.testing import in_memory

CALLS = "stagelight_stage_calls_total"


def test_values_are_on_every_span_and_metric_below(telemetry):
    """Tenant, workspace and model version label spans and metrics; a request id is never a label."""
    acme = context(tenant="acme", workspace="prod", model_version="v2", request_id="r-1", session="s-1")
    with acme, trace_stage("outer"), trace_stage("inner"):
        pass
    with trace_stage("after"):
        pass

    inner = telemetry.span("inner").attributes
    assert (inner["stagelight.tenant"], inner["stagelight.workspace"]) == ("acme", "prod")
    assert (inner["stagelight.model_version"], inner["stagelight.request_id"], inner["session.id"]) == (
        "v2",
        "r-1",
        "s-1",
    )
    assert telemetry.value(CALLS, stage="inner", tenant="acme", workspace="prod", model_version="v2") == 1
    assert telemetry.value(CALLS, stage="after", tenant="default", workspace="default", model_version="") == 1
    assert not any("r-1" in point.attributes.values() for point in telemetry.points(CALLS))


def test_a_stage_may_name_its_model(telemetry):
    """`trace_stage(model_version=…)` holds for the stage and for what is below it."""

    @trace_stage("predict", model_version="v9")
    def predict():
        with trace_stage("score"):
            return here().model_version

    assert predict() == "v9"
    assert telemetry.value(CALLS, stage="score", model_version="v9") == 1


def test_values_cross_to_another_process_and_the_trace_goes_on(telemetry):
    """What `inject` writes, `continue_trace` takes up: the same trace, parent, tenant and model version."""
    with context(tenant="acme", model_version="v2"), trace_stage("caller"):
        carried = inject()
        caller = here()

    with continue_trace({key.upper(): value for key, value in carried.items()}), trace_stage("worker"):
        assert (here().tenant, here().model_version) == ("acme", "v2")

    worker = telemetry.span("worker")
    assert (worker.trace_id, worker.parent_id) == (caller.trace_id, caller.span_id)
    assert here().trace_id == ""


def test_a_trace_begun_by_id_can_be_carried_too(telemetry):
    """`inject(trace_id=…)` carries a trace that is not current."""
    trace_id = start_trace("job")
    carried = inject({"queue": "fast"}, trace_id=trace_id)
    end_trace(trace_id)

    assert carried["queue"] == "fast"
    assert trace_id in carried["traceparent"]


@pytest.mark.parametrize("carrier", [{}, {"traceparent": "nonsense"}, {"traceparent": ""}, {1: None}])
def test_a_carrier_without_a_trace_changes_nothing(telemetry, carrier):
    """Nonsense in a header is no trace and no error."""
    with continue_trace(carrier), trace_stage("work"):
        pass

    assert telemetry.span("work").parent_id == ""


async def test_tasks_have_their_own_values(telemetry):
    """Two tasks that set different tenants do not see each other's."""

    async def serve(tenant):
        async with context(tenant=tenant):
            await asyncio.sleep(0)
            return here().tenant

    assert await asyncio.gather(serve("a"), serve("b")) == ["a", "b"]


def test_user_ids_leave_as_pseudonyms_where_a_key_is_set():
    """With a key a user's id is an HMAC, the same each time; it is never in the clear."""
    with in_memory(user_id_key="k3y") as telemetry:
        with context(user="ann@example.org"), trace_stage("one"):
            end_trace(start_trace("two"))

        ids = {telemetry.span(name).attributes["user.id"] for name in ("one", "two")}
        assert len(ids) == 1
        assert len(ids.pop()) == 64


def test_defaults_come_from_the_settings():
    """Tenant and workspace of what carries none are the settings'."""
    with in_memory(tenant="acme", workspace="lab") as telemetry:
        with trace_stage("work"):
            assert (here().tenant, here().workspace) == ("acme", "lab")

        assert telemetry.value(CALLS, stage="work", tenant="acme", workspace="lab") == 1


def test_values_are_text_of_bounded_length(telemetry):
    """A value that is no text, or a very long one, is made fit."""
    with context(tenant=7, session="s" * 10_000, request_id="\ud800"):
        assert here().tenant == "7"
        assert len(here().session) == 256
        assert here().request_id == "\ufffd"
