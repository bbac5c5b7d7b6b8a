"""The trace file: written by many, read by anybody, never older than it should be."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import textwrap
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from stagelight import _clock, journal
from stagelight.journal import lock
from stagelight.testing import SteppingClock
from stagelight.wire.records import SpanRecord

if TYPE_CHECKING:
    from pathlib import Path

HOUR_NS = 3600 * 1_000_000_000


def span(number: int = 1, *, name: str = "load", end_ns: int | None = None) -> SpanRecord:
    """A finished span of a trace of its own."""
    end_ns = _clock.wall_ns() if end_ns is None else end_ns
    return SpanRecord(
        trace_id=f"{number:032x}",
        span_id=f"{number:016x}",
        name=name,
        start_ns=end_ns - 1000,
        end_ns=end_ns,
        attributes={"stagelight.tenant": "acme", "n": number},
        resource={"service.name": "shop"},
    )


def names(path: Path) -> list[str]:
    """The names of the first span of each line."""
    return [spans[0].name for spans in journal.read(path)]


def python(code: str, *arguments: object, **variables: str) -> subprocess.Popen[str]:
    """Start another process with the library."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process: subprocess.Popen[str]) -> str:
    """Wait for a process and return what it printed; it must have ended well."""
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out


def test_what_was_appended_is_read_back(tmp_path: Path) -> None:
    """Spans come back from the file as they went in, attributes and resource included."""
    path = tmp_path / "logs" / "traces.jsonl"
    spans = [span(1), span(1, name="answer")]

    journal.TraceFile(path, 24).append(spans)

    assert list(journal.read(path)) == [spans]


def test_a_huge_trace_is_read_back_whole(tmp_path: Path) -> None:
    """A trace of more spans than one request may carry over the network is still one line, and comes back whole."""
    path = tmp_path / "traces.jsonl"
    spans = [replace(span(1), span_id=f"{n:016x}") for n in range(1, 12_001)]

    journal.TraceFile(path, 24).append(spans)

    assert [len(found) for found in journal.read(path)] == [12_000]


def test_a_trace_is_one_line_of_otlp_json(tmp_path: Path) -> None:
    """Each trace is a line that is an OTLP request by itself, so that other tools can read the file."""
    path = tmp_path / "traces.jsonl"
    file = journal.TraceFile(path, 24)

    for number in (1, 2, 3):
        file.append([span(number, name="línea\nnueva")])

    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 3
    assert all(list(json.loads(line)) == ["resourceSpans"] for line in lines)


def test_nothing_is_written_for_no_spans(tmp_path: Path) -> None:
    """An empty trace leaves no line, and no file."""
    path = tmp_path / "traces.jsonl"

    journal.TraceFile(path, 24).append([])

    assert not path.exists()


def test_a_lone_surrogate_does_not_stop_the_file(tmp_path: Path) -> None:
    """A name that UTF-8 cannot hold is written as well as it can be, and later traces are not harmed."""
    path = tmp_path / "traces.jsonl"
    file = journal.TraceFile(path, 24)

    file.append([span(1, name="bad \udc80 name")])
    file.append([span(2, name="good")])

    assert names(path) == ["bad ? name", "good"]


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    """Traces may hold what users typed, so the file is the owner's alone."""
    path = tmp_path / "traces.jsonl"

    journal.TraceFile(path, 24).append([span()])

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


APPENDER = """
    import sys
    from stagelight.journal import TraceFile
    from stagelight.wire.records import SpanRecord
    from stagelight import _clock
    path, first, number = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    file = TraceFile(path, 24)
    print("ready", flush=True)
    sys.stdin.readline()
    for n in range(first, first + number):
        now = _clock.wall_ns()
        file.append([SpanRecord(trace_id=f"{n:032x}", span_id=f"{n:016x}", name="x" * 5000, start_ns=now, end_ns=now)])
"""


