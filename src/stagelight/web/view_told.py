"""What people were told of models: each matter once, however often it grew worse, and whether it is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from stagelight.catalogue.models import CALIBRATION_DRIFT, CONCEPT_DRIFT, LABELS_LATE, MODEL_DRIFT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stagelight.store import KeptAlert

NAMES: Final = (CONCEPT_DRIFT, CALIBRATION_DRIFT, MODEL_DRIFT, LABELS_LATE)
TOUCH_NS: Final = 3_600 * 1_000_000_000  #: One severity ends and the next begins within an hour: the same matter.


@dataclass(frozen=True, slots=True)
class Told:
    """One matter."""

    alert: KeptAlert  #: As it was told last.
    since_ns: int  #: When it began, at whatever severity.
    until_ns: int  #: When it was over; 0: it goes on.

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.until_ns != 0

    @property
    def again(self) -> bool:
        """Whether people heard of it later than when it began."""
        return self.alert.told_ns > self.since_ns and not self.over

    @property
    def summary(self) -> str:
        """What happened."""
        return self.alert.annotations.get("summary") or self.alert.name

    @property
    def advice(self) -> str:
        """What to do about it."""
        return self.alert.annotations.get("description", "")


def told(alerts: Iterable[KeptAlert], *, now_ns: int) -> tuple[Told, ...]:
    """Return the matters among `alerts`: those that go on first, then those that ended, each the latest first.

    An alert of another severity is another alert to Alertmanager; to people it is the same matter grown worse or better.
    """
    matters: dict[tuple[object, ...], list[list[KeptAlert]]] = {}
    for alert in sorted((one for one in alerts if one.name in NAMES), key=lambda one: one.starts_ns):
        runs = matters.setdefault(_subject(alert), [[]])
        if runs[-1] and alert.starts_ns > _end(runs[-1], now_ns) + TOUCH_NS:
            runs.append([])
        runs[-1].append(alert)
    found = [_told(run, now_ns) for runs in matters.values() for run in runs]
    return tuple(sorted(found, key=lambda one: (one.over, -one.until_ns, -one.since_ns, one.summary)))


def _subject(alert: KeptAlert) -> tuple[object, ...]:
    labels = {name: value for name, value in alert.labels.items() if name != "severity"}
    return alert.tenant, alert.workspace, alert.name, *sorted(labels.items())


def _fires(alert: KeptAlert, now_ns: int) -> bool:
    return alert.ends_ns == 0 or alert.ends_ns > now_ns


def _end(run: Sequence[KeptAlert], now_ns: int) -> int:
    return max(now_ns if _fires(alert, now_ns) else alert.ends_ns for alert in run)


def _told(run: Sequence[KeptAlert], now_ns: int) -> Told:
    firing = [alert for alert in run if _fires(alert, now_ns)]
    # Who ends an alert says so last; what matters of a matter that is over is how bad it was at its end.
    latest = max(firing or run, key=lambda alert: (alert.starts_ns, alert.told_ns))
    until = 0 if firing else max(alert.ends_ns for alert in run)
    return Told(latest, min(alert.starts_ns for alert in run), until)
