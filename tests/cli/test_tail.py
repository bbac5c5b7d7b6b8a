"""`stagelight tail`: each trace once, whole, and only those that are wanted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagelight import _clock, wire
from stagelight.cli.follow import QUIET_NS, ROOTLESS_NS, Follower, Key, Wanted
from stagelight.store import open_store
from stagelight.wire.records import SpanRecord

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    from conftest import Process

    Start = Callable[..., Process]
    Call = Callable[..., Result]

MS = 1_000_000
BEGAN_NS = _clock.wall_ns() - 60_000 * MS


def span(
    trace: int, number: int = 1, *, parent: int = 0, name: str = "answer", ms: int = 10, **more: Any
) -> SpanRecord:
    """A finished span; later traces began later."""
    start_ns = BEGAN_NS + trace * 1000 * MS
    return SpanRecord(
        trace_id=f"{trace:032x}",
        span_id=f"{number:016x}",
        parent_id=f"{parent:016x}" if parent else "",
        name=name,
        start_ns=start_ns + number,
        end_ns=start_ns + ms * MS,
        resource={"service.name": "shop"},
        **more,
    )


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with three traces: one plain, one slow, one with an error."""
    path = tmp_path / "tail.db"
    with open_store(path) as opened:
        opened.traces.write([span(1), span(1, 2, parent=1, name="load")])
        opened.traces.write([span(2, name="slow", ms=500, attributes={"session.id": "s1", "user.id": 7})])
        opened.traces.write(
            [
                span(3),
                span(3, 2, parent=1, name="load", status="error", status_message="boom", attributes={"q": "Hello"}),
            ]
        )
    return path


def ids(result: Result) -> list[int]:
    """Which traces were printed as JSON."""
    assert result.exit_code == 0, result.stderr
    bodies = [line.encode() for line in result.stdout.splitlines()]
    return [int(wire.decode_traces(body, "json")[0].trace_id, 16) for body in bodies]


def test_the_latest_are_shown_as_trees(call: Call, store: Path) -> None:
    """Each trace has a line with its service and id, and its stages as a tree, oldest trace first."""
    result = call("tail", "--last", 2, "--no-follow", "--store", store)

    assert result.exit_code == 0, result.stderr
    first, second = result.stdout.strip().split("\n\n")
    assert first.splitlines()[0].split()[1:] == ["shop", f"{2:032x}"]
    assert second.splitlines()[1].startswith("answer")
    assert second.splitlines()[2].startswith("└─ load")
    assert "✗ boom" in second


def test_span_ids_on_demand(call: Call, store: Path) -> None:
    """--ids shows what `export` and the API call the spans."""
    assert f"[{1:016x}]" in call("tail", "--last", 1, "--no-follow", "--ids", "--store", store).stdout


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ((), [1, 2, 3]),
        (("--errors",), [3]),
        (("--min-ms", 100), [2]),
        (("--stage", "load"), [1, 3]),
        (("--service", "shop"), [1, 2, 3]),
        (("--service", "other"), []),
        (("--session", "s1"), [2]),
        (("--attr", "user.id=7", "--attr", "session.id=s1"), [2]),
        (("--attr", "user.id=8"), []),
        (("--attr", "service.name=shop", "--errors"), [3]),
        (("--text", "HELLO"), [3]),
        (("--text", "Slow"), [2]),
    ],
)
def test_filters_choose(call: Call, store: Path, options: tuple[object, ...], wanted: list[int]) -> None:
    """Each filter leaves the traces that it describes, and several mean all of them."""
    assert ids(call("tail", "--last", 10, "--no-follow", "--json", "--store", store, *options)) == wanted


def test_an_attribute_filter_needs_its_sign(call: Call, store: Path) -> None:
    """--attr without `=` is told with an example."""
    result = call("tail", "--attr", "user", "--store", store)

    assert result.exit_code == 2
    assert "expected KEY=VALUE" in result.stderr


def test_without_a_store_the_next_step_is_told(call: Call) -> None:
    """Before anything was received there is nothing to follow: exit code 3."""
    result = call("tail")

    assert result.exit_code == 3
    assert result.stderr.count("\n") == 1


