"""Telemetry in memory, for the tests of programs that use stagelight, and for our own.

>>> from stagelight import trace_stage
>>> from stagelight.testing import in_memory
>>> with in_memory() as telemetry:
...     with trace_stage("answer"), trace_stage("think"):
...         pass
...     print(telemetry.tree())
answer
└─ think
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stagelight.testing.clock import CountingIds, SteppingClock, time_of

if TYPE_CHECKING:
    from stagelight.testing.memory import InMemory, in_memory

__all__ = ["CountingIds", "InMemory", "SteppingClock", "in_memory", "time_of"]


def __getattr__(name: str) -> Any:
    """Fetch what needs the SDK when it is first asked for: pytest loads this package wherever stagelight is installed."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from stagelight.testing import memory

    return getattr(memory, name)
