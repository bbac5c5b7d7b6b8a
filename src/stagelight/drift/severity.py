"""When a PSI is drift: beyond a threshold, beyond noise, and out of enough rows."""

from __future__ import annotations

from typing import Literal

from stagelight.drift import chi2

Severity = Literal["none", "low", "medium", "high", "critical"]

THRESHOLD = 0.1
STEPS: tuple[tuple[Severity, float], ...] = (("critical", 10.0), ("high", 5.0), ("medium", 2.5), ("low", 1.0))
CHANCE = 0.001  #: How often noise alone may be taken for drift.
MINIMUM = 200  #: Rows before a PSI is believed.


def severity_of(psi: float, threshold: float = THRESHOLD) -> Severity:
    """Say how grave a PSI is: low from the threshold on, then medium at 2.5, high at 5, critical at 10 times it.

    >>> [severity_of(psi) for psi in (0.09, 0.1, 0.3, 0.5, 1.2)]
    ['none', 'low', 'medium', 'high', 'critical']
    >>> severity_of(0.3, threshold=0.2)
    'low'
    """
    return next((name for name, times in STEPS if psi >= threshold * times), "none")


def noise_floor(groups: int, reference_rows: float, rows: float) -> float:
    """Return the PSI that chance alone exceeds once in a thousand checks.

    Without drift, PSI over (1/n_ref + 1/n) is distributed as chi-squared with one degree of freedom less than groups.

    >>> round(noise_floor(20, 100_000, 500), 3)
    0.088
    """
    if reference_rows <= 0 or rows <= 0 or groups < 2:  # noqa: PLR2004  one group cannot differ
        return float("inf")
    return chi2.quantile(CHANCE, groups - 1) * (1 / reference_rows + 1 / rows)