def appenders(path: Path, processes: int, lines: int) -> list[subprocess.Popen[str]]:
    """Processes that append `lines` lines each, all begun at once."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(APPENDER), str(path), str(1 + i * lines), str(lines)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for i in range(processes)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return started


def test_processes_append_at_once_without_mixing_their_lines(tmp_path: Path) -> None:
    """Four processes that write lines longer than a page at the same time leave every line whole."""
    path = tmp_path / "traces.jsonl"

    for process in appenders(path, 4, 150):
        process.communicate(timeout=60)
        assert process.returncode == 0

    torn: list[int] = []
    found = [spans[0].trace_id for spans in journal.read(path, torn=lambda number, _: torn.append(number))]
    assert torn == []
    assert sorted(found) == [f"{n:032x}" for n in range(1, 601)]


def test_expiry_while_others_append_loses_nothing_young(tmp_path: Path) -> None:
    """Rewriting the file again and again while other processes append takes only what is old."""
    path, elsewhere = tmp_path / "traces.jsonl", tmp_path / "old.jsonl"
    path.touch()
    journal.TraceFile(elsewhere, 1000).append([span(999_999, end_ns=_clock.wall_ns() - 48 * HOUR_NS)])
    old = elsewhere.read_bytes()
    writers = appenders(path, 2, 200)
    rewrites = 0

    while any(process.poll() is None for process in writers) or rewrites == 0:
        with lock.alone(path):  # an old first line is what makes expire() rewrite
            path.write_bytes(old + path.read_bytes())
        rewrites += journal.TraceFile(path, 24).expire()

    for process in writers:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert sorted(s[0].trace_id for s in journal.read(path)) == [f"{n:032x}" for n in range(1, 401)]


def test_old_traces_go_and_young_ones_stay(tmp_path: Path, clock: SteppingClock) -> None:
    """A trace that ended more than `hours` ago is forgotten when a later one is appended."""
    path = tmp_path / "traces.jsonl"
    file = journal.TraceFile(path, 24)

    with _clock.replaced(clock=clock):
        file.append([span(1, name="first")])
        clock.advance(hours=20)
        file.append([span(2, name="second")])
        clock.advance(hours=5)
        file.append([span(3, name="third")])

    assert names(path) == ["second", "third"]


def test_a_rewrite_says_how_many_went_and_keeps_the_mode(tmp_path: Path) -> None:
    """Expiry returns the number of traces it removed; a file that was opened up to others stays so."""
    path = tmp_path / "traces.jsonl"
    file = journal.TraceFile(path, 1)
    for number in (1, 2):
        file.append([span(number, end_ns=_clock.wall_ns() - HOUR_NS + 10**9)])
    path.chmod(0o640)
    with _clock.replaced(clock=SteppingClock(start_s=_clock.wall_ns() / 1e9 + 3600)):
        gone = file.expire()

    assert gone == 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [p.name for p in tmp_path.iterdir() if p.suffix == ".new"] == []


def test_a_young_file_is_not_rewritten(tmp_path: Path) -> None:
    """While the first line is young nothing is copied: the file stays the same inode."""
    path = tmp_path / "traces.jsonl"
    file = journal.TraceFile(path, 24)
    file.append([span()])
    before = path.stat().st_ino

    assert file.expire() == 0
    assert path.stat().st_ino == before


def test_lines_of_others_are_never_removed(tmp_path: Path) -> None:
    """Where TRACE_LOG_FILE names a log that somebody else writes too, expiry leaves their lines alone."""
    path = tmp_path / "app.log"
    file = journal.TraceFile(path, 24)
    file.append([span(1, end_ns=_clock.wall_ns() - 48 * HOUR_NS)])
    with path.open("a") as log:
        log.write('plain words\n{"endTimeUnixNano":"1"}\n')

    file.expire()

    assert path.read_text() == 'plain words\n{"endTimeUnixNano":"1"}\n'


def test_an_attribute_cannot_pass_for_an_end_time(tmp_path: Path) -> None:
    """A value that looks like a late end time does not keep an old trace for ever."""
    path = tmp_path / "traces.jsonl"
    file = journal.TraceFile(path, 24)
    old = span(1, name='"endTimeUnixNano":"9999999999999999999"', end_ns=_clock.wall_ns() - 48 * HOUR_NS)

    file.append([old])
    file.expire()

    assert path.read_bytes() == b""


def test_a_failed_rewrite_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the new file cannot take the old one's place the old one stays, and nothing is left beside it."""
    path = tmp_path / "traces.jsonl"
    file = journal.TraceFile(path, 24)
    old = span(1, end_ns=_clock.wall_ns() - 48 * HOUR_NS)
    file._next_look_ns = 2**62
    file.append([old])
    before = path.read_bytes()

    def refuse(*_: Any) -> None:
        raise OSError("no")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="no"):
        file.expire()

    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == [".traces.jsonl.lock", "traces.jsonl"]


