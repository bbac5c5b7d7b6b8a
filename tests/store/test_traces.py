"""Writing and getting traces: nothing lost, nothing doubled, whatever the order."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drawn_records import exact, spans
from stagelight.store import TraceQuery
from stagelight.store.codec import clean, whole
from stagelight.wire.records import SpanEvent, SpanRecord
from stored import NS, START, trace

if TYPE_CHECKING:
    from stagelight.store import Store, TraceSummary


owners = (f"tenant{number}" for number in itertools.count())  #: A fresh one for each example, in the same store.


def summary(store: Store, trace_id: str) -> TraceSummary:
    """The row of a list that a trace has."""
    return next(row for row in store.traces.search(TraceQuery()).rows if row.trace_id == trace_id)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(spans, min_size=1, max_size=5, unique_by=lambda span: (span.trace_id, span.span_id)))
def test_what_was_written_is_what_is_got(store: Store, drawn: list[SpanRecord]) -> None:
    """Every field of any span comes back with its value and its type; only NUL in a name cannot be kept."""
    tenant = next(owners)

    assert store.traces.write(drawn, tenant=tenant) == len(drawn)

    got = [span for one in store.traces.export(tenant=tenant) for span in one]

    assert exact(got) == exact([replace(span, name=clean(span.name)) for span in drawn])


def test_hostile_text_loses_no_neighbour(store: Store) -> None:
    """A lone surrogate or a NUL, in a name, a value, a key or an event, is replaced; the batch is stored."""
    bad = "a\ud800\0b"
    first, second, *_ = trace(1)
    first = replace(
        first, name=bad, attributes={bad: [bad], "session.id": bad}, events=(SpanEvent(name=bad, time_ns=1),)
    )
    first = replace(first, resource={bad: bad, "service.name": bad}, status_message=bad)

    assert store.traces.write([first, second]) == 2

    got = store.traces.get(first.trace_id)
    assert got is not None
    assert got.root.name == "a?\ufffdb"
    assert summary(store, first.trace_id).session == "a?\ufffdb"
    assert "a?\0b" in got.root.attributes  # inside JSON a NUL is spelled, so it may stay


def test_numbers_past_64_bits_are_clamped(store: Store) -> None:
    """OTLP's times are unsigned; one at their end does not lose the batch."""
    span = replace(trace()[0], start_ns=2**64 - 2, end_ns=2**64 - 1)

    store.traces.write([span])

    assert summary(store, span.trace_id).start_ns == whole(2**64) == 2**63 - 1


def test_the_same_span_again_changes_nothing(store: Store) -> None:
    """Writing is idempotent on owner, trace and span: a retried batch adds neither spans nor counts."""
    batch = trace(1) + trace(2)
    store.traces.write(batch)
    before = store.traces.search(TraceQuery()), store.metrics.stages(START, START + 60 * NS)

    assert store.traces.write(batch) == 0
    assert (store.traces.search(TraceQuery()), store.metrics.stages(START, START + 60 * NS)) == before

    assert store.traces.write([*batch, *trace(3)]) == 3
    assert store.traces.write([*trace(4), *trace(4)]) == 3
    assert store.traces.search(TraceQuery()).rows[2:] == before[0].rows
    assert store.admin.size().spans == 12


def test_a_late_root_renames_its_trace(store: Store) -> None:
    """Until the root arrives the earliest span gives the name; then start, duration and errors are the whole trace's."""
    root, one, two = trace(1)
    store.traces.write([replace(two, status="error")])
    store.traces.write([one])
    assert (summary(store, root.trace_id).name, summary(store, root.trace_id).error_count) == ("stage1", 1)

    store.traces.write([root])

    row = summary(store, root.trace_id)
    assert (row.name, row.span_count, row.error_count) == ("request", 3, 1)
    assert (row.start_ns, row.duration_ns) == (root.start_ns, 30_000_000)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32), st.integers(1, 4))
