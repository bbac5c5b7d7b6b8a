"""The reference pages are printed from the code: settings from their table, metrics from the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from repository import ROOT
from stagelight import catalogue, config

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SETTINGS_HEAD = """\
# Settings

An argument of `configure()` beats the environment, which beats `[tool.stagelight]` in pyproject.toml, which beats the default.
An empty variable counts as not set.
Variables which only the official exporters read (headers, certificates, compression, timeouts) work as OpenTelemetry documents them.
This page is printed from `stagelight.config`; `make reference` prints it anew.

| setting | variable | default | what it does |
|---|---|---|---|
"""

METRICS_HEAD = """\
# Metrics

Names and labels as seen in Prometheus.
Every label is bounded: values past its bound are counted as `__other__`, and `stagelight_label_overflow_total` counts them.
This page is printed from `stagelight.catalogue`; `make reference` prints it anew.
"""


def shown(default: object) -> str:
    """A default as one would write it in the environment; – for empty."""
    if isinstance(default, tuple):
        default = ",".join(default)
    if isinstance(default, bool):
        default = str(default).lower()
    return f"`{default}`" if default != "" else "–"


def settings_page() -> str:
    """The text of docs/settings.md."""
    rows = [f"| `{row.name}` | `{row.variable}` | {shown(row.default)} | {row.help} |" for row in config.table()]
    return SETTINGS_HEAD + "\n".join(rows) + "\n"


def metric_section(metric: catalogue.Metric) -> str:
    """One metric: what it means, its labels with their bounds, and a histogram's buckets."""
    lines = [f"\n## {metric.name}\n", f"{metric.kind.capitalize()}. {metric.help}\n"]
    if metric.labels:
        lines += ["| label | values |", "|---|---|"]
        lines += [f"| `{label.name}` | {values(label)} |" for label in metric.labels]
        lines.append("")
    if metric.kind == "histogram":
        lines.append(
            "Buckets: " + ", ".join(f"{bound:g}" for bound in metric.buckets) + f" {metric.unit}".rstrip() + "\n"
        )
    return "\n".join(lines)


def values(label: catalogue.Label) -> str:
    """What a label may say: its closed set, or how many values it takes."""
    said = ", ".join(f"`{value}`" for value in label.values) or f"at most {label.bound}"
    return said + (f"; `{label.default}` where none is given" if label.default else "")


def metrics_page() -> str:
    """The text of docs/metrics.md."""
    return METRICS_HEAD + "".join(metric_section(metric) for metric in catalogue.METRICS.values())


def test_settings_page_is_the_table(golden: Callable[[Path, str], None]) -> None:
    """docs/settings.md lists every setting with its variable, its default and its meaning, and no other."""
    golden(ROOT / "docs" / "settings.md", settings_page())


def test_metrics_page_is_the_catalogue(golden: Callable[[Path, str], None]) -> None:
    """docs/metrics.md lists every metric with its labels, bounds and buckets, and no other."""
    golden(ROOT / "docs" / "metrics.md", metrics_page())
