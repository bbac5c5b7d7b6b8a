"""Validation outcomes in a process's memory, for where there is no database: what `store.validations` does, in a dict."""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING

from stagelight import _clock
from stagelight.sink.validation import FailurePattern

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stagelight.sink.validation import ValidationOutcome


class MemoryValidations:
    """Outcomes in this process's memory, by owner; answers what `store.validations` would."""

    def __init__(self) -> None:
        """Begin with none."""
        self._kept: dict[tuple[str, str], dict[str, ValidationOutcome]] = defaultdict(dict)
        self._lock = threading.Lock()

    def put(self, outcome: ValidationOutcome, *, tenant: str, workspace: str) -> ValidationOutcome:
        """Keep `outcome`, or correct the one of its id."""
        now = _clock.wall_ns() / 1e9
        with self._lock:
            mine = self._kept[tenant, workspace]
            before = mine.get(outcome.outcome_id)
            mine[outcome.outcome_id] = kept = replace(
                outcome,
                timestamp=outcome.timestamp or now,
                created_at=now if before is None else before.created_at,
                updated_at=now,
            )
        return kept

    def get(self, outcome_id: str, *, tenant: str, workspace: str) -> ValidationOutcome | None:
        """Return an outcome by its id."""
        return self._kept[tenant, workspace].get(outcome_id)

    def failures(
        self,
        *,
        tenant: str,
        workspace: str,
        equal: Mapping[str, str] | None = None,
        either: Mapping[str, str] | None = None,
        pattern: Sequence[str] = (),
        since: float = 0.0,
        until: float | None = None,
        limit: int = 100,
    ) -> list[ValidationOutcome]:
        """Return failures, the latest first; the arguments are those of `store.validations.failures`."""

        def wanted(one: ValidationOutcome) -> bool:
            in_time = since <= one.timestamp and (until is None or one.timestamp < until)
            shares = bool({*pattern} & {*one.failure_patterns})
            alike = any(getattr(one, name) == value for name, value in (either or {}).items()) or shares
            same = all(getattr(one, name) == value for name, value in (equal or {}).items())
            return in_time and same and (alike if either else shares or not pattern)

        return sorted(
            (one for one in self._failed(tenant, workspace) if wanted(one)),
            key=lambda one: (-one.timestamp, one.outcome_id),
        )[:limit]

    def patterns(self, *, tenant: str, workspace: str, brand: str = "", since: float = 0.0) -> list[FailurePattern]:
        """Return the ways in which validations failed, the most frequent first."""
        found: dict[str, list[ValidationOutcome]] = defaultdict(list)
        for one in self._failed(tenant, workspace):
            if one.timestamp >= since and (not brand or one.brand == brand):
                for name in dict.fromkeys(one.failure_patterns):
                    found[name].append(one)
        summed = [_pattern(name, ones) for name, ones in found.items()]
        return sorted(summed, key=lambda one: (-one.failures, one.pattern))

    def _failed(self, tenant: str, workspace: str) -> list[ValidationOutcome]:
        with self._lock:
            return [one for one in self._kept[tenant, workspace].values() if one.failed]


def _pattern(name: str, ones: list[ValidationOutcome]) -> FailurePattern:
    effects = [one.effect_size for one in ones if one.effect_size is not None]
    return FailurePattern(
        pattern=name,
        failures=len(ones),
        brands=len({one.brand for one in ones}),
        mean_effect_size=fmean(effects) if effects else None,
        last_seen=max(one.timestamp for one in ones),
    )
