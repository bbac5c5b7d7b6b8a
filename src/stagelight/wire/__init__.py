"""OTLP bytes and JSON to plain records, and back; what is not OTLP is refused before it costs memory.

Nothing of protobuf is loaded until the first body is read or written, so that `wire.records` stays light to import.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stagelight.wire.answers import failure, response
    from stagelight.wire.codec import (
        Media,
        Signal,
        decode_logs,
        decode_metrics,
        decode_traces,
        encode_logs,
        encode_metrics,
        encode_traces,
    )
    from stagelight.wire.decoded import Decoded
    from stagelight.wire.inflation import Inflater, inflate
    from stagelight.wire.limits import Limits
    from stagelight.wire.logs import logs_json
    from stagelight.wire.metrics import metrics_json
    from stagelight.wire.traces import traces_json

__all__ = [
    "Decoded",
    "Inflater",
    "Limits",
    "Media",
    "Signal",
    "decode_logs",
    "decode_metrics",
    "decode_traces",
    "encode_logs",
    "encode_metrics",
    "encode_traces",
    "failure",
    "inflate",
    "logs_json",
    "metrics_json",
    "response",
    "traces_json",
]

_HOMES = {
    "answers": "failure response",
    "codec": "Media Signal decode_logs decode_metrics decode_traces encode_logs encode_metrics encode_traces",
    "decoded": "Decoded",
    "inflation": "Inflater inflate",
    "limits": "Limits",
    "logs": "logs_json",
    "metrics": "metrics_json",
    "traces": "traces_json",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    """Load the module a public name lives in, on first use."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names."""
    return __all__
