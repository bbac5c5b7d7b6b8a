"""What nannyml 0.13 estimates on seeded inputs; run in an environment of its own it writes the table that the tests compare with.

    python -m venv /somewhere && /somewhere/bin/pip install "nannyml==0.13.*" statsmodels
    /somewhere/bin/python tests/support/cbpe_oracle.py > tests/statistics/cbpe_nannyml.json

nannyml brings 1.8 GB and is no dependency of the tests.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

METRICS = ("accuracy", "precision", "recall")


@dataclass(frozen=True)
class Case:
    """A reference with truth, and a later window without; `chance` says how often a score really comes true."""

    seed: int
    chance: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    decimals: int = 17
    later: float = 1.0  #: Exponent that shifts the scores of the later window.
    cut: float = 0.5
    size: int = 4_000

    def reference(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Scores and truth."""
        rng = np.random.default_rng(self.seed)
        scores = np.round(rng.random(self.size), self.decimals)
        return scores, (rng.random(self.size) < self.chance(scores)).astype(np.float64)

    def window(self) -> NDArray[np.float64]:
        """Scores alone."""
        return np.round(np.random.default_rng(self.seed + 1000).random(self.size // 2) ** self.later, self.decimals)


CASES = {
    "over-confident": Case(1, lambda s: 0.5 + (s - 0.5) / 3),
    "under-confident": Case(2, lambda s: s**3 / (s**3 + (1 - s) ** 3)),
    "too high": Case(3, lambda s: s**3),
    "scores of two digits": Case(4, lambda s: s**2, decimals=2),
    "scores of one digit": Case(5, lambda s: 0.2 + 0.5 * s, decimals=1),
    "the later window is shifted": Case(6, lambda s: s**2, later=2.5),
    "another cut": Case(7, lambda s: s**2, cut=0.8),
    "few": Case(8, lambda s: 0.7 * s**2, size=400),
    "well calibrated": Case(9, lambda s: s),
}


def main() -> None:
    """Write the table."""
    os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"  # it reports to its makers otherwise
    import nannyml
    import pandas as pd

    warnings.simplefilter("ignore")
    table = {}
    for name, case in CASES.items():
        scores, truth = case.reference()
        later = case.window()
        frames = [
            pd.DataFrame({"p": scores, "y": (scores >= case.cut).astype(int), "t": truth.astype(int)}),
            pd.DataFrame({"p": later, "y": (later >= case.cut).astype(int)}),
        ]
        estimator = nannyml.CBPE(
            y_pred_proba="p",
            y_pred="y",
            y_true="t",
            problem_type="classification_binary",
            metrics=list(METRICS),
            chunk_size=len(later),
        )
        found = estimator.fit(frames[0]).estimate(frames[1]).filter(period="analysis").to_df()
        table[name] = {metric: float(found[(metric, "value")].iloc[0]) for metric in METRICS}
        table[name]["calibrated"] = bool(estimator.needs_calibration)
    json.dump({"nannyml": nannyml.__version__, "estimates": table}, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
