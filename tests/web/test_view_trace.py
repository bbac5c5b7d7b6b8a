"""The waterfall's rows and a span's details."""

from __future__ import annotations

from stagelight.waterfall.tree import build
from stagelight.web import view_compare, view_format, view_trace
from stagelight.wire.records import LogRecord, SpanEvent, SpanRecord


def span(number, parent=0, start=0, end=100, **more):
    """A span with small numbers for ids."""
    return SpanRecord(
        trace_id="a" * 32,
        span_id=f"{number:016x}",
        parent_id=f"{parent:016x}" if parent else "",
        name=more.pop("name", f"s{number}"),
        start_ns=start,
        end_ns=end,
        **more,
    )


def tokens(count, **more):
    """Attributes of a model call."""
    return {"gen_ai.usage.input_tokens": count, "gen_ai.request.model": "small", **more}


def test_rows_lie_in_percent_of_the_whole_trace():
    """A span over the second half begins at 50 % and is 50 % long."""
    _, row = view_trace.rows(build([span(1), span(2, 1, 50, 100)]))

    assert (row.x, row.width, row.level, row.time) == ("50.00", "50.00", 2, "50 ns")


def test_a_moment_is_still_seen():
    """A span without length, at the very end, has a bar within the picture."""
    _, row = view_trace.rows(build([span(1), span(2, 1, 100, 100)]))

    assert float(row.x) + float(row.width) <= 100
    assert float(row.width) > 0


def test_a_small_trace_is_open_and_a_big_one_folded_at_depth():
    """Rows open at first are bounded; a folded row says what is below it."""
    chains = [span(1)]
    for chain in range(40):
        chains += [span(100 * chain + level + 2, 100 * chain + level + 1 if level else 1) for level in range(20)]
    rows = view_trace.rows(build(chains))

    shown = [row for row in rows if not row.hidden]
    assert len(rows) == 801
    assert len(shown) <= view_trace.OPEN_ROWS
    assert {row.below for row in shown if row.folded} == {20 - max(row.level for row in shown) + 1}
    assert not any(row.folded for row in view_trace.rows(build(chains[:41])))


def test_the_way_to_the_chosen_span_is_unfolded():
    """A link to a deep span shows it."""
    chains = [span(1)]
    for chain in range(40):
        chains += [span(100 * chain + level + 2, 100 * chain + level + 1 if level else 1) for level in range(20)]
    deepest = chains[-1].span_id

    (row,) = [row for row in view_trace.rows(build(chains), selected=deepest) if row.span_id == deepest]
    assert not row.hidden


def test_a_flat_trace_shows_its_second_level_however_wide():
    """Folding the root would show nothing."""
    rows = view_trace.rows(build([span(1), *(span(number, 1) for number in range(2, 900))]))

    assert not any(row.hidden for row in rows)


def test_the_first_error_is_opened_where_it_began():
    """An error that climbed to the root is looked at where it was raised; a fine trace at its root."""
    failed = {"status": "error"}
    climbed = [span(1, **failed), span(2, 1), span(3, 1, 5, **failed), span(4, 3, **failed), span(5, 3, 50, **failed)]

    assert view_trace.first(build(climbed)) == f"{4:016x}"
    assert view_trace.first(build([span(1), span(2, 1)])) == f"{1:016x}"


def test_details_separate_exceptions_from_events_and_take_the_spans_own_logs():
    """What went wrong comes first, and another span's log lines are not shown."""
    events = (SpanEvent(name="exception", time_ns=1), SpanEvent(name="token", time_ns=2))
    logs = [LogRecord(time_ns=at, span_id=f"{at:016x}") for at in (1, 2)]
    told = view_trace.details(build([span(1, events=events, attributes={"b": 1, "a": 2})]), f"{1:016x}", logs)

    assert [event.name for event in told.exceptions] == ["exception"]
    assert [event.name for event in told.events] == ["token"]
    assert told.logs == (logs[0],)
    assert [key for key, _ in told.attributes] == ["a", "b"]
    assert view_trace.details(build([span(1)]), "ffff", []) is None


def test_tokens_are_counted_once():
    """An agent that reports the sum of its calls does not double it; steps side by side add up."""
    tree = build(
        [
            span(1, attributes=tokens(30)),
            span(2, 1, attributes=tokens(10)),
            span(3, 1),
            span(4, 3, attributes=tokens(20, **{"gen_ai.request.model": "big"})),
        ]
    )
    used = view_trace.usage(tree.roots)

    assert (used.input_tokens, used.output_tokens, used.cost) == (30, None, None)
    assert set(used.models) == {"small", "big"}
    assert view_trace.usage(build([span(1)]).roots) is None


def test_services_session_and_version_are_found_on_any_span():
    """Whoever said it, the page's head shows it."""
    tree = build(
        [
            span(1, resource={"service.name": "web"}),
            span(
                2, 1, resource={"service.name": "ml"}, attributes={"session.id": "s", "stagelight.model_version": "v"}
            ),
            span(3, 1, resource={"service.name": "ml"}),
        ]
    )

    assert view_trace.services(tree) == ("ml", "web")
    assert (view_trace.session(tree), view_trace.version(tree)) == ("s", "v")
    assert (view_trace.session(build([])), view_trace.version(build([]))) == ("", "")


def test_stages_of_two_traces_are_compared_by_name():
    """Calls add up per name; what only one has, what took longer and what hardly changed say so."""
    one = build(
        [span(1, end=100), span(2, 1, 0, 10, name="load"), span(3, 1, 0, 10, name="load"), span(4, 1, name="old")]
    )
    other = build([span(1, end=103), span(2, 1, 0, 80, name="load"), span(5, 1, end=50, name="new")])
    rows = {row.name: row for row in view_compare.stages(one, other)}

    assert {name: row.verdict for name, row in rows.items()} == {
        "s1": "about the same",
        "load": "slower",
        "old": "only in A",
        "new": "only in B",
    }
    assert (rows["load"].a.calls, rows["load"].difference_ns, rows["load"].size) == (2, 60, "4.00×")
    assert [rows["s1"].size, rows["old"].size] == ["", ""]
    back = {row.name: row for row in view_compare.stages(other, one)}
    assert (back["load"].verdict, back["load"].size) == ("faster", "4.00×")


def test_only_attributes_that_differ_are_listed():
    """Resource and attributes of the roots, side by side."""
    one = build([span(1, resource={"service.name": "a"}, attributes={"k": 1, "same": 2})])
    other = build([span(1, resource={"service.name": "a"}, attributes={"same": 2})])

    assert view_compare.attributes(one, other) == [("k", 1, None)]
    assert view_compare.attributes(build([]), build([])) == []


def test_a_huge_value_is_cut_and_says_so():
    """A prompt of megabytes does not stop the page."""
    shown = view_format.pretty("x" * 10**6)

    assert len(shown) < 70_000
    assert shown.endswith("934,464 more characters; the OTLP JSON has them all")


def test_json_in_text_is_laid_out_and_other_text_left_alone():
    """Messages sent as JSON are read with ease; what only begins like JSON, or nests too deep, stays."""
    assert view_format.pretty('{"a":[1,2]}') == '{\n  "a": [\n    1,\n    2\n  ]\n}'
    assert view_format.pretty("[not json") == "[not json"
    assert view_format.pretty("[" * 5000) == "[" * 5000


def test_times_past_the_calendar_are_shown_all_the_same():
    """A nonsense time is a nonsense date, not an error."""
    assert view_format.stamp(2**63) == "2262-04-11 23:47:16"
    assert view_format.iso(-5).startswith("1970")
    assert view_format.stamp(2**64 * 1000).startswith("9999")