def test_after_a_torn_line_the_next_begins_anew(tmp_path: Path) -> None:
    """A line that a power cut tore costs itself alone: what is appended later is read, and the torn one is told."""
    path = tmp_path / "traces.jsonl"
    file = journal.TraceFile(path, 24)
    file.append([span(1, name="before")])
    with path.open("ab") as raw:
        raw.write(b'{"resourceSpans":[{"resou')

    file.append([span(2, name="after")])

    torn: list[int] = []
    assert [s[0].name for s in journal.read(path, torn=lambda number, _: torn.append(number))] == ["before", "after"]
    assert torn == [2]


def test_a_torn_line_goes_with_the_next_rewrite(tmp_path: Path) -> None:
    """Half a line of ours has no age; it is dropped as soon as the file is rewritten."""
    path = tmp_path / "traces.jsonl"
    path.write_bytes(b'{"resourceSpans":[{"endTimeUnixNano":"' + str(_clock.wall_ns()).encode() + b'"')

    journal.TraceFile(path, 24).append([span(1, name="whole")])

    assert path.read_bytes().count(b"\n") == 1
    assert names(path) == ["whole"]


def test_a_full_disk_is_told_and_the_file_stays_readable(tmp_path: Path) -> None:
    """When only a part of the line fits the writer is told how much, and the traces before it are read as ever."""
    path = tmp_path / "traces.jsonl"
    code = """
        import resource, sys
        from stagelight.journal import TraceFile
        from stagelight.wire.records import SpanRecord
        from stagelight import _clock
        now = _clock.wall_ns()
        span = SpanRecord(trace_id="1" * 32, span_id="2" * 16, name="load", start_ns=now, end_ns=now)
        file = TraceFile(sys.argv[1], 24)
        file.append([span])
        resource.setrlimit(resource.RLIMIT_FSIZE, (700, 700))
        try:
            for _ in range(9):
                file.append([span])
        except OSError as error:
            print(error)
    """

    said = finished(python(code, path))

    assert "bytes were written; is the disk full?" in said
    assert set(names(path)) == {"load"}


def test_the_life_cycle_leaves_a_whole_trace_in_the_file(tmp_path: Path) -> None:
    """start_trace, trace_stage by id and end_trace, with TRACE_LOG_FILE set, leave one line with the whole trace."""
    path = tmp_path / "logs" / "traces.jsonl"
    code = """
        from stagelight import configure, end_trace, start_trace, trace_stage
        configure()
        trace_id = start_trace(request_id="r1", model_version="v2")
        with trace_stage(trace_id, "llm_call", {"model": "deepseek"}):
            pass
        end_trace(trace_id, final_decision="ml_validated")
        print(trace_id)
    """

    trace_id = finished(
        python(code, TRACE_LOG_FILE=str(path), OTEL_TRACES_EXPORTER="none", OTEL_METRICS_EXPORTER="none")
    ).strip()

    (spans,) = journal.read(path)
    assert {s.trace_id for s in spans} == {trace_id}
    assert "llm_call" in {s.name for s in spans}
    (root,) = [s for s in spans if not s.parent_id]
    assert "ml_validated" in root.attributes.values()
