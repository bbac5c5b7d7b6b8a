"""A tree as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagelight.waterfall import text, units
from stagelight.waterfall.tree import build
from stagelight.wire.records import SpanRecord

MS = 1_000_000


def span(number, parent=0, start=0, end=10, **more):
    """A span with small numbers for ids, times in milliseconds."""
    return SpanRecord(
        trace_id="a" * 32,
        span_id=f"{number:016x}",
        parent_id=f"{parent:016x}" if parent else "",
        name=more.pop("name", f"s{number}"),
        start_ns=start * MS,
        end_ns=end * MS,
        **more,
    )


ANSWER = [
    span(1, name="answer", end=1000),
    span(2, 1, 5, 200, name="load"),
    span(
        3,
        1,
        200,
        900,
        name="predict",
        status="error",
        status_message="bad\nrow",
        attributes={"error.type": "ValueError"},
    ),
    span(4, 3, 250, 800, name="llm", attributes={"stagelight.outcome": "cancelled"}),
]


def test_the_text_without_times_is_the_same_for_every_run():
    """What a test compares: names, nesting and what went wrong."""
    assert text.render(build(ANSWER), durations=False).splitlines() == [
        "answer",
        "├─ load",
        "└─ predict  ✗ ValueError: bad�row",
        "   └─ llm  ⊘ cancelled",
    ]


def test_times_are_aligned_and_bars_show_when():
    """A row has its time at the right edge of one column, and a bar from its start to its end."""
    lines = text.render(build(ANSWER), width=60).splitlines()

    assert lines[0] == "answer      1.00 s  " + "█" * 40
    assert lines[1].startswith("├─ load     195 ms  ███████")
    assert lines[2].index("█") - lines[0].index("█") == 8


def test_ids_are_shown_on_request():
    """Ids make a line findable elsewhere."""
    assert text.render(build([span(1)]), durations=False, ids=True) == "s1 [0000000000000001]"


def test_wide_letters_do_not_shift_the_columns():
    """A name in Chinese takes two columns a letter, and times still stand under each other."""
    first, second = text.render(build([span(1, name="漢字漢字"), span(2, 1, name="ab")])).splitlines()

    assert text.columns(first[: first.index("10.0")]) == text.columns(second[: second.index("10.0")])


def test_a_long_name_is_cut_and_leaves_room_for_its_bar():
    """However long the name, time and bar stay within the width."""
    (line,) = text.render(build([span(1, name="n" * 500)]), width=80).splitlines()

    assert "…" in line
    assert "█" in line
    assert text.columns(line) <= 80


@pytest.mark.parametrize("name", ["\x1b]0;owned\x07", "a\nb", "a\r\x1b[2Kb", "\u202eright", "\ud800"])
def test_a_name_cannot_steer_the_terminal(name):
    """Control, direction and half characters of names and messages are replaced."""
    shown = text.render(build([span(1, name=name, status="error", status_message=name)]))

    assert "�" in shown
    assert not {"\x1b", "\n", "\r", "\x07", "\u202e", "\ud800"} & set(shown)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (span(1), ""),
        (span(1, status="error"), "error"),
        (
            span(1, status="error", status_message="KeyError: 'a'", attributes={"error.type": "KeyError"}),
            "KeyError: 'a'",
        ),
        (span(1, status="error", attributes={"error.type": "KeyError"}), "KeyError"),
        (span(1, attributes={"stagelight.outcome": "abandoned"}), "abandoned"),
        (span(1, attributes={"stagelight.outcome": "ok"}), ""),
    ],
)
def test_what_went_wrong_is_said_once(record, words):
    """Kind and message, without saying the kind twice; nothing where nothing went wrong."""
    assert text.problem(record) == words


def test_a_long_message_is_cut():
    """A stack trace as message does not fill the screen."""
    shown = text.render(build([span(1, status="error", status_message="x" * 5000)]), durations=False)

    assert len(shown) < 80


@given(st.integers(0, 10**17), st.integers(0, 10**17))
def test_a_longer_time_never_reads_as_a_shorter_one(one, other):
    """Durations keep their order when they are read back from the text."""
    sizes = {"ns": 1, "µs": 1e3, "ms": 1e6, "s": 1e9, "min": 60e9, "h": 3600e9}

    def read(words):
        parts = words.replace(",", "").split()
        return sum(float(number) * sizes[unit] for number, unit in zip(parts[::2], parts[1::2], strict=True))

    shorter, longer = sorted((one, other))
    assert read(units.duration(shorter)) <= read(units.duration(longer)) * (1 + 1e-9)
    assert read(units.duration(longer)) == pytest.approx(longer, rel=0.02)
