"""A page for each subject: what each of its alerts means, how to look, what to do."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from stagelight.catalogue import SECTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stagelight.catalogue.rows import Alert, Runbook
    from stagelight.generate.plan import Plan

HEAD = """\
# Runbook: {page}

What to do when an alert of this page fires; an alert's message links to its section.
Thresholds and times are those in force without overrides.
This page is written by `stagelight generate`.
"""
NO_RUN = "console no-run: it asks your running pipeline"


def files(plan: Plan) -> dict[str, str]:
    """Return the text of every page, by its file's name."""
    return {f"{page}.md": _page(page, alerts) for page, alerts in plan.pages().items()}


def _page(page: str, alerts: list[Alert]) -> str:
    books = {alert.runbook.name: alert.runbook for alert in alerts}
    sections = (_section(book, [alert for alert in alerts if alert.runbook is book]) for book in books.values())
    more = (f"\n## {row.name}\n\n{row.text.strip()}\n" for row in SECTIONS.values() if row.page == page)
    return HEAD.format(page=page) + "".join(line for section in sections for line in section) + "".join(more)


def _section(book: Runbook, alerts: list[Alert]) -> Iterator[str]:
    yield f"\n## {book.name}\n\n| alert | severity | figures | for |\n|---|---|---|---|\n"
    for alert in alerts:
        yield f"| {alert.name} | {alert.severity} | {_figures(alert)} | {alert.for_ if alert.for_ != '0s' else '–'} |\n"
    for names, means, first_step in _meanings(alerts):
        yield f"\n**{', '.join(names)}.** {means}\nFirst step: {first_step}\n"
    yield "\n### Look: " + book.name.lower() + "\n"
    queries = [line for line in book.look if not line.startswith("$ ")]
    commands = [line for line in book.look if line.startswith("$ ")]
    for query in queries:
        yield f"\n```promql\n{query}\n```\n"
    if commands:
        yield f"\n```{NO_RUN}\n" + "\n".join(commands) + "\n```\n"
    yield "\n### Mitigate: " + book.name.lower() + "\n\n"
    yield from (f"{number}. {step}\n" for number, step in enumerate(book.mitigate, 1))


def _meanings(alerts: list[Alert]) -> Iterator[tuple[list[str], str, str]]:
    """What the alerts mean, those that mean the same together."""
    for (means, first_step), group in groupby(alerts, lambda alert: (alert.means, alert.first_step)):
        yield [alert.name for alert in group], means, first_step


def _figures(alert: Alert) -> str:
    """The figures that a deployment can change, by name."""
    said = [f"{name} {figure}" for name, figure in alert.figures.items()]
    return ", ".join(said) or "always the same"
