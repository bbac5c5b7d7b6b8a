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

from stagelight.testing.clock import CountingIds, SteppingClock
from stagelight.testing.memory import InMemory, in_memory

__all__ = ["CountingIds", "InMemory", "SteppingClock", "in_memory"]
