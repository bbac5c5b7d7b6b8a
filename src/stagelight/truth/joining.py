"""`join`: bring outcomes up to date with the truth that has come; `judged`: read them back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stagelight import _clock
from stagelight.truth.metrics import show_lags

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stagelight.store import Store
    from stagelight.store.outcome_model import Joined
    from stagelight.truth.arrays import Judged
    from stagelight.truth.rules import Rules

LATEST = 1e300


@dataclass(frozen=True, slots=True)
class JoinReport:
    """What a join did."""

    joined_at: float  #: Seconds since 1970: what is mature is counted from here.
    types: tuple[Joined, ...]

    @property
    def revisions(self) -> int:
        """Outcomes written, of all types."""
        return sum(one.revisions for one in self.types)


def join(store: Store, rules: Rules, *, types: Iterable[str] | None = None, now: float | None = None) -> JoinReport:
    """Say of each prediction what it turned out to be, as far as that is known now.

    Done again it changes nothing; late and corrected truth becomes a new revision of the outcome. Each type is one SQL
    statement, repeated for a slice of the predictions at a time.

    Args:
        store: With predictions and truth.
        rules: As `load` reads them.
        types: Of predictions; all that have a rule if None.
        now: Seconds since 1970; the clock's if None.

    Raises:
        ConfigurationError: There is no rule for one of `types`.
        StoreUnavailableError: The database cannot be reached.
    """
    chosen = rules.of(types)
    moment = _now(now)
    done = tuple(store.outcomes.join(rule.labelling, now=moment) for rule in chosen)
    show_lags(done)
    return JoinReport(moment, done)


def judged(
    store: Store,
    type: str,  # noqa: A002  the contract's name
    model_version: str | None = None,
    since: float = 0.0,
    until: float = LATEST,
    *,
    now: float | None = None,
    mature: bool = True,
    tenant: str | None = None,
    workspace: str | None = None,
) -> Judged:
    """Return the predictions made from `since` on and before `until`, beside what they turned out to be.

    Args:
        store: After a join.
        type: Of the predictions.
        model_version: The version that predicted, whatever serves today; all if None.
        since: Seconds since 1970.
        until: Seconds since 1970; the end is not within.
        now: Seconds since 1970; the clock's if None.
        mature: Those alone whose time has come; the others are neither right nor wrong yet.
        tenant: Whose; everybody's if None.
        workspace: Whose; everybody's if None.
    """
    from stagelight.truth.arrays import Judged  # numpy

    rows = store.outcomes.judged(
        type,
        model_version=model_version,
        since=since,
        until=until,
        now=_now(now),
        mature=mature,
        tenant=tenant,
        workspace=workspace,
    )
    return Judged.of(rows)


def _now(given: float | None) -> float:
    return _clock.wall_ns() / 1e9 if given is None else given
