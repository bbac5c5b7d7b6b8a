"""What a running Prometheus has against the catalogue: metrics that are missing, renamed on their way, or labelled otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from stagelight import _clock
from stagelight.catalogue import FOREIGN, METRICS
from stagelight.errors import UnreachableError
from stagelight.generate import promql

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stagelight.catalogue.rows import Metric
    from stagelight.egress import Client

OURS = "stagelight_"  #: What our own metrics' names begin with, those of an application's factories aside.
HOUR = 3600  #: Seconds that are looked back: what is older may come from an older version.
FROM_OUTSIDE = (
    "__name__",
    "job",
    "instance",
    "le",
    "quantile",
)  #: Labels that Prometheus and exporters add to any series.

Verdict = Literal["fine", "unseen", "renamed", "labels", "unknown"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What is to be said of one metric."""

    metric: str
    verdict: Verdict
    says: str = ""

    @property
    def wrong(self) -> bool:
        """Whether somebody should look; a metric that nothing has recorded yet is not wrong."""
        return self.verdict in ("renamed", "labels", "unknown")


def compare(client: Client, *, seconds: int = HOUR) -> list[Finding]:
    """Return a finding for each metric of the catalogue, and for each of ours that it does not know.

    Args:
        client: Speaks to Prometheus' API.
        seconds: How far to look back.

    Raises:
        UnreachableError: Nobody answers there, or somebody who is not Prometheus.
    """
    wanted = {**METRICS, **FOREIGN}
    since = _clock.wall_ns() // 10**9 - seconds
    roots = "|".join(sorted(wanted))
    names = set(_ask(client, "label/__name__/values", f'{{__name__=~"({roots}|{OURS}).*"}}', since))
    known = promql.exposed()
    found = [_metric(client, row, names, since) for row in METRICS.values()]
    found += [
        Finding(row.name, "fine" if row.name in names else _absent(row.name, names), f"of the {row.by}")
        for row in FOREIGN.values()
    ]
    stray = sorted(name for name in names if name.startswith(OURS) and name not in known)
    told = {finding.says for finding in found if finding.verdict == "renamed"}
    return found + [
        Finding(name, "unknown", "not in the catalogue") for name in stray if not any(name in t for t in told)
    ]


def _metric(client: Client, row: Metric, names: set[str], since: int) -> Finding:
    series = promql.parts(row.name, row.kind)
    if not set(series) <= names:
        others = ", ".join(sorted(_others(row.name, names)))
        return Finding(
            row.name, _absent(row.name, names), f"is there as {others}" if others else "nothing has recorded it"
        )
    seen = set(_ask(client, "labels", series[0], since))
    # Prometheus does not keep a label whose value is empty: only one that always has a value can be missed.
    missing = [label.name for label in row.labels if (label.default or label.values) and label.name not in seen]
    more = sorted(seen - set(row.label_names) - set(FROM_OUTSIDE))
    more = [label for label in more if not label.startswith("otel_scope_")]
    if missing:
        return Finding(row.name, "labels", f"without {', '.join(missing)}; has {', '.join(more) or 'no other'}")
    return Finding(row.name, "fine", f"also has {', '.join(more)}" if more else "")


def _absent(name: str, names: Iterable[str]) -> Verdict:
    return "renamed" if any(_others(name, names)) else "unseen"


def _others(name: str, names: Iterable[str]) -> Iterator[str]:
    """Names that an exporter may have made of `name`: with a unit or a type behind it, or without its own."""
    stem = name.removesuffix("_total")
    known = promql.exposed()
    parts = ("_bucket", "_sum", "_count", "")
    made = {f"{stem}{unit}{total}" for unit in ("", "_ratio", "_seconds", "_milliseconds") for total in ("", "_total")}
    made |= {f"{name}_total", f"{name}_ratio"}
    for other in names:
        if other not in known and any(other == f"{one}{part}" for one in made for part in parts):
            yield other


def _ask(client: Client, what: str, selector: str, since: int) -> list[Any]:
    answer = client.get(f"/api/v1/{what}?match[]={quote(selector)}&start={since}")
    data = answer.data
    if not isinstance(data, dict) or not isinstance(data.get("data"), list):
        raise UnreachableError(f"{client.url} does not answer as Prometheus does (HTTP {answer.status})")
    return list(data["data"])
