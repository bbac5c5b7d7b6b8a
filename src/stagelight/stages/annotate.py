"""Facts about the running stage, put on its span by other rooms."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from opentelemetry import trace

from stagelight._guard import guard
from stagelight.telemetry import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_LISTED = 100  #: Items of a list that grows; the latest stay.

_lock = threading.RLock()  #: Two threads may add to one span's list at once, and a finaliser to any.


def annotate(attributes: Mapping[str, object], *, listed: Mapping[str, str] | None = None) -> None:
    """Set `attributes` on the span of the running stage; without one, do nothing; never raises.

    Args:
        attributes: What they say replaces what an earlier call said.
        listed: Attributes that are lists of texts; what they say goes behind what earlier calls said.
    """
    with guard("stages"):
        span = trace.get_current_span()
        if not span.is_recording():
            return
        span.set_attributes(clean.attributes(attributes))
        for name, item in (listed or {}).items():
            _append(span, name, clean.text(item))


def _append(span: Any, name: str, item: str) -> None:
    with _lock:
        # The API's span has no way to be read; the SDK's, and those made after it, do.
        before = (getattr(span, "attributes", None) or {}).get(name, ())
        span.set_attribute(name, [*before, item][-MAX_LISTED:])
