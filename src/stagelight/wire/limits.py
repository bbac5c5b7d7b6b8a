"""How much of a body is read before it is refused; set once, for protobuf and JSON alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MIB: Final = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one request may hold; whatever is over is answered with 413 and leaves nothing behind.

    `records` alone does not bound memory: a single span may carry millions of empty attributes at two bytes each.
    `parts` and `numbers` close that door.

    >>> Limits(records=500).inflated_bytes
    16777216
    """

    compressed_bytes: int = 4 * MIB  #: As received, where an encoding is used.
    inflated_bytes: int = 16 * MIB  #: After inflation; also for bodies sent plain.
    records: int = 10_000  #: Spans, log records or data points.
    parts: int = 500_000  #: Nested messages (protobuf), objects and lists (JSON).
    numbers: int = 1_000_000  #: Bucket counts, bounds and the like, in all.
    fields: int = 2_000_000  #: Fields of all messages (protobuf); what bounds the time of the count itself.
    depth: int = 64  #: Messages inside messages; protobuf's own parsers end at 100.
    json_depth: int = 96  #: Objects and lists inside each other; the same nesting takes more of them in JSON.


DEFAULT: Final = Limits()
