"""Drift of a whole fleet, as Prometheus computes it out of what every process counted.

Each process counts its values in the groups of a reference, and shows how many rows of the reference lay in each. Counters
which begin at 0 add up over processes and restarts; the label `reference` keeps apart what was binned differently.
"""

from __future__ import annotations

from stagelight.catalogue.labels import FEATURE, MODEL, MODEL_VERSION, OWNER
from stagelight.catalogue.rows import Label, Metric, Recording

REFERENCE = Label("reference", bound=50)
BIN = Label("bin", bound=100)
BINS = 42  #: Groups of a number, at most; a test counts them.

VALUES = Metric(
    name="stagelight_drift_values_total",
    kind="counter",
    labels=(MODEL, MODEL_VERSION, FEATURE, REFERENCE, BIN, *OWNER),
    help="Values of a feature that were seen, by the group of its reference they lie in.",
)
REFERENCE_ROWS = Metric(
    name="stagelight_drift_reference_rows",
    kind="gauge",
    labels=(MODEL, MODEL_VERSION, FEATURE, REFERENCE, BIN, *OWNER),
    help="Rows of a feature's reference in each group; every process shows the same.",
)
EFFECTIVE_RATIO = Metric(
    name="stagelight_drift_effective_ratio",
    kind="gauge",
    unit="percentunit",
    labels=(MODEL, MODEL_VERSION, FEATURE, REFERENCE, *OWNER),
    help="Independent rows that a row is worth, given how much neighbours resemble each other.",
)


def number_bin(place: int | None) -> str:
    """Return the name of a group of numbers, which sort as they stand; that of what is no number for None.

    >>> number_bin(7), number_bin(None)
    ('07', 'nan')
    """
    return "nan" if place is None else f"{place:02}"


def category_bin(place: int) -> str:
    """Return the name of a group of categories, which has no place among others.

    >>> category_bin(7)
    'c07'
    """
    return f"c{place:02}"


PAGE = "models"  #: The file of rules that holds the recordings.
WHOSE = "tenant, workspace, model, model_version, feature, reference"
NOT_EXCEEDED = 3.0902323061678132  #: Standard deviations that chance exceeds once in a thousand.
PER_BIN = f"sum by ({WHOSE}, bin)"
PER_FEATURE = f"sum by ({WHOSE})"
JOINED = f"on ({WHOSE}) group_left ()"

CURRENT_ROWS = Recording(
    name="stagelight:drift_current:rows1h",
    page=PAGE,
    expr=f"{PER_BIN} (increase({VALUES.name}[1h]))",
    help="Values of the last hour in each group, over all processes.",
)
REFERENCE_GROUPS = Recording(
    name="stagelight:drift_reference:rows",
    page=PAGE,
    expr=f"max by ({WHOSE}, bin) ({REFERENCE_ROWS.name})",
    help="Rows of the reference in each group; every process shows the same.",
)
USED = Recording(
    name="stagelight:drift_used:rows1h",
    page=PAGE,
    expr=f"({CURRENT_ROWS.name} + {REFERENCE_GROUPS.name}) > 0 and on ({WHOSE}) {PER_FEATURE} ({CURRENT_ROWS.name}) > 0",
    help="Groups that hold rows on either side, of features that were seen; the others do not exist for PSI.",
)


def _smoothed(rows: Recording) -> str:
    """Shares, smoothed by half a row a group."""
    kept = f"(({rows.name} + 0.5) and {USED.name})"
    return f"{kept} / {JOINED} {PER_FEATURE} {kept}"


CURRENT_SHARE = Recording(
    name="stagelight:drift_current:share1h", page=PAGE, expr=_smoothed(CURRENT_ROWS), help="Share of each group, now."
)
REFERENCE_SHARE = Recording(
    name="stagelight:drift_reference:share1h",
    page=PAGE,
    expr=_smoothed(REFERENCE_GROUPS),
    help="Share of each group in the reference.",
)
PSI = Recording(
    name="stagelight:drift_psi:1h",
    page=PAGE,
    expr=f"{PER_FEATURE} (({CURRENT_SHARE.name} - {REFERENCE_SHARE.name}) * ln({CURRENT_SHARE.name} / {REFERENCE_SHARE.name}))",
    help="Population stability index of a feature over the whole fleet.",
)
JS = Recording(
    name="stagelight:drift_js:1h",
    page=PAGE,
    expr=(
        f"sqrt(clamp_min(0.5 * {PER_FEATURE} ("
        f"{CURRENT_SHARE.name} * ln(2 * {CURRENT_SHARE.name} / ({CURRENT_SHARE.name} + {REFERENCE_SHARE.name}))"
        f" + {REFERENCE_SHARE.name} * ln(2 * {REFERENCE_SHARE.name} / ({CURRENT_SHARE.name} + {REFERENCE_SHARE.name}))), 0))"
    ),
    help="Jensen-Shannon distance of a feature over the whole fleet.",
)
GAP = Recording(
    name="stagelight:drift_gap:1h",
    page=PAGE,
    expr=(
        f"{CURRENT_ROWS.name} / {JOINED} {PER_FEATURE} ({CURRENT_ROWS.name})"
        f" - {REFERENCE_GROUPS.name} / {JOINED} {PER_FEATURE} ({REFERENCE_GROUPS.name})"
    ),
    help="How much larger the share of each group is than it was.",
)


def _upto(place: int) -> str:
    """The gap between the distribution functions behind a group: PromQL cannot add up along a label, so each is told."""
    name = number_bin(place)
    tens, ones = divmod(place, 10)
    before = f"{tens}[0-{ones}]" if tens == 0 else f"[0-{tens - 1}].|{tens}[0-{ones}]"
    summed = f'abs({PER_FEATURE} ({GAP.name}{{bin=~"{before}"}}))'
    return f'label_replace({summed}, "upto", "{name}", "", "")'


KS = Recording(
    name="stagelight:drift_ks:1h",
    page=PAGE,
    expr=f"max by ({WHOSE}) ({' or '.join(_upto(place) for place in range(BINS))})",
    help="Kolmogorov-Smirnov distance of a number over the whole fleet, at the edges of its groups.",
)
ROWS = Recording(
    name="stagelight:drift_rows:1h",
    page=PAGE,
    expr=f"{PER_FEATURE} ({CURRENT_ROWS.name})",
    help="Values of the last hour, over all processes.",
)
FREEDOM = Recording(
    name="stagelight:drift_freedom:1h",
    page=PAGE,
    expr=f"count by ({WHOSE}) ({USED.name}) - 1",
    help="Degrees of freedom: one less than groups.",
)
NOISE = Recording(
    name="stagelight:drift_noise:1h",
    page=PAGE,
    # The chi-squared quantile after Wilson and Hilferty; within 0.3 % for twenty groups, and never too small.
    expr=(
        f"{FREEDOM.name} * (1 - 2 / (9 * {FREEDOM.name}) + {NOT_EXCEEDED} * sqrt(2 / (9 * {FREEDOM.name}))) ^ 3"
        f" * (1 / {PER_FEATURE} ({REFERENCE_GROUPS.name})"
        f" + 1 / ({ROWS.name} * min by ({WHOSE}) ({EFFECTIVE_RATIO.name})))"
    ),
    help="The PSI that chance alone exceeds once in a thousand times.",
)

#: What StagelightModelDrift fires on: beyond its threshold, beyond noise, and out of enough rows.
MODEL_DRIFT_EXPR = f"{PSI.name} > $threshold and {PSI.name} > {NOISE.name} and {ROWS.name} >= $minimum"
