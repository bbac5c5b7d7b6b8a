"""What models predicted, what turned out to be true, and how good that makes them.

`log_prediction` and `log_truth` are called by the application. The rest is for whoever judges it: `load(path)` reads the
rules, `join(store, rules)` brings outcomes up to date, `judged(...)` gives the predictions of a version beside their truth,
`performance(...)` their figures, `compare_windows(...)` a verdict on present against past, `estimate(...)` what accuracy to
expect before the truth is there.

Names are fetched when they are first used: recording a prediction loads neither numpy nor a database.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from stagelight.truth.log import alog_prediction, alog_truth, log_prediction, log_truth

if TYPE_CHECKING:
    from stagelight.truth.arrays import Judged
    from stagelight.truth.assessment import Assessment, assess, keep
    from stagelight.truth.bias import CoverageBias, coverage_bias
    from stagelight.truth.cbpe import Estimate, estimate
    from stagelight.truth.comparison import Comparison
    from stagelight.truth.figures import Performance, performance
    from stagelight.truth.joining import JoinReport, join, judged
    from stagelight.truth.metrics import show
    from stagelight.truth.rules import Rule, Rules, load
    from stagelight.truth.validations import get_validation_outcome_store
    from stagelight.truth.verdict import Verdict, Windows, compare_windows, windows

__all__ = [
    "Assessment",
    "Comparison",
    "CoverageBias",
    "Estimate",
    "JoinReport",
    "Judged",
    "Performance",
    "Rule",
    "Rules",
    "Verdict",
    "Windows",
    "alog_prediction",
    "alog_truth",
    "assess",
    "compare_windows",
    "coverage_bias",
    "estimate",
    "get_validation_outcome_store",
    "join",
    "judged",
    "keep",
    "load",
    "log_prediction",
    "log_truth",
    "performance",
    "show",
    "windows",
]

_HOMES = {
    "arrays": ("Judged",),
    "assessment": ("Assessment", "assess", "keep"),
    "bias": ("CoverageBias", "coverage_bias"),
    "cbpe": ("Estimate", "estimate"),
    "comparison": ("Comparison",),
    "figures": ("Performance", "performance"),
    "joining": ("JoinReport", "join", "judged"),
    "metrics": ("show",),
    "rules": ("Rule", "Rules", "load"),
    "validations": ("get_validation_outcome_store",),
    "verdict": ("Verdict", "Windows", "compare_windows", "windows"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Fetch a public name from its module, and keep it."""
    if name == "rules":  # as `stagelight.truth.rules.load(path)`, without an import of its own
        return importlib.import_module(f"{__name__}.rules")
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
