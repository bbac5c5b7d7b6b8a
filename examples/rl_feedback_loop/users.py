"""What users make of an answer. Some press a thumb, some merely go on or type the digit again, many leave no sign.

They know what they wrote, and are no machines: a few press the wrong thumb, and some come back to it much later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np

Thumb = Literal["thumbs up", "thumbs down"]  #: Said.
Deed = Literal["accept", "requery"]  #: Done: going on with the digit, or typing it again.

THUMBS = 0.25  #: Share of answers that get a thumb.
SILENT = 0.30  #: Share of answers after which nothing is heard.
MISTAKEN = 0.08  #: Share of thumbs that are the wrong one.
CARELESS = 0.05  #: Share of those who go on with a wrong digit, or retype a right one.
LATE = 0.10  #: Share of opinions that come much later.
LATER = (50, 300)  #: How many requests later.


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one user says or does."""

    act: Thumb | Deed
    after: int  #: Requests that are served in between.


def opinion(rng: np.random.Generator, *, right: bool) -> Opinion | None:
    """Return what the user of a `right` or wrong answer says or does about it; None if nothing.

    >>> import numpy as np
    >>> [opinion(np.random.default_rng(seed), right=True) for seed in (1, 3)]
    """
    chance, slip, late = rng.random(3)
    after = int(rng.integers(*LATER)) if late < LATE else 0
    if chance < SILENT:
        return None
    if chance < SILENT + THUMBS:
        return Opinion("thumbs up" if right != (slip < MISTAKEN) else "thumbs down", after)
    return Opinion("accept" if right != (slip < CARELESS) else "requery", after)
