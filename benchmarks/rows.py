"""The table: what is measured, against what, and the goal. A row is a promise of the performance contract."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One item of the table."""

    key: str  #: For `--only`.
    item: str
    ours: str  #: Case of `subjects/ours.py`.
    raw: str  #: Case of raw OpenTelemetry that does the same work.
    base: str = ""  #: Case of raw OpenTelemetry that is 1x; `raw` if empty.
    peers: str = ""  #: Case of the peers.
    goals: tuple[float, ...]  #: Largest ratio to the base, for each figure of a measure.
    figures: tuple[str, ...] = ("",)  #: Names of a measure's figures.
    unit: str = "ns"
    turns: int = 500  #: In a round.
    rounds: int = 30

    @property
    def yardstick(self) -> str:
        """The case that is 1x."""
        return self.base or self.raw


ROWS = (
    Row(key="unconfigured", item="nothing configured, per call", ours="unconfigured", raw="unconfigured", base="recorded", goals=(0.015,)),
    Row(key="unsampled_child", item="unsampled child, with its metrics", ours="unsampled_child", raw="unsampled_child", base="recorded", goals=(0.03,)),
    Row(key="unsampled_root", item="unsampled root, with its metrics", ours="unsampled_root", raw="unsampled_root", base="recorded", goals=(0.12,)),
    Row(key="recorded", item="recorded child; ours with stage metrics, the others without", ours="recorded", raw="recorded", peers="recorded", goals=(0.12,)),
    Row(key="same_work", item="the same work: span + counter + histogram", ours="with_metrics", raw="with_metrics", goals=(0.06,)),
    Row(key="processors", item="recorded child through other people's span processors", ours="foreign_processors", raw="foreign_processors", base="recorded", goals=(0.20,)),
    Row(key="exception", item="recorded child that raises", ours="exception", raw="exception", peers="exception", goals=(0.05,), turns=200),
    Row(key="exported", item="processor time per span exported over OTLP/HTTP", ours="exported", raw="exported", goals=(0.08,), turns=10_000, rounds=5),
    Row(key="queued_2", item="memory per queued span, 2 attributes", ours="queued_2", raw="queued_2", goals=(0.15,), unit="bytes", turns=2_000, rounds=2),
    Row(key="queued_6", item="memory per queued span, 6 attributes", ours="queued_6", raw="queued_6", goals=(0.20,), unit="bytes", turns=2_000, rounds=2),
    Row(key="latency", item="slowest stages while exporting", ours="latency", raw="latency", goals=(0.1, 0.03), figures=("p99.9", "p99.99"), turns=20_000, rounds=2),
    Row(key="counter", item="bound counter", ours="counter", raw="counter", peers="counter", goals=(0.03,)),
    Row(key="histogram", item="bound histogram", ours="histogram", raw="histogram", peers="histogram", goals=(0.06,)),
)  # fmt: skip

IMPORT_GOAL_MS = 60.0
IMPORT_ROUNDS = 7
