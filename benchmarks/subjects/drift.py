"""Drift of twenty columns of a hundred thousand rows, by everybody; and what it costs to feed a stream.

numpy's and evidently's cases run without stagelight, in an environment of their own. A measure gives nanoseconds of processor time: for all
twenty columns, or for one call.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.kit import Case, Measure

COLUMNS, ROWS = 20, int(os.environ.get("BENCH_ROWS", "100000"))
SHIFT = 0.1
FEW = 10_000  #: Rows, below which it is shown that everything runs and nothing is measured.
STRETCH_NS = 200_000_000  #: About as long as the slowest takes once.
FED = 32_000  #: Values of a round; at 32,768 a stream that nobody settles bins them in the call.


def data() -> tuple[list[Any], list[Any]]:
    """Return the columns of then and of now."""
    import numpy as np

    rng = np.random.default_rng(1)
    before = [rng.normal(size=ROWS) for _ in range(COLUMNS)]
    return before, [rng.normal(SHIFT, 1, ROWS) for _ in range(COLUMNS)]


def evidently() -> Measure:
    """Time evidently's PSI function, as its drift report calls it: on pandas' columns, with its own thirty bins."""
    import pandas as pd
    from evidently.legacy.calculations.stattests.psi import _psi
    from evidently.legacy.core import ColumnType

    before, now = ([pd.Series(column) for column in columns] for columns in data())
    pairs = list(zip(before, now, strict=True))
    return once(lambda: [_psi(one, other, ColumnType.Numerical, 0.1) for one, other in pairs])


def plain() -> Measure:
    """Time what one would write by hand: PSI alone, ten quantiles of the reference, numpy's histogram of both."""
    import numpy as np

    pairs = list(zip(*data(), strict=True))

    def psi(before: Any, now: Any) -> float:
        edges = np.quantile(before, np.linspace(0, 1, 11))
        edges[0], edges[-1] = -np.inf, np.inf
        p, q = (np.histogram(column, edges)[0] / column.size + 1e-6 for column in (before, now))
        return float(((q - p) * np.log(q / p)).sum())

    return once(lambda: [psi(before, now) for before, now in pairs])


def scipy_ks() -> Measure:
    """Time scipy's exact KS statistic, one score of the seven."""
    from scipy import stats

    pairs = list(zip(*data(), strict=True))
    return once(lambda: [stats.ks_2samp(before, now, method="asymp").statistic for before, now in pairs])


def rebuilt() -> Measure:
    """Time all seven scores from both tables of values: the references are made anew."""
    from stagelight.drift.reference import Reference
    from stagelight.drift.scores import Table

    before, now = data()

    def compare() -> object:
        references = [Reference.of(column) for column in before]
        return Table(references).scores([one.count(column) for one, column in zip(references, now, strict=True)])

    return once(compare)


def kept() -> Measure:
    """Time all seven scores of values against references that are kept."""
    from stagelight.drift.reference import Reference
    from stagelight.drift.scores import Table

    before, now = data()
    references = [Reference.of(column) for column in before]
    table = Table(references)
    return once(lambda: table.scores([one.count(column) for one, column in zip(references, now, strict=True)]))


def counts() -> Measure:
    """Time all seven scores of counts that are kept, however many rows they hold."""
    from stagelight.drift.reference import Reference
    from stagelight.drift.scores import Table

    before, now = data()
    references = [Reference.of(column) for column in before]
    table = Table(references)
    sketches = [one.count(column) for one, column in zip(references, now, strict=True)]
    return once(lambda: table.scores(sketches))


def empty() -> Measure:
    """Time a method that does nothing with its argument."""

    class Nothing:
        def observe(self, value: float) -> None:
            pass

    return fed(Nothing().observe)


def update() -> Measure:
    """Time what a prediction pays: a stream with a reference takes a value in. Binning is done between the rounds."""
    from stagelight.drift.reference import Reference
    from stagelight.drift.stream import Stream

    stream = Stream(Reference.of(data()[0][0]))
    return fed(stream.observe, stream.settle)


def binning() -> Measure:
    """Time what is paid later, by whoever settles: the binning of all, for each value."""
    import numpy as np

    from stagelight.drift.reference import Reference
    from stagelight.drift.stream import Stream

    stream = Stream(Reference.of(data()[0][0]))
    values = np.random.default_rng(2).normal(size=FED).tolist()

    def measure(times: int) -> list[float]:
        taken = []
        for _ in range(times):
            for value in values:
                stream.observe(value)
            taken.append(spent(stream.settle))
        return [min(taken) / FED]

    return measure


def once(function: Callable[[], object]) -> Measure:
    """Measure nanoseconds of processor time of one call: the least of several, of as many as fit in the same time."""
    function()
    more = max(1, round(STRETCH_NS / max(1e6, spent(function)))) if ROWS >= FEW else 1

    def measure(times: int) -> list[float]:
        return [min(spent(function) for _ in range(times * more))]

    return measure


def fed(observe: Callable[[float], None], after: Callable[[], object] = lambda: None) -> Measure:
    """Measure nanoseconds of processor time of one call of `observe`; `after` is called between the rounds."""
    import numpy as np

    values = np.random.default_rng(2).normal(size=FED).tolist()

    def loop() -> None:
        for value in values:
            observe(value)

    def measure(times: int) -> list[float]:
        taken = []
        for _ in range(times):
            taken.append(spent(loop))
            after()
        return [min(taken) / FED]

    return measure


def spent(function: Callable[[], object]) -> float:
    """Return the processor time of a call: all of these work in one thread, and other programs' load is no part of it."""
    started = time.process_time_ns()
    function()
    return time.process_time_ns() - started


CASES: dict[str, Case] = {
    "evidently": evidently,
    "plain": plain,
    "scipy": scipy_ks,
    "rebuilt": rebuilt,
    "kept": kept,
    "counts": counts,
    "empty": empty,
    "update": update,
    "binning": binning,
}
