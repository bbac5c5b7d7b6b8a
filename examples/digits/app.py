"""Serve a stream of uploads, several at a time, and keep the score."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stagelight import alog_truth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .pipeline import Reply, Service
    from .uploads import Upload

WORKERS = 4  #: Requests in work at once.
CHECKED_EVERY = 5  #: A person looks at one answer in so many, and says what was really written.


@dataclass(slots=True)
class Score:
    """How the service did; the labels that it never saw are used here alone."""

    statuses: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)  #: By model version.
    right: Counter[str] = field(default_factory=Counter)  #: By model version.
    truths: int = 0  #: Answers whose truth was told.

    def add(self, upload: Upload, reply: Reply) -> None:
        """Count one reply."""
        self.statuses[reply.status] += 1
        if reply.digit is not None:
            self.answers[reply.version] += 1
            self.right[reply.version] += reply.digit == upload.label

    @property
    def requests(self) -> int:
        """How many were served."""
        return self.statuses.total()

    def accuracy(self) -> dict[str, float]:
        """Return the share of right answers by model version."""
        return {version: self.right[version] / count for version, count in sorted(self.answers.items())}

    def summary(self) -> dict[str, object]:
        """Return the score for printing."""
        return {
            "statuses": dict(self.statuses),
            "answers": dict(self.answers),
            "accuracy": self.accuracy(),
            "truths": self.truths,
        }


async def serve(
    service: Service, uploads: Iterable[Upload], *, seen: Callable[[Score], object] = lambda _: None
) -> Score:
    """Let `service` answer every upload, calling `seen` after each; return the score."""
    score, waiting = Score(), iter(uploads)

    async def work() -> None:
        for upload in waiting:
            reply = await service.read(upload)
            score.add(upload, reply)
            seen(score)
            if reply.digit is not None and score.answers.total() % CHECKED_EVERY == 0:
                accepted = await tell_truth(upload, reply)  # awaited first: others count meanwhile
                score.truths += accepted

    async with asyncio.TaskGroup() as group:
        for _ in range(WORKERS):
            group.create_task(work())
    return score


async def tell_truth(upload: Upload, reply: Reply) -> bool:
    """Say what was really written on `upload`, as a person who checks answers would, and whether it was accepted."""
    receipt = await alog_truth(
        "checked", prediction_id=reply.prediction_id, label=str(upload.label), value=float(reply.digit == upload.label)
    )
    return receipt.accepted
