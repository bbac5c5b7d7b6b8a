"""Which span is current, kept right however stages are left.

OpenTelemetry restores the context with a token, which fails (and logs an error) in another task, and brings an ended
span back to life when blocks are not left in the reverse order of entering. So a stage leaves a frame in the context,
frames know their parents, and leaving goes to the nearest frame that is still open.
"""

from __future__ import annotations

from opentelemetry.context import Context, attach, create_key, get_current, get_value, set_value

FRAME = create_key("stagelight-frame")
_BEFORE = create_key("stagelight-before")


def swap_in(inside: Context) -> None:
    """Make `inside` current until `swap_out`; the way back lies in the context itself, so that any number of tasks may."""
    attach(set_value(_BEFORE, get_current(), inside))


def swap_out() -> None:
    """Make current what was before the last `swap_in`."""
    # Attach rather than detach: a token may belong to another task by now, and detaching it logs an error.
    before = get_value(_BEFORE, get_current())
    attach(before if isinstance(before, Context) else Context())


class Frame:
    """One open stage in a context."""

    __slots__ = ("context", "open", "outer")

    def __init__(self, inside: Context) -> None:
        """Make the context within from `inside`, which has the new span; nothing is current yet."""
        self.context = set_value(FRAME, self, inside)
        self.outer = Context()
        self.open = True

    def enter(self) -> None:
        """Make the frame's context the current one; what was current, which need not be the span's parent, is outside."""
        self.outer = get_current()
        attach(self.context)

    def leave(self) -> None:
        """Close the frame; go back to what was before, or to the nearest enclosing frame that is still open."""
        self.open = False
        if get_value(FRAME, get_current()) is not self:
            # Another stage is current (left out of order, or in another task): it finds its own way when it is left.
            return
        attach(self.outside())

    def outside(self) -> Context:
        """The context to go back to: that of the nearest frame outside which is still open."""
        outer = self.outer
        while isinstance(frame := get_value(FRAME, outer), Frame) and not frame.open:
            outer = frame.outer
        return outer
