"""Which traces have come to rest, so that each is printed once and whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagelight.wire.records import SpanRecord

QUIET_NS: Final = 700_000_000  #: After its root, a trace without news for so long is whole: exporters send in batches.
ROOTLESS_NS: Final = 5_000_000_000  #: A trace whose root is another system's.


class Key(NamedTuple):
    """Whose trace, and which."""

    tenant: str
    trace_id: str


@dataclass(slots=True)
class _Waiting:
    seen_ns: int
    rooted: bool


@dataclass(slots=True)
class Follower:
    """Sees spans arrive, in any order, and tells when their traces have come to rest.

    >>> from stagelight.wire.records import SpanRecord
    >>> follower = Follower()
    >>> follower.saw(SpanRecord(trace_id="a" * 32, span_id="1" * 16, name="answer", start_ns=0, end_ns=9), now_ns=0)
    >>> follower.rested(now_ns=QUIET_NS - 1)
    []
    >>> follower.rested(now_ns=QUIET_NS)[0].tenant
    'default'
    """

    waiting: dict[Key, _Waiting] = field(default_factory=dict)

    def saw(self, span: SpanRecord, *, now_ns: int) -> None:
        """Take note of a span; one that comes after its trace was told makes the trace come again."""
        key = Key(span.tenancy.tenant, span.trace_id)
        entry = self.waiting.setdefault(key, _Waiting(now_ns, rooted=False))
        entry.seen_ns = now_ns
        entry.rooted = entry.rooted or not span.parent_id

    def rested(self, *, now_ns: int) -> list[Key]:
        """Return the traces to which nothing was added for a while, each once."""
        done = [k for k, w in self.waiting.items() if now_ns - w.seen_ns >= (QUIET_NS if w.rooted else ROOTLESS_NS)]
        for key in done:
            del self.waiting[key]
        return done


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which traces to print; what is left out restricts nothing."""

    errors: bool = False
    min_ms: float = 0.0
    text: str = ""  #: In a span's name or an attribute's value; upper and lower case are one.
    stage: str = ""  #: Name of some span.
    service: str = ""
    session: str = ""
    attributes: tuple[tuple[str, str], ...] = ()  #: Each on some span.

    def __call__(self, spans: Sequence[SpanRecord]) -> bool:
        """Whether the trace of `spans` is one of them."""
        lasted_ns = max(s.end_ns for s in spans) - min(s.start_ns for s in spans)
        pairs = [*self.attributes, *((("session.id", self.session),) if self.session else ())]
        return (
            lasted_ns >= self.min_ms * 1e6
            and (not self.errors or any(s.status == "error" for s in spans))
            and (not self.stage or any(s.name == self.stage for s in spans))
            and (not self.service or any(s.resource.get("service.name") == self.service for s in spans))
            and all(any(_has(s, key, value) for s in spans) for key, value in pairs)
            and (not self.text or any(_mentions(s, self.text.casefold()) for s in spans))
        )


def _has(span: SpanRecord, key: str, value: str) -> bool:
    found = span.attributes.get(key, span.resource.get(key))
    return found is not None and str(found) == value


def _mentions(span: SpanRecord, text: str) -> bool:
    return text in span.name.casefold() or any(text in str(value).casefold() for value in span.attributes.values())
