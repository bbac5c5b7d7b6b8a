"""What programs say became of their spans, as the server has heard it: produced = delivered + dropped + failed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from stagelight.catalogue.internal import INTERNAL_ERRORS, SPANS
from stagelight.doctor.finding import Finding, good, unchecked, warning
from stagelight.errors import UnreachableError

if TYPE_CHECKING:
    from stagelight.egress import Client

HOP: Final = "ledger"
FATES: Final = ("delivered", "dropped", "failed")


def check(client: Client) -> list[Finding]:
    """Add up the ledgers of all programs that sent metrics, and their inner errors."""
    try:
        spans = _sums(client, SPANS.name, "fate")
        errors = _sums(client, INTERNAL_ERRORS.name, "room")
    except UnreachableError as error:
        return [unchecked(HOP, str(error))]
    if spans is None or errors is None:
        return [unchecked(HOP, "the server does not show its metrics to this token")]
    said = ", ".join(f"{spans[fate]:,} {fate}" for fate in FATES)
    lost = spans["dropped"] + spans["failed"]
    found = [
        warning(HOP, f"spans: {said}", "The log of the program says why.") if lost else good(HOP, f"spans: {said}")
    ]
    if any(errors.values()):
        rooms = ", ".join(f"{room} {number:,}" for room, number in sorted(errors.items()) if number)
        found.append(
            warning(HOP, f"errors inside stagelight: {rooms}", "Please report them, with the log's traceback.")
        )
    return found


def _sums(client: Client, name: str, label: str) -> Counter[str] | None:
    """The last values of a counter, added over senders; None where they are not shown to us."""
    answer = client.get(f"/api/metrics/{name}")
    if answer.status != 200 or not isinstance(answer.data, dict):  # noqa: PLR2004  HTTP's OK
        return None
    sums: Counter[str] = Counter()
    for series in answer.data["series"]:
        sums[str(series["labels"].get(label, ""))] += int(series["value"])
    return sums
