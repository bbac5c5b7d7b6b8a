"""When a version of a model counts as worse than its own past."""

from __future__ import annotations

from dataclasses import dataclass

DAY = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """When a version counts as worse than its own past."""

    baseline_s: float = 28 * DAY  #: How long the past is.
    current_s: float = 7 * DAY  #: How long the present is, which ends where predictions stop being mature.
    accuracy_drop: float = 0.05  #: The smallest loss of accuracy that is worth an alert.
    calibration_rise: float = 0.05  #: The smallest growth of the calibration error that is.
    false_alarms: float = 0.01  #: Of a year of looks at a version that did not change, the share that may alert.
