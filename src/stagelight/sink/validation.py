"""What a validation found of an estimate: whether it held, and if not, in which ways it failed."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from stagelight.errors import RowError

if TYPE_CHECKING:
    from collections.abc import Mapping

FAILED: Final = "failed"  #: And every type that begins so, as `failed_critical`.
MAX_TEXT: Final = 256
MAX_PATTERNS: Final = 100
MAX_METADATA_BYTES: Final = 64 * 1024
TEXTS: Final = ("outcome_id", "estimate_id", "outcome_type", "treatment_variable", "outcome_variable", "brand")


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationOutcome:
    """How one estimate fared when it was validated."""

    outcome_id: str = ""  #: Made where it is stored, if empty; stored again it is corrected, not doubled.
    estimate_id: str  #: The estimate that was validated.
    outcome_type: str  #: `passed`, or what went wrong: every type that begins with `failed` is a failure.
    treatment_variable: str = ""
    outcome_variable: str = ""
    brand: str = ""
    sample_size: int | None = None
    effect_size: float | None = None
    confidence_interval: tuple[float, float] | None = None  #: Lower and upper bound of the effect.
    failure_patterns: tuple[str, ...] = ()  #: Short names, as `placebo_effect`.
    metadata: Mapping[str, object] = field(default_factory=dict)  #: Anything else, as JSON's types.
    timestamp: float = 0.0  #: When it was validated, seconds since 1970; when it is stored, if 0.
    created_at: float = 0.0  #: Set by the store.
    updated_at: float = 0.0  #: Set by the store.

    @property
    def failed(self) -> bool:
        """Whether this is a failure."""
        return self.outcome_type.startswith(FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailurePattern:
    """A way in which validations fail, and how often."""

    pattern: str
    failures: int
    brands: int  #: Different ones that it happened to.
    mean_effect_size: float | None  #: Of the failures that give one.
    last_seen: float  #: Seconds since 1970.


def checked(outcome: ValidationOutcome) -> ValidationOutcome:
    """Return `outcome` where it may be kept.

    Raises:
        RowError: It may not; the message says which field, what was found and what was expected.
    """
    for name in TEXTS:
        _check_text(name, getattr(outcome, name))
    for name in ("estimate_id", "outcome_type"):
        if not getattr(outcome, name).strip():
            raise RowError(f"{name} is empty")
    if len(outcome.failure_patterns) > MAX_PATTERNS:
        raise RowError(f"failure_patterns: {len(outcome.failure_patterns)} of them, expected {MAX_PATTERNS} at most")
    for pattern in outcome.failure_patterns:
        _check_text("failure_patterns", pattern)
    for name in ("effect_size", "timestamp", "created_at", "updated_at"):
        _check_number(name, getattr(outcome, name))
    low, high = outcome.confidence_interval or (0.0, 0.0)
    for bound in (low, high):
        _check_number("confidence_interval", bound)
    if low > high:
        raise RowError(f"confidence_interval: found {low:g} to {high:g}, expected the lower bound first")
    _check_metadata(outcome.metadata)
    return outcome


def _check_text(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise RowError(f"{name}: found a {type(value).__name__}, expected text")
    if len(value) > MAX_TEXT:
        raise RowError(f"{name}: {len(value)} characters, expected {MAX_TEXT} at most")
    if "\0" in value or any("\ud800" <= sign <= "\udfff" for sign in value):
        raise RowError(f"{name}: found text that is not Unicode (a lone surrogate or a NUL)")


def _check_metadata(metadata: Mapping[str, object]) -> None:
    try:
        size = len(json.dumps(dict(metadata), ensure_ascii=False, allow_nan=False).encode())
    except (TypeError, ValueError, RecursionError) as error:  # not JSON's types, not finite, no Unicode, circular
        raise RowError(f"metadata: cannot be kept as JSON: {error}") from error
    if size > MAX_METADATA_BYTES:
        raise RowError(f"metadata: {size} bytes as JSON, expected {MAX_METADATA_BYTES} at most")


def _check_number(name: str, value: object) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is not None and not (number and math.isfinite(value)):  # type: ignore[arg-type]  # a number, as just seen
        raise RowError(f"{name}: found {str(value)[:40]!r}, expected a finite number")
