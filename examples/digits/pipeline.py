"""The service itself, written as anybody would write it: its stages are functions and blocks with `trace_stage` on them.

```
read digit ─ load ─ preprocess ─ route ─ predict ─ validate ─ respond
                       │                    │          └ second opinion, where the model was not sure
                       │                    └ predict again, by the quick way, where the first took too long
                       └ refuses what is no image: respond says so
```
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from stagelight import alog_prediction, context, trace_stage

from .image import SIDE, RefusedError, darkest, decode, look, windows
from .models import FOREST, LINEAR
from .routing import choose

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .image import Look, Page
    from .models import Answer, Model
    from .uploads import Upload

CHUNK_BYTES = 4096
DEADLINE_SECONDS = 0.4  #: For looking all over a page; a large one takes seconds.
SURE = 0.5  #: Confidence from which one model's word is enough.

Status = Literal["answered", "refused", "unsure"]


class UnsureError(RefusedError):
    """Two models read different digits, and neither is sure: a person should look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the sender gets."""

    upload_id: str
    status: Status
    digit: int | None = None
    version: str = ""
    reason: str = ""  #: Why there is no digit.
    prediction_id: str = ""  #: The truth, once known, is told under this id.


class Service:
    """Reads digits with `models`."""

    def __init__(self, models: Mapping[str, Model]) -> None:
        """Serve with `models`, by version."""
        self.models = models

    async def read(self, upload: Upload) -> Reply:
        """Answer one request; a refusal is an answer too."""
        with context(session=upload.session, user=upload.user, request_id=upload.id):
            async with trace_stage("read digit", kind="server"):
                try:
                    return await self._answered(upload)
                except RefusedError as error:
                    return refuse(upload, error)

    async def _answered(self, upload: Upload) -> Reply:
        page = preprocess(b"".join(load(upload.body)))
        seen = look(page)
        with trace_stage("route") as span:
            choice = choose(seen, upload.user)
            span.set_attribute("digits.reason", choice.reason)
        try:
            answer = await self._predicted(choice.version, page)
        except TimeoutError:
            answer = await self._predicted(LINEAR, darkest(page))
        with context(model_version=answer.version):
            return await respond(upload, self.validate(answer), seen)

    async def _predicted(self, version: str, page: Page) -> Answer:
        with context(model_version=version):
            return await predict(self.models[version], page)

    @trace_stage("validate")
    def validate(self, answer: Answer) -> Answer:
        """Return `answer`, or that of a second model where the first is not sure.

        Raises:
            UnsureError: They disagree, and neither is sure.
        """
        if answer.confidence >= SURE:
            return answer
        other = self.models[LINEAR if answer.version == FOREST else FOREST]
        with trace_stage("second opinion", model_version=other.version):
            second = other.read(answer.part)
        surer = max(answer, second, key=lambda each: each.confidence)
        if answer.digit != second.digit and surer.confidence < SURE:
            raise UnsureError(f"{answer.version} reads {answer.digit}, {second.version} reads {second.digit}")
        return surer


@trace_stage
def load(body: bytes) -> Iterator[bytes]:
    """Yield the upload in the pieces it arrives in."""
    for start in range(0, len(body), CHUNK_BYTES):
        yield body[start : start + CHUNK_BYTES]


@trace_stage
def preprocess(body: bytes) -> Page:
    """Return the page in `body`, or refuse it."""
    return decode(body)


@trace_stage
async def predict(model: Model, page: Page) -> Answer:
    """Return the digit on `page`; on a page larger than a digit look everywhere, for as long as the deadline allows.

    Raises:
        TimeoutError: The page is too large to be searched in time.
    """
    found: list[Answer] = []
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            for parts in windows(page):
                found.append(model.best(parts))
                await asyncio.sleep(0)  # other requests are served between two rows
    except TimeoutError:
        rows = len(page) - SIDE + 1
        raise TimeoutError(f"{len(found)} of {rows} rows searched in {DEADLINE_SECONDS} s") from None
    return max(found, key=lambda answer: answer.weight)


@trace_stage
async def respond(upload: Upload, answer: Answer, seen: Look) -> Reply:
    """Tell the sender, and write down what was predicted, so that the truth can judge it later."""
    receipt = await alog_prediction(
        "digit",
        score=answer.confidence,
        decision=str(answer.digit),
        model_version=answer.version,
        entity=upload.id,
        features={"ink": answer.ink, "dust": seen.dust},
    )
    return Reply(
        upload_id=upload.id, status="answered", digit=answer.digit, version=answer.version, prediction_id=receipt.id
    )


@trace_stage("respond")
def refuse(upload: Upload, error: RefusedError) -> Reply:
    """Tell the sender why there is no answer."""
    status: Status = "unsure" if isinstance(error, UnsureError) else "refused"
    return Reply(upload_id=upload.id, status=status, reason=str(error))
