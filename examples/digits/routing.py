"""Which model reads which page. A fixed policy, and a pure function: a policy that learns can take its place."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .models import BAYES, FOREST, LINEAR

if TYPE_CHECKING:
    from .image import Look

DUSTY = 0.27  #: Share of faint pixels from which the better model is worth its price.
STAYED = 25  #: Per cent of the people who are still served by the first model.


@dataclass(frozen=True, slots=True)
class Choice:
    """The model to use, and why."""

    version: str
    reason: str


def choose(look: Look, user: str) -> Choice:
    """Return the model for a page: hard pages to the best, the others to the model their sender is used to."""
    if not look.digit_sized:
        return Choice(FOREST, "the digit must be found first")
    if look.dust > DUSTY:
        return Choice(FOREST, "dust on the page")
    if zlib.crc32(user.encode()) % 100 < STAYED:
        return Choice(BAYES, "stayed with the first model")
    return Choice(LINEAR, "a clean page")
