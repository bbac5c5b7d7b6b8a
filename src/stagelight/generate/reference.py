"""The reference of metrics: names, labels and bounds, as seen in Prometheus."""

from __future__ import annotations

from stagelight.catalogue import METRICS, Label, Metric

HEAD = """\
# Metrics

Names and labels as seen in Prometheus.
Every label is bounded: values past its bound are counted as `__other__`, and `stagelight_label_overflow_total` counts them.
This page is written by `stagelight generate`.
"""


def page() -> str:
    """Return the text of docs/metrics.md."""
    return HEAD + "".join(_section(metric) for metric in METRICS.values())


def _section(metric: Metric) -> str:
    lines = [f"\n## {metric.name}\n", f"{metric.kind.capitalize()}. {metric.help}\n"]
    if metric.labels:
        lines += ["| label | values |", "|---|---|"]
        lines += [f"| `{label.name}` | {_values(label)} |" for label in metric.labels]
        lines.append("")
    if metric.kind == "histogram":
        bounds = ", ".join(f"{bound:g}" for bound in metric.buckets)
        lines.append(f"Buckets: {bounds} {metric.unit}".rstrip() + "\n")
    return "\n".join(lines)


def _values(label: Label) -> str:
    """Its closed set, or how many values it takes."""
    said = ", ".join(f"`{value}`" for value in label.values) or f"at most {label.bound}"
    said += f"; `{label.default}` where none is given" if label.default else ""
    return said + (f"; without the label where it is `{label.unsaid}`" if label.unsaid else "")
