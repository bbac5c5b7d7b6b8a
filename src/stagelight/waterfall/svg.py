"""A tree of spans as a static picture: for notebooks and reports, without script and without a style sheet."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from stagelight.waterfall import text, units

if TYPE_CHECKING:
    from stagelight.waterfall.tree import Node, Tree

ROW = 22  #: Height of a span, pixels.
HEAD = 26  #: Height of the scale above the spans.
MAX_ROWS = 500  #: A notebook that holds more in one picture is slow to scroll.
INDENT = 12
MAX_INDENT = 10  #: Levels that are indented; deeper ones keep this indent, or no room is left for names.

# Custom properties let a page choose its own colours; the fallbacks are readable on white and on near-black alike.
_BAR = "var(--sl-bar, #4f7cd8)"
_ERROR = "var(--sl-error, #d6453d)"
_MISSING = "var(--sl-quiet, #8a8f98)"
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"


def render(tree: Tree, *, width: int = 960, static: bool = True) -> str:
    """Return `tree` as one `<svg>` element: a row for each span, its bar from start to end.

    Args:
        tree: From `tree.build`.
        width: Pixels the drawing is laid out for; it shrinks to fit what holds it.
        static: Carry its own colours, as a notebook needs. Otherwise elements have classes alone (`bar`, `error`,
            `missing`, `rule`, `name`, `time`) and the page's style sheet colours them.

    Spans past the first 500 are counted, not drawn.
    """
    nodes = [node for node, _ in zip(tree.walk(), range(MAX_ROWS), strict=False)]
    left_out = tree.size - len(nodes)
    height = HEAD + ROW * (len(nodes) + bool(left_out))
    names = min(360, width * 2 // 5)
    parts = [_open(tree, width, height, static=static), *_scale(tree, names, width, height)]
    for at, node in enumerate(nodes):
        parts.append(_row(tree, node, HEAD + at * ROW, names, width))
    if left_out:
        parts.append(f'<text x="8" y="{height - 7}" opacity="0.75">… and {left_out:,} more spans</text>')
    return "".join([*parts, "</svg>"])


def _open(tree: Tree, width: int, height: int, *, static: bool) -> str:
    look = f' fill="currentColor" font-family="{_FONT}" font-size="12"' if static else ""
    label = f"Trace of {tree.size:,} spans, {units.duration(tree.duration_ns)}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="sl-waterfall" role="img" aria-label="{label}" '
        f'viewBox="0 0 {width} {height}" width="100%" preserveAspectRatio="xMinYMin meet"{look}>'
    )


def _scale(tree: Tree, names: int, width: int, height: int) -> list[str]:
    """Four quarters of the whole time, with thin rules down the picture."""
    parts = []
    room = width - names - 70
    for quarter in range(5):
        x = names + room * quarter / 4
        anchor = "start" if quarter == 0 else "middle"
        label = units.duration(tree.duration_ns * quarter / 4) if quarter else "0"
        parts.append(
            f'<line class="rule" x1="{x:.1f}" y1="{HEAD - 6}" x2="{x:.1f}" y2="{height}" stroke="currentColor" stroke-opacity="0.15"/>'
            f'<text class="time" x="{x:.1f}" y="{HEAD - 11}" text-anchor="{anchor}" font-size="11" opacity="0.75">{label}</text>'
        )
    return parts


def _row(tree: Tree, node: Node, y: int, names: int, width: int) -> str:
    room = width - names - 70
    whole = max(1, tree.duration_ns)
    x = names + room * min(1.0, (node.span.start_ns - tree.start_ns) / whole)
    length = max(1.5, min(names + room - x, room * node.span.duration_ns / whole))
    indent = 8 + INDENT * min(node.depth, MAX_INDENT)
    kind, colour = _look(node)
    trouble = text.problem(node.span)
    title = f"{text.plain(node.span.name)} · {units.duration(node.span.duration_ns)}" + (
        f" · {text.plain(trouble)}" if trouble else ""
    )
    dash = f' fill-opacity="0.25" stroke="{colour}" stroke-dasharray="3 2"' if node.missing else ""
    return (
        f'<g class="row"><title>{_safe(title)}</title>'
        f'<text class="name" x="{indent}" y="{y + 15}">{_safe(_short(node, names - indent))}</text>'
        f'<rect class="{kind}" x="{x:.1f}" y="{y + 5}" width="{length:.1f}" height="12" rx="2" fill="{colour}"{dash}/>'
        f'<text class="time" x="{x + length + 5:.1f}" y="{y + 15}" font-size="11" opacity="0.85">{units.duration(node.span.duration_ns)}</text></g>'
    )


def _look(node: Node) -> tuple[str, str]:
    if node.missing:
        return "missing", _MISSING
    if node.span.status == "error":
        return "error", _ERROR
    return "bar", _BAR


def _short(node: Node, room: int) -> str:
    """The name, marked by shape as well as colour where it failed, cut to about `room` pixels."""
    name = ("✗ " if node.span.status == "error" else "") + (text.plain(node.span.name) or "(no name)")
    letters = max(6, int(room / 6.8))
    return name if len(name) <= letters else name[: letters - 1] + "…"


def _safe(words: str) -> str:
    return escape(words, quote=True)
