"""A tree of spans as text: what tests print, what `stagelight tail` shows."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stagelight.waterfall import units

if TYPE_CHECKING:
    from stagelight.waterfall.tree import Node, Tree
    from stagelight.wire.records import SpanRecord

MIN_BAR = 12  #: Columns below which a bar says nothing.
MAX_NOTE = 60
_NONE = 0xFFFE  #: Code points that end in FFFE or FFFF are no characters, and no XML.
_EIGHTHS = " ▏▎▍▌▋▊▉█"


@dataclass(frozen=True, slots=True)
class _Line:
    label: str
    node: Node


def render(tree: Tree, *, width: int = 100, durations: bool = True, ids: bool = False) -> str:
    """Return `tree` as lines of text, one span each, without a newline at the end.

    Args:
        tree: From `tree.build`.
        width: Columns for names, times and bars; what went wrong is written behind them.
        durations: Show times and bars; without them the text of a given program is always the same.
        ids: Show span ids.

    >>> from stagelight.waterfall.tree import build
    >>> from stagelight.wire.records import SpanRecord
    >>> a = SpanRecord(trace_id="a" * 32, span_id="1" * 16, name="answer", start_ns=0, end_ns=9)
    >>> b = SpanRecord(trace_id="a" * 32, span_id="2" * 16, parent_id="1" * 16, name="think", start_ns=1, end_ns=6)
    >>> print(render(build([a, b]), durations=False))
    answer
    └─ think
    """
    lines = _lines(tree, ids=ids)
    if not durations:
        return "\n".join(f"{line.label}{_note(line.node)}" for line in lines)
    times = [units.duration(line.node.span.duration_ns) for line in lines]
    time_width = max((len(time) for time in times), default=0)
    label_width = min(
        max((columns(line.label) for line in lines), default=0), max(20, width - time_width - MIN_BAR - 4)
    )
    bar_width = max(MIN_BAR, min(40, width - label_width - time_width - 4))
    return "\n".join(
        f"{_fitted(line.label, label_width)}  {time:>{time_width}}  {_bar(tree, line.node, bar_width)}{_note(line.node)}".rstrip()
        for line, time in zip(lines, times, strict=True)
    )


def columns(text: str) -> int:
    r"""How many terminal columns `text` takes; wide characters take two, combining ones none.

    >>> columns("abc"), columns("漢字"), columns("e\u0301")
    (3, 4, 1)
    """
    return sum(_wide(character) for character in text)


def plain(text: str) -> str:
    r"""Return `text` on one line and without control characters, so that a span's name cannot steer a terminal.

    >>> plain("\x1b[31mred\n")
    '�[31mred�'
    """
    return "".join("\N{REPLACEMENT CHARACTER}" if _steers(character) else character for character in text)


def problem(span: SpanRecord) -> str:
    """Return in a few words what went wrong in `span`; empty where nothing did."""
    outcome = str(span.attributes.get("stagelight.outcome") or "")
    if span.status != "error":
        return outcome if outcome in {"cancelled", "abandoned"} else ""
    kind = str(span.attributes.get("error.type") or "")
    message = span.status_message
    if kind and message and not message.startswith(kind):
        return f"{kind}: {message}"
    return message or kind or "error"


def _lines(tree: Tree, *, ids: bool) -> list[_Line]:
    """Rows in drawing order; iterative, because a trace may be deeper than Python's stack."""
    lines: list[_Line] = []
    stack: list[tuple[Node, str, str]] = [(root, "", "") for root in reversed(tree.roots)]
    while stack:
        node, own, below = stack.pop()
        name = plain(node.span.name) or "(no name)"
        lines.append(_Line(f"{own}{name}{f' [{node.span.span_id}]' if ids else ''}", node))
        last = len(node.children) - 1
        for at in range(last, -1, -1):
            elbow, rail = ("└─ ", "   ") if at == last else ("├─ ", "│  ")
            stack.append((node.children[at], below + elbow, below + rail))
    return lines


def _note(node: Node) -> str:
    words = plain(problem(node.span))
    if not words:
        return ""
    mark = "✗" if node.span.status == "error" else "⊘"
    return f"  {mark} {words if len(words) <= MAX_NOTE else words[: MAX_NOTE - 1] + '…'}"


def _fitted(text: str, width: int) -> str:
    room = columns(text)
    if room <= width:
        return text + " " * (width - room)
    kept, used = [], 0
    for character in text:
        used += _wide(character)
        if used > width - 1:
            break
        kept.append(character)
    cut = "".join(kept) + "…"
    return cut + " " * (width - columns(cut))


def _wide(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def _steers(character: str) -> bool:
    """Whether it is a control, direction or half character, or none at all; joiners belong to words and emoji."""
    if character in "\u200c\u200d":
        return False
    return unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} or ord(character) & _NONE == _NONE


def _bar(tree: Tree, node: Node, width: int) -> str:
    """Draw a bar from start to end; never empty, so that a short span is still seen."""
    whole = max(1, tree.duration_ns)
    left = min(width - 1, (node.span.start_ns - tree.start_ns) * width // whole)
    eighths = max(1, round(node.span.duration_ns * width * 8 / whole))
    full, rest = divmod(min(eighths, (width - left) * 8), 8)
    return (" " * left + "█" * full + (_EIGHTHS[rest] if rest else "")).ljust(width)
