"""Validation outcomes: kept in the store, or in memory where there is none, and asked which failures resemble which."""

from __future__ import annotations

import asyncio
import logging
import threading
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from stagelight import _clock, config
from stagelight.errors import StagelightError
from stagelight.sink.validation import ValidationOutcome, checked
from stagelight.stages import here
from stagelight.store import current, open_store
from stagelight.truth.memory import MemoryValidations

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stagelight.sink.validation import FailurePattern
    from stagelight.store import Store
    from stagelight.store.validations import Validations

T = TypeVar("T")

CANDIDATES: Final = 1000  #: Failures that are looked at for similar ones, the latest first.
WEIGHTS: Final = {"treatment_variable": 0.35, "outcome_variable": 0.25, "brand": 0.1}
PATTERN_WEIGHT: Final = 0.3  #: Of the share of patterns that two failures have in common.

_log = logging.getLogger("stagelight")
_opened: dict[str, Store] = {}
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class SimilarFailure:
    """A failure, and how much it is like the one asked about."""

    outcome: ValidationOutcome
    similarity: float  #: 0 to 1.


def get_validation_outcome_store(use_supabase: bool = True, *, url: str = "") -> ValidationOutcomeStore:  # noqa: FBT001, FBT002  the contract's signature
    """Return where validation outcomes are kept; never raises.

    Args:
        use_supabase: Keep them in a database. False keeps them in this process's memory.
        url: Which database, as `postgresql+psycopg://…` (Supabase is PostgreSQL); if empty the store that `configure()`
            opened, else the one that STAGELIGHT_STORE names, else the default file.

    Where the database cannot be reached, outcomes are kept in memory, and a warning in the log says so; `durable` tells.
    """
    if use_supabase:
        try:
            return ValidationOutcomeStore(_database(url).validations, durable=True)
        except StagelightError as error:
            _log.warning("stagelight truth: validation outcomes are kept in memory and end with the process: %s", error)
    return ValidationOutcomeStore(MemoryValidations(), durable=False)


class ValidationOutcomeStore:
    """Validation outcomes of the running tenant and workspace. Each method waits on a thread, not on the event loop."""

    def __init__(self, kept: Validations | MemoryValidations, *, durable: bool) -> None:
        """Keep them in `kept`."""
        self._kept = kept
        self.durable = durable  #: Whether they outlive this process.

    async def store(self, outcome: ValidationOutcome) -> ValidationOutcome:
        """Keep `outcome`, or correct the one that has its id, and return it with its id and times.

        Raises:
            RowError: A field holds what it must not.
            StoreError: The database cannot take it.
        """
        named = checked(replace(outcome, outcome_id=outcome.outcome_id or _clock.new_id()))
        return await _aside(self._kept.put, named)

    async def get(self, outcome_id: str) -> ValidationOutcome | None:
        """Return an outcome by its id; None if there is none."""
        return await _aside(self._kept.get, outcome_id)

    async def query_failures(
        self,
        *,
        outcome_type: str = "",
        treatment_variable: str = "",
        outcome_variable: str = "",
        brand: str = "",
        failure_pattern: str = "",
        since: float = 0.0,
        until: float | None = None,
        limit: int = 100,
    ) -> list[ValidationOutcome]:
        """Return failures, the latest first; what is left empty restricts nothing.

        Args:
            outcome_type: As `failed_critical`.
            treatment_variable: Of the estimate.
            outcome_variable: Of the estimate.
            brand: Of the estimate.
            failure_pattern: One of the ways in which it failed.
            since: Validated at or after, seconds since 1970.
            until: Validated before.
            limit: At most so many.
        """
        asked = {
            "outcome_type": outcome_type,
            "treatment_variable": treatment_variable,
            "outcome_variable": outcome_variable,
            "brand": brand,
        }
        equal = {name: value for name, value in asked.items() if value}
        patterns = [failure_pattern] if failure_pattern else []
        find = partial(self._kept.failures, equal=equal, pattern=patterns, since=since, until=until, limit=limit)
        return await _aside(find)

    async def get_failure_patterns(
        self, *, brand: str = "", since: float = 0.0, min_failures: int = 1
    ) -> list[FailurePattern]:
        """Return the ways in which validations failed, the most frequent first, from `min_failures` failures on."""
        found = await _aside(partial(self._kept.patterns, brand=brand, since=since))
        return [pattern for pattern in found if pattern.failures >= min_failures]

    async def get_similar_failures(
        self,
        *,
        treatment_variable: str = "",
        outcome_variable: str = "",
        brand: str = "",
        failure_patterns: Sequence[str] = (),
        limit: int = 10,
    ) -> list[SimilarFailure]:
        """Return the failures most like what is described, the most similar first.

        The same treatment counts .35, the same outcome variable .25, the same brand .1, and the share of patterns in
        common .3; what is not described counts nothing. The latest 1,000 failures that share anything are compared.
        """
        described = {
            "treatment_variable": treatment_variable,
            "outcome_variable": outcome_variable,
            "brand": brand,
        }
        either = {name: value for name, value in described.items() if value}
        if not either and not failure_patterns:
            return []
        find = partial(self._kept.failures, either=either, pattern=list(failure_patterns), limit=CANDIDATES)
        found = await _aside(find)
        compared = [SimilarFailure(one, similarity(one, either, failure_patterns)) for one in found]
        return sorted(compared, key=lambda one: -one.similarity)[:limit]


def similarity(outcome: ValidationOutcome, described: Mapping[str, str], patterns: Sequence[str]) -> float:
    """Return how much `outcome` is like a description, from 0 to 1.

    >>> failure = ValidationOutcome(estimate_id="e", outcome_type="failed", brand="b", failure_patterns=("p", "q"))
    >>> round(similarity(failure, {"brand": "b"}, ["p"]), 3)  # (.1 + .3 / 2) of (.1 + .3)
    0.625
    """
    asked = sum(WEIGHTS[name] for name in described) + (PATTERN_WEIGHT if patterns else 0.0)
    same = sum(WEIGHTS[name] for name, value in described.items() if getattr(outcome, name) == value)
    either = {*patterns, *outcome.failure_patterns}
    shared = len({*patterns} & {*outcome.failure_patterns}) / len(either) if either else 0.0
    return (same + PATTERN_WEIGHT * shared * bool(patterns)) / asked


async def _aside(call: Callable[..., T], *arguments: object) -> T:
    """Call on a thread, for the running tenant and workspace."""
    at = here()
    return await asyncio.to_thread(partial(call, *arguments, tenant=at.tenant, workspace=at.workspace))


def _database(url: str) -> Store:
    """The store to use, opened once for each address."""
    configured = current.current()
    if not url and configured is not None:
        return configured
    target = url or config.load().store
    with _lock:
        if target not in _opened:
            _opened[target] = open_store(target)
        return _opened[target]
