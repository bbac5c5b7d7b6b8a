"""The trace file: every finished trace as a line of OTLP JSON that `jq`, a collector or `stagelight import` can read."""

from stagelight.journal.file import TraceFile
from stagelight.journal.reading import LIMITS, parse, read

__all__ = ["LIMITS", "TraceFile", "parse", "read"]
