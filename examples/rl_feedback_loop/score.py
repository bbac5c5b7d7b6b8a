"""How a run went, by half; the labels that the service never saw are used here alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .images import Source, Upload
    from .models import Model
    from .service import Reply


@dataclass(frozen=True, slots=True)
class Half:
    """One half of the requests."""

    source: Source
    requests: int
    right: int  #: Answers of the service.
    alone: dict[str, int]  #: Right answers by model, had it read every image of this half.
    chosen: dict[str, int]  #: How often the router chose each model.


@dataclass(slots=True, repr=False)  # asyncio's runner prints its task once, with all that this holds
class Score:
    """What was asked and answered."""

    asked: list[Upload] = field(default_factory=list)
    answers: list[Reply] = field(default_factory=list)
    acts: Counter[str] = field(default_factory=Counter)  #: What users said or did.
    accepted: int = 0  #: Opinions of which a receipt says that they are safe.

    def add(self, upload: Upload, reply: Reply) -> None:
        """Count one reply."""
        self.asked.append(upload)
        self.answers.append(reply)

    def halves(self, models: Mapping[str, Model]) -> list[Half]:
        """Return how each half went, and how each model alone would have done on the very same images."""
        return [self._half(source, models) for source in ("scan", "photograph")]

    def _half(self, source: Source, models: Mapping[str, Model]) -> Half:
        pairs = [
            (upload, reply) for upload, reply in zip(self.asked, self.answers, strict=True) if upload.source == source
        ]
        labels = np.array([upload.label for upload, _ in pairs])
        pages = np.array([upload.page.ravel() for upload, _ in pairs]).reshape(-1, 64)
        return Half(
            source=source,
            requests=len(pairs),
            right=sum(reply.digit == upload.label for upload, reply in pairs),
            alone={name: model.right(pages, labels) for name, model in models.items()},
            chosen=dict(Counter(reply.arm for _, reply in pairs)),
        )
