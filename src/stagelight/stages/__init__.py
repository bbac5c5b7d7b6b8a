"""Work as stages: what a program says to have its pipeline traced and counted.

Start reading at `stage.py` (the public name), then `run.py` (one call), `frames.py` (which span is current) and
`generators.py` (the hard form).
"""

from stagelight.stages.carry import continue_trace, inject, trace
from stagelight.stages.context import Here, context, here
from stagelight.stages.lifecycle import end_trace, start_trace
from stagelight.stages.stage import Stage, trace_stage

__all__ = [
    "Here",
    "Stage",
    "context",
    "continue_trace",
    "end_trace",
    "here",
    "inject",
    "start_trace",
    "trace",
    "trace_stage",
]
