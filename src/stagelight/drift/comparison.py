"""`compare`: how far a feature has moved from its reference, and whether that is more than noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

from stagelight.drift import chi2
from stagelight.drift.dependence import effective_rows
from stagelight.drift.reference import Reference
from stagelight.drift.scores import Table
from stagelight.drift.severity import CHANCE, MINIMUM, THRESHOLD, Severity, noise_floor, severity_of
from stagelight.drift.sketch import Sketch

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How far a feature has moved, by every method, and what to make of it."""

    psi: float  #: Population stability index, in nats; what the severity goes by.
    kl: float  #: Kullback-Leibler divergence of now from the reference, in nats.
    js: float  #: Jensen-Shannon distance, 0 to 0.83.
    ks: float | None  #: Largest gap between the distribution functions; None for categories.
    wasserstein: float | None  #: Mean way a value has gone, in the feature's unit; None for categories.
    chi2: float  #: Pearson's statistic.
    mean_shift: float | None  #: In standard deviations of the reference; None for categories.
    p_value: float  #: How often chance alone gives as large a chi-squared, rows that resemble each other allowed for.
    groups: int  #: That hold rows on either side.
    rows: int
    effective_rows: float  #: Independent rows that would be as noisy.
    reference_rows: int
    noise: float  #: The PSI that chance alone exceeds once in a thousand checks.
    severity: Severity  #: Of the PSI alone; see `alert`.
    alert: bool  #: The PSI is beyond the threshold and beyond noise, out of enough rows, and chi-squared agrees.
    warning: bool  #: Something moved, though maybe by little: chance would do so in less than one of a thousand checks.


@overload
def compare(
    reference: Mapping[str, Any], current: Mapping[str, Any], *, threshold: float = ..., minimum: int = ...
) -> dict[str, Comparison]: ...


@overload
def compare(reference: Any, current: Any, *, threshold: float = ..., minimum: int = ...) -> Comparison: ...


def compare(
    reference: Any, current: Any, *, threshold: float = THRESHOLD, minimum: int = MINIMUM
) -> Comparison | dict[str, Comparison]:
    """Say how far `current` has moved from `reference`, and whether that is more than noise.

    Args:
        reference: Values of when all was well, or the `Reference` made of them once; or a mapping of these by feature.
        current: Values of now, in the order they came, or a sketch of them; or a mapping of these by feature, of which
            those without a reference are left out.
        threshold: PSI from which drift is low; medium, high and critical are 2.5, 5 and 10 times it.
        minimum: Rows before an alert.

    >>> found = compare([1, 2, 3, 4, 5] * 200, [1, 2, 3, 3, 3] * 100)
    >>> found.severity, found.alert, round(found.psi, 2)
    ('critical', True, 2.55)
    """
    if isinstance(reference, Mapping):
        names = [name for name in reference if name in current]
        references = [_reference(reference[name]) for name in names]
        sketches = [_sketch(one, current[name]) for one, name in zip(references, names, strict=True)]
        found = judge(Table(references), sketches, threshold=threshold, minimum=minimum) if names else []
        return dict(zip(names, found, strict=True))
    known = _reference(reference)
    return judge(Table([known]), [_sketch(known, current)], threshold=threshold, minimum=minimum)[0]


def judge(
    table: Table, sketches: Sequence[Sketch], *, threshold: float = THRESHOLD, minimum: int = MINIMUM
) -> list[Comparison]:
    """Return the comparison of each sketch with its reference in `table`."""
    stacked = table.stacked(sketches)
    scores, groups = table.of_counts(stacked), table.used(table.grouped(stacked))
    return [
        _judged(reference, sketch, scores.row(at), int(groups[at]), threshold=threshold, minimum=minimum)
        for at, (reference, sketch) in enumerate(zip(table.references, sketches, strict=True))
    ]


def _judged(
    reference: Reference, sketch: Sketch, scores: dict[str, Any], groups: int, *, threshold: float, minimum: int
) -> Comparison:
    rows, before = sketch.rows, reference.rows
    effective = effective_rows(sketch.counts, sketch.links, reference.bins)
    noise = noise_floor(groups, reference.effective_rows, effective)
    severity = severity_of(scores["psi"], threshold)
    p_value = _p_value(scores["chi2"], groups, (before, rows), (reference.effective_rows, effective))
    enough = rows >= minimum and before >= minimum
    return Comparison(
        **scores,
        p_value=p_value,
        groups=groups,
        rows=rows,
        effective_rows=effective,
        reference_rows=before,
        noise=noise,
        severity=severity,
        alert=enough and severity != "none" and scores["psi"] > noise and p_value < CHANCE,
        warning=enough and p_value < CHANCE,
    )


def _p_value(statistic: float, groups: int, rows: tuple[int, int], effective: tuple[float, float]) -> float:
    if not all(rows):
        return 1.0
    shrunk = (1 / rows[0] + 1 / rows[1]) / (1 / effective[0] + 1 / effective[1])
    return chi2.upper_tail(statistic * shrunk, groups - 1)


def _reference(given: Any) -> Reference:
    return given if isinstance(given, Reference) else Reference.of(given)


def _sketch(reference: Reference, given: Any) -> Sketch:
    return given if isinstance(given, Sketch) else reference.count(given)
