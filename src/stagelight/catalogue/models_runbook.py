"""What the runbook of models says besides its alerts: which signal comes when, and what each of them cannot see."""

from stagelight.catalogue.fleet_drift import PAGE
from stagelight.catalogue.rows import Section

WHAT_EACH_SEES = Section(
    name="What each signal sees",
    page=PAGE,
    text="""
| signal | when | sees | is blind to |
|---|---|---|---|
| drift of features and scores | at once | that what comes in, or out, is distributed otherwise | whether that costs anything |
| estimated accuracy | at once | a loss that follows from other scores | labels that change their meaning: it stays where it was |
| labelled accuracy | when labels are mature | what really happened | the days that are not mature yet |
| calibration error | when labels are mature | scores that no longer mean what they say | ranking, which may still be right |
| coverage and lag | at once | that the truth itself is missing | whether the missing ones differ from those that came |

A feature that drifts and an accuracy that stays are the usual case: look, and do nothing in a hurry.
An accuracy that falls without any drift is the dangerous one: the world changed and the data do not show it.
""",
)
THRESHOLDS = Section(
    name="Thresholds",
    page=PAGE,
    text="""
DRIFT_THRESHOLD (0.1) is the PSI from which a process's own checks speak: low from there, medium at 2.5, high at 5, critical at 10 times it.
Change it together with `threshold` of StagelightModelDrift in the overrides, which judges the whole fleet.
Beside the threshold a PSI must be beyond noise, which depends on how many rows there are, and come from 200 rows at least.

What counts as worse accuracy or calibration stands in outcome_truth_rules.yaml, under `compare` of each type.
""",
)
