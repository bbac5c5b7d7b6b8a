"""Categories of a reference: which are compared by themselves, which together, and how many others are expected.

A group must not be chosen by the counts that it is judged by: the heaviest of many equals are heaviest by luck, and fall back
when they are drawn again. So those whose rank may be chance are put together by a hash of their names.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from stagelight.drift.bins import GROUPS, KNOWN, CategoryBins, as_labels
from stagelight.drift.severity import MINIMUM
from stagelight.drift.sketch import Sketch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagelight.drift.bins import Counts

CATEGORIES = 900  #: Kept by name; rarer ones count as unseen.
ALONE = 32  #: So many are compared each by itself, however alike their counts: where none is chosen, none is by luck.
CROWD = 3  #: Categories that may lie within a standard deviation of where those of their own end.
TOGETHER = 3  #: Groups of the others, at least; so many where there are rare ones.
BESIDE = 0.005  #: Share of the others that are put together with those unseen.
RARE = 3  #: Rows in the rarest categories, from which others that never came are expected.
NOBODY = "\0"  #: A category that is none.


def of_categories(values: Any) -> tuple[CategoryBins, Sketch]:
    """Return the bins that `values` make as a reference, and their counts in them."""
    labels = as_labels(values)
    found = Counter(labels)
    rows = found.total()
    found.pop(None, None)
    # Ties by name, so that the same rows in another order give the same bins.
    ordered = sorted((label for label in found if label is not None), key=lambda label: (-found[label], label))
    # All that came as often as the first that has no room go with it, so that luck chooses none.
    room = found[ordered[CATEGORIES]] if len(ordered) > CATEGORIES else 0
    kept = [label for label in ordered if found[label] > room]
    counts = np.array([found[label] for label in kept], np.int64)
    rare = _rare(kept, counts, rows, others=room > 0)
    own = _own(counts, rare=bool(rare))
    # Where categories come and go, groups of them vary by more than chi-squared allows for: few groups, little of that.
    together = TOGETHER if rare else max(TOGETHER, GROUPS - own)
    beside = _beside(kept[own:])
    bins = _bins(beside, kept[:own], [label for label in kept[own:] if label not in beside], together)
    return bins, Sketch.of(bins, [NOBODY if label in rare else label for label in labels])


def _rare(kept: Sequence[str], counts: Counts, rows: int, *, others: bool) -> set[str]:
    """Return the rarest categories, which count as never seen where they are some.

    Good and Turing: among as many new rows, as many are of categories that never came as here are of those that came once.
    Without this, postal codes and product numbers would drift merely by being drawn again.
    """
    least = int(counts[-1]) if others and kept else 1  # where there is no room for all, the rarest that has some
    rarest = {label for label, count in zip(kept, counts.tolist(), strict=True) if count == least}
    return rarest if rows >= MINIMUM and least * len(rarest) >= RARE else set()


def _own(counts: Counts, *, rare: bool) -> int:
    """Return how many of the heaviest categories have a group of their own; `counts` descend."""
    if counts.size <= ALONE and not rare:
        return int(counts.size)
    for own in range(min(ALONE, counts.size - 1), 0, -1):
        cut = (counts[own - 1] + counts[own]) / 2
        near = np.count_nonzero(np.abs(counts - cut) <= np.sqrt(cut))
        if near <= (CROWD if own <= GROUPS else 0):
            return own
    return 0


def _beside(rest: Sequence[str]) -> list[str]:
    """Return the categories that share the group of the unseen ones, chosen by a hash of their names.

    How many categories a reference missed is mostly chance: none, though twenty rows in a thousand were expected, or twice
    as many. Alone, a group that may as well be empty moves PSI by much; beside some rows that are sure to come again it
    does not, and a new category of a tenth of the rows still stands out.
    """
    return sorted(rest, key=_hashed)[: math.ceil(BESIDE * len(rest))]


def _bins(beside: Sequence[str], own: Sequence[str], rest: Sequence[str], together: int) -> CategoryBins:
    """Return bins in the order of their groups: those unseen or `beside` them, each of `own`, `rest` in groups by a hash."""
    grouped = sorted((_hashed(label) % together, at) for at, label in enumerate(rest))
    first = KNOWN + len(beside)
    begins = [first + at for at in range(len(own))]
    first += len(own)
    begins += [first + at for at, (group, _) in enumerate(grouped) if at == 0 or group != grouped[at - 1][0]]
    labels = (*beside, *own, *(rest[at] for _, at in grouped))
    return CategoryBins(labels, np.array([*range(KNOWN), *begins], dtype=np.intp))


def _hashed(label: str) -> int:
    return int.from_bytes(hashlib.blake2b(label.encode("utf-8", "replace"), digest_size=8).digest(), "big")