def test_the_summary_does_not_depend_on_the_order(store: Store, seed: int, writes: int) -> None:
    """However a trace is cut into writes, and in whatever order they come, its summary is that of the whole."""
    draw = random.Random(seed)
    whole_trace = [
        replace(
            span, status=draw.choice(["error", "unset"]), attributes={"gen_ai.usage.input_tokens": draw.randrange(9)}
        )
        for span in trace(1, spans=6)
    ]
    shuffled = draw.sample(whole_trace, len(whole_trace))
    once, parts = next(owners), next(owners)
    store.traces.write(whole_trace, tenant=once)
    for number in range(writes):
        store.traces.write(shuffled[number::writes], tenant=parts)

    (expected,), (got,) = (store.traces.search(TraceQuery(tenant=tenant)).rows for tenant in (once, parts))

    assert replace(got, tenant=once) == expected


def test_tokens_and_cost_are_added_up_over_calls(store: Store) -> None:
    """Calls of models add up in either vocabulary; an agent's own sum counts only where its calls are not there."""
    root, one, two = trace(1)
    agent = replace(root, attributes={"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 30})
    chat = replace(one, attributes={"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 3})
    other = replace(two, attributes={"llm.token_count.prompt": 20, "llm.cost.total": 0.5})

    store.traces.write([agent])
    alone = summary(store, root.trace_id)
    store.traces.write([chat, other])
    row = summary(store, root.trace_id)

    assert alone.input_tokens == 30
    assert (row.input_tokens, row.output_tokens, row.cost) == (30, 3, 0.5)


def test_the_summary_says_who_and_which(store: Store) -> None:
    """Service, session and model version are found on whichever span carries them."""
    root, one, two = trace(1, resource={"service.name": "shop"})
    one = replace(one, attributes={"session.id": "s1"})
    two = replace(two, attributes={"stagelight.model_version": "v2"})

    store.traces.write([root, one, two])

    row = summary(store, root.trace_id)
    assert (row.service, row.session, row.model_version, row.kept_because) == ("shop", "s1", "v2", "")


def test_owners_do_not_see_each_other(store: Store) -> None:
    """The same ids of two tenants are two traces; each gets its own, and None sees both."""
    ours, theirs = trace(1), [replace(span, name="theirs") for span in trace(1)]
    store.traces.write(ours, tenant="a")
    store.traces.write(theirs, tenant="b")

    got = store.traces.get(ours[0].trace_id, tenant="a")

    assert got is not None
    assert [span.name for span in got.spans] == ["request", "stage1", "stage2"]
    assert store.traces.get(ours[0].trace_id, tenant="c") is None
    assert [row.tenant for row in store.traces.search(TraceQuery(tenant="b")).rows] == ["b"]
    assert len(store.traces.search(TraceQuery()).rows) == 2
    assert [len(one) for one in store.traces.export(tenant="a")] == [3]
    assert len(store.traces.recent_spans(0, tenant="b")) == 3


def test_a_tokens_tenant_beats_the_attribute(store: Store) -> None:
    """The tenant that is passed overrides what attribute and resource say; the workspace stays theirs."""
    named = {"stagelight.tenant": "forged", "stagelight.workspace": "prod"}

    store.traces.write(trace(1, attributes=named), tenant="real")

    (row,) = store.traces.search(TraceQuery()).rows
    assert (row.tenant, row.workspace) == ("real", "prod")


def test_spans_that_name_nobody_follow_their_trace(store: Store) -> None:
    """A database span of another instrumentation belongs to whom the rest of its trace belongs."""
    root, one, two = trace(1)
    root = replace(root, attributes={"stagelight.tenant": "acme", "stagelight.workspace": "prod"})

    store.traces.write([one, root, two])

    (row,) = store.traces.search(TraceQuery()).rows
    assert (row.tenant, row.workspace, row.span_count) == ("acme", "prod", 3)


def test_an_unknown_trace_is_none(store: Store) -> None:
    """Asking for what is not there is no error."""
    assert store.traces.get("f" * 32) is None
    assert store.traces.write([]) == 0


def test_what_arrives_can_be_followed(store: Store) -> None:
    """Numbers only grow, so whoever asks for what came after the last one misses nothing and sees nothing twice."""
    assert store.traces.last_id() == 0
    store.traces.write(trace(1))
    last = store.traces.last_id()
    store.traces.write(trace(2))

    first_two = store.traces.recent_spans(last, limit=2)
    rest = store.traces.recent_spans(first_two[-1].id)

    assert [one.span for one in first_two + rest] == trace(2)


def test_numbers_are_not_used_again_after_a_reset(store: Store) -> None:
    """A page that follows a store does not miss what comes after it was emptied."""
    store.traces.write(trace(1))
    last = store.traces.last_id()

    store.admin.reset()
    store.traces.write(trace(2))

    assert len(store.traces.recent_spans(last)) == 3


def test_export_gives_each_trace_whole(store: Store) -> None:
    """Traces come one by one, each with all its spans, also when they were written mixed."""
    mixed = [span for pair in zip(trace(1), trace(2), strict=True) for span in pair]
    store.traces.write(mixed)

    assert [exact(one) for one in store.traces.export()] == [exact(trace(1)), exact(trace(2))]


def test_a_trace_knows_its_root_without_one(store: Store) -> None:
    """While the root has not arrived, the earliest span whose parent is missing stands for it."""
    root, one, two = trace(1)
    store.traces.write([two, one])

    got = store.traces.get(root.trace_id)

    assert got is not None
    assert got.root.name == "stage1"


def test_a_trace_draws_itself_in_a_notebook(store: Store) -> None:
    """`_repr_html_` is an SVG with the names of the spans, as text."""
    store.traces.write(trace(1, name="<script>"))

    got = store.traces.get(trace(1)[0].trace_id)

    assert got is not None
    html = got._repr_html_()
    assert html.startswith("<svg")
    assert "&lt;script&gt;" in html
    assert "<script>" not in html


def test_a_pin_says_why(store: Store) -> None:
    """A pinned trace says why it is kept, in lists and by itself, also when the pin came first."""
    store.traces.pin(trace(1)[0].trace_id, "cited in the report")
    store.traces.write(trace(1) + trace(2))

    got = store.traces.get(trace(1)[0].trace_id)

    assert got is not None
    assert got.kept_because == summary(store, got.trace_id).kept_because == "cited in the report"
    assert summary(store, trace(2)[0].trace_id).kept_because == ""


def test_suggestions_are_a_bounded_sample(store: Store) -> None:
    """Keys and values that occur are offered, a hundred values of each key at most, long ones never."""
    for number in range(150):
        store.traces.write(
            trace(number, 1, attributes={"n": number, "long": "x" * 500}, resource={"service.name": "shop"})
        )

    assert store.traces.attribute_keys() == ["n", "service.name"]
    assert store.traces.attribute_keys("serv") == ["service.name"]
    assert store.traces.attribute_keys("%") == []
    assert len(store.traces.attribute_values("n")) == 100
    with store._database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM attribute_values WHERE key = 'n'").scalar() == 100
    assert store.traces.attribute_values("service.name") == ["shop"]
    assert store.traces.attribute_values("service.name", tenant="other") == []


def test_sessions_add_up_their_traces(store: Store) -> None:
    """A session has the count, the errors and the tokens of its traces, the latest first, within the window."""
    talk = {"session.id": "talk", "gen_ai.usage.input_tokens": 5}
    store.traces.write(trace(1, 1, attributes=talk) + trace(2, 1, attributes=talk, status="error"))
    store.traces.write(trace(9, 1, attributes={"session.id": "later"}) + trace(10, 1))

    later, earlier = store.traces.sessions()

    assert (later.session, earlier.session) == ("later", "talk")
    assert (earlier.traces, earlier.errors, earlier.input_tokens) == (2, 1, 10)
    assert (earlier.first_ns, earlier.last_ns) == (START + NS, START + 2 * NS + 10_000_000)
    assert [one.session for one in store.traces.sessions(since_ns=START + 5 * NS)] == ["later"]
    assert [one.session for one in store.traces.sessions(until_ns=START + 5 * NS)] == ["talk"]
    assert store.traces.sessions(tenant="other") == []


@pytest.mark.parametrize("limit", [0, -3])
def test_a_senseless_limit_is_one(store: Store, limit: int) -> None:
    """A limit below one gives one row, not an error and not all of them."""
    store.traces.write(trace(1) + trace(2))

    assert len(store.traces.search(TraceQuery(limit=limit)).rows) == 1
