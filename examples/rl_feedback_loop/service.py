"""The service: a router that learns chooses the model for each image, and users tell it, in their ways, how that went.

```
read digit ─ route ─ predict ─ respond          a request, traced
     └ feedback                                 what its user says or does, now or much later, lands in the same trace
```
"""

from __future__ import annotations

import asyncio
import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stagelight import alog_feedback, context, inject, trace_stage

from .images import look
from .score import Score
from .users import opinion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from stagelight.routing import ModelRouter

    from .images import Pages, Upload
    from .models import Model
    from .users import Deed, Thumb

WORKERS = 4  #: Requests in work at once.
RATE = 120.0  #: Requests a second that come at most; what was learned is known to the router about a second later.


@dataclass(frozen=True, slots=True)
class Reply:
    """What the user gets."""

    digit: int
    arm: str  #: The model that read it.
    traceparent: str  #: Goes out with the answer and comes back with the feedback, which then lands in the same trace.


class Service:
    """Reads digits with the model that `router` chooses."""

    def __init__(self, models: Mapping[str, Model], router: ModelRouter) -> None:
        """Serve with `models`, by name; the names are the router's arms."""
        self.models = models
        self.router = router

    @trace_stage("read digit", kind="server")
    def read(self, upload: Upload) -> Reply:
        """Answer one request."""
        with context(user=upload.user, request_id=upload.id):
            with trace_stage("route"):
                decision = self.router.choose(look(upload.page))
            with context(model_version=decision.arm):
                digit = predict(self.models[decision.arm], upload.page)
                return respond(digit, decision.arm, inject().get("traceparent", ""))


@trace_stage
def predict(model: Model, page: Pages) -> int:
    """Return the digit on `page`."""
    return model.read(page)


@trace_stage
def respond(digit: int, arm: str, traceparent: str) -> Reply:
    """Tell the user."""
    return Reply(digit, arm, traceparent)


async def serve(
    service: Service,
    uploads: Iterable[Upload],
    *,
    seed: int = 0,
    rate: float = RATE,
    seen: Callable[[Score], object] = lambda _: None,
) -> Score:
    """Let `service` answer every upload and its users say what they think, calling `seen` after each; return the score."""
    score, rng, now = Score(), np.random.default_rng(seed), asyncio.get_running_loop().time
    begin = now()
    waiting = iter(uploads)
    later: list[tuple[int, int, Thumb | Deed, Reply]] = []  # after which request, of which one, what, about what

    async def tell(until: float) -> None:
        while later and later[0][0] <= until:
            _, number, act, reply = heapq.heappop(later)
            score.acts[act] += 1
            safe = await told(act, reply, key=f"opinion-{seed}-{number}")  # awaited first: others count meanwhile
            score.accepted += safe

    async def work() -> None:
        for upload in waiting:
            await asyncio.sleep(max(0.0, begin + upload.number / rate - now()))
            reply = service.read(upload)
            score.add(upload, reply)
            said = opinion(rng, right=reply.digit == upload.label)
            if said is not None:
                heapq.heappush(later, (upload.number + said.after, upload.number, said.act, reply))
            await tell(upload.number)
            seen(score)

    async with asyncio.TaskGroup() as group:
        for _ in range(WORKERS):
            group.create_task(work())
    await tell(float("inf"))  # the last ones come when nobody asks any more
    return score


async def told(act: Thumb | Deed, reply: Reply, *, key: str) -> bool:
    """Hand in what a user said or did about an answer, and return whether it is safe."""
    target, arm = reply.traceparent, reply.arm
    if act == "thumbs up" or act == "thumbs down":  # noqa: PLR1714  mypy narrows these, not a tuple
        receipt = await alog_feedback(target, thumbs=act == "thumbs up", idempotency_key=key, model_version=arm)
    else:
        receipt = await alog_feedback(target, signal=act, idempotency_key=key, model_version=arm)
    return receipt.accepted
