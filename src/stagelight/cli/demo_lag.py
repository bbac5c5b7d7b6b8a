"""What `stagelight demo --example label_lag` shows: what was known of the model on which day, and what people were told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from stagelight.cli import output

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stagelight.store import Store
    from stagelight.web.server import Serving

#: The days of the replay lie in the past, and its traces shall be there to look at.
SETTINGS: Final = {"trace_cleanup_hours": 24.0 * 60}
HEADINGS: Final = ("day", "read", "labels", "PSI", "expected", "right", "what happened", "told")
HAPPENED: Final = {8: "the lamp fails", 11: "mended; codes change", 15: "no more letters"}


def summary(store: Store, since_ns: int, score: dict[str, Any], found: Serving) -> dict[str, Any]:  # noqa: ARG001  as the others
    """Return what the replay found, with the address of the page."""
    return {"url": found.url, "score": score}


def show(seen: dict[str, Any]) -> None:
    """Print a summary for people."""
    days: Sequence[Mapping[str, Any]] = seen["score"]["days"]
    read, labelled = (sum(day[name] for day in days) for name in ("predictions", "labelled"))
    click.echo(
        f"\n{len(days)} days in {seen['score']['seconds']:.1f} s: {read} digits read, {labelled} of them checked by "
        "clerks one to five days later, some of them twice.\n"
    )
    rows = [cells(day) for day in days]
    output.table(HEADINGS, rows, right=range(6))
    click.echo("\nexpected: accuracy that the scores promise on the same evening; right: what labels said in the end.")
    for day in days:
        for alert in told_first(days, day):
            click.echo(f"\nDay {day['day']} ({alert['severity']}): {alert['summary']}")
            click.echo(f"  {alert['action']}")
            click.echo("".join(f"  {seen['url']}/traces/{trace_id}\n" for trace_id in alert["trace_ids"][:1]), nl=False)
    click.echo(f"\nThe page: {seen['url']}/models")


def cells(day: Mapping[str, Any]) -> list[str]:
    """Return a day as cells of the table."""
    return [
        str(day["day"]),
        str(day["predictions"] or ""),
        str(day["labels"] or ""),
        _figure(day["psi"], ".2f"),
        _figure(day["estimated"], ".1%"),
        _figure(day["measured"], ".1%"),
        HAPPENED.get(day["day"], ""),
        ", ".join(dict.fromkeys(_short(alert) for alert in day["alerts"])),
    ]


def told_first(days: Sequence[Mapping[str, Any]], day: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the alerts of `day` whose advice was not given on a day before.

    >>> alert = {"kind": "score_drift", "feature": "ink", "action": "look"}
    >>> days = [{"day": number, "alerts": [alert]} for number in (1, 2)]
    >>> [len(told_first(days, day)) for day in days]
    [1, 0]
    """
    before = {_advice(alert) for other in days if other["day"] < day["day"] for alert in other["alerts"]}
    return [alert for alert in day["alerts"] if _advice(alert) not in before]


def _advice(alert: Mapping[str, Any]) -> tuple[str, str, str]:
    return alert["kind"], alert["feature"], " ".join(alert["action"].split()[:3])


def _short(alert: Mapping[str, Any]) -> str:
    return {"score_drift": "drift", "accuracy_degradation": "accuracy", "calibration_drift": "calibration"}[
        alert["kind"]
    ]


def _figure(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