def test_it_follows_what_arrives(start: Start, store: Path) -> None:
    """A trace that is written while it waits is printed when it is whole; -n ends it after so many."""
    process = start("tail", "--store", store, "--json", "--last", 1, "-n", 2)
    process.until("resourceSpans")
    with open_store(store) as writer:
        writer.traces.write([span(4, 2, parent=1, name="load")])
        writer.traces.write([span(4)])

    assert process.ended() == 0, process.err
    spans = wire.decode_traces(process.out.splitlines()[1].encode(), "json")
    assert [(s.trace_id, s.name) for s in spans] == [(f"{4:032x}", "answer"), (f"{4:032x}", "load")]


def test_ctrl_c_ends_it_with_0(start: Start, store: Path) -> None:
    """Following has no other end, so it is no error."""
    process = start("tail", "--last", 1, "--store", store)
    process.until("└─ load")

    process.ctrl_c()

    assert process.ended() == 0
    assert process.err == ""


def test_a_name_cannot_steer_the_terminal(call: Call, tmp_path: Path) -> None:
    """Escape sequences in names and services are made harmless before they are printed."""
    path = tmp_path / "evil.db"
    with open_store(path) as opened:
        opened.traces.write([span(1, name="a\x1b[2Jb")])

    assert "\x1b" not in call("tail", "--last", 1, "--no-follow", "--store", path).stdout


def test_json_lines_can_be_imported(call: Call, store: Path, tmp_path: Path) -> None:
    """What `tail --json` prints is what `import` reads."""
    lines = call("tail", "--last", 3, "--no-follow", "--json", "--store", store).stdout

    result = call("import", "-", "--store", tmp_path / "other.db", "--json", stdin=lines)

    assert json.loads(result.stdout)["imported"] == {"traces": 3, "spans": 5}


@given(st.permutations([(1, 0), (2, 1), (3, 2), (4, 1)]), st.integers(1, 4))
def test_a_trace_is_told_once_in_any_order(order: list[tuple[int, int]], gap: int) -> None:
    """However its spans arrive, a trace comes to rest once, and not while its spans still come."""
    follower, told, now = Follower(), [], 0
    for number, parent in order:
        follower.saw(span(1, number, parent=parent), now_ns=now)
        told += follower.rested(now_ns=now)
        now += QUIET_NS // 5 * gap
        told += follower.rested(now_ns=now - 1)

    for later in (ROOTLESS_NS, 2 * ROOTLESS_NS):
        told += follower.rested(now_ns=now + later)

    assert told == [Key("default", f"{1:032x}")]


def test_a_trace_without_its_root_is_told_later() -> None:
    """Where the root is another system's, the spans that came are shown after a longer silence."""
    follower = Follower()
    follower.saw(span(1, 2, parent=1), now_ns=0)

    assert follower.rested(now_ns=ROOTLESS_NS - 1) == []
    assert follower.rested(now_ns=ROOTLESS_NS) == [Key("default", f"{1:032x}")]


def test_late_spans_bring_a_trace_back() -> None:
    """A span that comes after its trace was told makes it come again, so that nothing stays unseen."""
    follower = Follower()
    follower.saw(span(1), now_ns=0)
    assert len(follower.rested(now_ns=QUIET_NS)) == 1

    follower.saw(span(1, 2, parent=1), now_ns=QUIET_NS)

    assert len(follower.rested(now_ns=QUIET_NS + ROOTLESS_NS)) == 1


def test_tenants_with_the_same_trace_id_are_told_apart() -> None:
    """A trace id is not unique over tenants."""
    follower = Follower()
    for tenant in ("a", "b"):
        follower.saw(span(1, attributes={"stagelight.tenant": tenant}), now_ns=0)

    assert [key.tenant for key in follower.rested(now_ns=QUIET_NS)] == ["a", "b"]


def test_nothing_wanted_means_everything() -> None:
    """Without filters each trace is wanted."""
    assert Wanted()([span(1)])
