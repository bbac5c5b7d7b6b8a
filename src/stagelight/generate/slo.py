"""A promise as rules: its ratios recorded, and alerts on how fast its budget of bad events is used up.

Several windows and several burn rates, as in the SRE workbook, chapter "Alerting on SLOs", table 5-8: the long window says that
it matters, the short one that it still goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from stagelight.catalogue.durations import seconds
from stagelight.catalogue.rows import Alert

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagelight.catalogue.rows import Severity, Slo

GOOD = "stagelight:slo_good:rate"  #: Good events a second, over the shortest window.
TOTAL = "stagelight:slo_total:rate"
OBJECTIVE = "stagelight:slo_objective:ratio"
ERRORS = "stagelight:slo_errors:ratio_rate"  #: With a window behind it: the share of bad events.
EVENTS = "stagelight:slo_events:increase"  #: With a window behind it: all events.


class Burn(NamedTuple):
    """How fast is too fast: `rate` times the pace at which the budget lasts exactly its period."""

    word: str
    manner: str
    rate: float
    window: str
    short: str
    severity: Severity


BURNS = (
    Burn("Fast", "fast", 14.4, "1h", "5m", "page"),  # 2 % of 30 days' budget in one hour
    Burn("Steady", "steadily", 6, "6h", "30m", "page"),  # 5 % in six hours
    Burn("Slow", "slowly", 1, "3d", "6h", "ticket"),  # 10 % in three days
)


class Recording(NamedTuple):
    """A rule that keeps the result of an expression as a series."""

    record: str
    expr: str
    slo: str


def alerts(slo: Slo) -> tuple[Alert, ...]:
    """Return the alerts on the budget of `slo`, a row each, so that a deployment can change each."""
    return tuple(_alert(slo, burn) for burn in BURNS)


def _alert(slo: Slo, burn: Burn) -> Alert:
    chosen = f'{{slo="{slo.name}"}}'
    budget = f"{1 - slo.objective:.12g}"
    return Alert(
        name=f"{slo.name}Burn{burn.word}",
        expr=(
            f"{ERRORS}$window{chosen} > $threshold * {budget}\n"
            f"and {ERRORS}$short{chosen} > $threshold * {budget}\n"
            f"and {EVENTS}$window{chosen} >= $minimum"
        ),
        threshold=burn.rate,
        minimum=slo.minimum,
        window=burn.window,
        short=burn.short,
        severity=burn.severity,
        summary=f"{slo.summary}; the budget for it burns {burn.manner}",
        means=f"{slo.means} The promise: {slo.objective * 100:.6g} % of the {slo.event} of {slo.days} days are good.",
        first_step=slo.first_step,
        runbook=slo.runbook,
        scenarios=(slo.scenario,),
    )


def recordings(slo: Slo, watched: Sequence[Alert]) -> list[Recording]:
    """Return what is recorded for `slo`, so that the alerts `watched` find their windows.

    The raw series are read over the shortest window alone, at each evaluation; the longer ones are made of those few
    results. Three days of raw series would cost Prometheus millions of samples each time.
    """
    windows = sorted({window for alert in watched for window in (alert.window, alert.short)}, key=seconds)
    if not windows:
        return []
    base, chosen = windows[0], f'{{slo="{slo.name}"}}'
    good, total = (expr.replace("$window", base) for expr in (slo.good, slo.total))
    rules = [
        Recording(OBJECTIVE, f"vector({slo.objective:.12g})", slo.name),
        # Where nothing is good there is no series of good ones: that is 0, not nothing.
        Recording(GOOD, f"{good}\nor {total} * 0", slo.name),
        Recording(TOTAL, total, slo.name),
        Recording(f"{ERRORS}{base}", f"1 - {GOOD}{chosen} / {TOTAL}{chosen}", slo.name),
    ]
    rules += [
        Recording(
            f"{ERRORS}{window}",
            f"1 - sum_over_time({GOOD}{chosen}[{window}]) / sum_over_time({TOTAL}{chosen}[{window}])",
            slo.name,
        )
        for window in windows[1:]
    ]
    longest = sorted({alert.window for alert in watched}, key=seconds)
    rules += [
        # A sum of what there was, step by step: an average over the window would take a series of five minutes for one of
        # three days, and three events for thousands.
        Recording(
            f"{EVENTS}{window}", f"sum_over_time({TOTAL}{chosen}[{window}:{base}]) * {seconds(base):.12g}", slo.name
        )
        for window in longest
    ]
    return rules
