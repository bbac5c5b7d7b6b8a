"""What the store is told to join truth by, and what it answers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal["exists", "count", "sum", "last"]
LAG_BOUNDS = (60.0, 600.0, *(hours * 3600.0 for hours in (1, 6, 24, 48, 72, 168, 336, 720, 2160, 4320)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelling:
    """How the truth of one type of prediction is found among the events; lengths of time in seconds."""

    type: str
    kind: Kind
    events: tuple[str, ...]
    within_s: float  #: From the prediction on; an event at the very end counts.
    after_s: float = 0.0  #: Events before that do not count.
    corrections_s: float = 0.0  #: How much longer truth that names its prediction is heard.
    grace_s: float = 0.0  #: How long after the window late news is waited for.
    threshold: float | None = None  #: From which a count, a sum or a last value is positive; None with `last`: a class.
    negative_on_maturity: bool = True  #: Silence until then is a no.
    positive: tuple[str, ...] = ()  #: Decisions that said yes; none: the score decides.
    cut: float = 0.5  #: Score from which a prediction said yes.
    exclude_events: tuple[str, ...] = ()
    exclude_decisions: tuple[str, ...] = ()
    exclude_versions: tuple[str, ...] = ()

    @property
    def is_class(self) -> bool:
        """Whether the truth is the name of a class, to be compared with the decision."""
        return self.kind == "last" and self.threshold is None

    @property
    def maturity_s(self) -> float:
        """After which a prediction's truth can be expected to be known."""
        return self.within_s + self.grace_s

    @property
    def keep_s(self) -> float:
        """For which a prediction and its truth may still be needed."""
        return self.within_s + max(self.grace_s, self.corrections_s)

    def as_dict(self) -> dict[str, Any]:
        """As JSON's types."""
        return asdict(self)

    @classmethod
    def of(cls, data: dict[str, Any]) -> Labelling:
        """Return what `as_dict` wrote."""
        given: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in data.items()
        }
        return cls(**given)


@dataclass(frozen=True, slots=True)
class Lag:
    """How long truth took for some predictions of one version: those between two bounds."""

    model_version: str
    bucket: int  #: Index into LAG_BOUNDS; one past the end for longer ones.
    count: int
    mean_seconds: float


@dataclass(frozen=True, slots=True)
class Joined:
    """What a join did for one type."""

    type: str
    predictions: int  #: Looked at.
    revisions: int  #: Outcomes written.
    corrected: int  #: Of those, the ones that replaced what was known.
    lags: tuple[Lag, ...]  #: Of predictions of which truth was heard for the first time.


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much is known of a version's predictions."""

    tenant: str
    workspace: str
    model_version: str
    predictions: int  #: Excluded ones not counted.
    mature: int
    labelled: int  #: Mature, and their truth is known.
    early: int  #: Known before their time: provisional.
    excluded: int
    lag_seconds: float | None  #: Mean.

    @property
    def ratio(self) -> float | None:
        """Share of mature predictions whose truth is known; None where none is mature."""
        return self.labelled / self.mature if self.mature else None


@dataclass(frozen=True, slots=True)
class Judgement:
    """A prediction beside what is known of it; one row for `truth.judged`."""

    observed_at: float
    score: float | None
    predicted: int | None
    actual: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptVerdict:
    """What a comparison came to, as the store keeps it."""

    type: str
    model_version: str
    judged_ns: int
    accuracy_status: str
    calibration_status: str
    reason: str
    figures: str  #: JSON.
    baseline_size: int
    current_size: int
    baseline_since: float
    baseline_until: float
    current_since: float
    current_until: float
    baseline_accuracy: float | None
    current_accuracy: float | None
    accuracy_p: float | None
    baseline_calibration_error: float | None
    current_calibration_error: float | None
    calibration_p: float | None
    estimated_accuracy: float | None
    tenant: str = "default"
    workspace: str = "default"
