"""Where people's judgement comes in, and where it can be read, added up: POST /feedback/…, GET /feedback/summary.

No CORS headers are sent, on purpose: an answer is for this server's own pages and for programs. A page of another site
hands its users' judgement to its own server, which sends it here, or lets a path of its own lead here.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from math import ceil
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response, StreamingResponse

from stagelight import _clock, _guard
from stagelight.errors import RowError, UnsupportedMediaError, WireError
from stagelight.feedback import after
from stagelight.feedback.retraining import line
from stagelight.feedback.span import record_of
from stagelight.web import judging
from stagelight.web.body import Body, drain, require_json
from stagelight.web.judging import ForeignError, Judge, UnsignedError
from stagelight.web.plain import plain
from stagelight.web.tenancy import grant_of, tenant_of
from stagelight.wire import jsontext
from stagelight.wire.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stagelight.config import Settings
    from stagelight.sink.rows import Feedback, Receipt
    from stagelight.store import Store

LIMITS: Final = Limits(inflated_bytes=128 * 2**10, parts=100, numbers=1_000, json_depth=8)
MANY: Final = 0.01  #: A program that speaks for many users pays a hundredth of a turn.
DAY: Final = 86_400.0
MAX_DAYS: Final = 400.0

router = APIRouter(prefix="/feedback")
export_router = APIRouter(prefix="/api/feedback")


def _documented(kind: judging.Kind) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": judging.schema(kind)}}}}


@router.post("/explicit", openapi_extra=_documented("explicit"))
async def explicit(request: Request) -> Response:
    """Take what somebody said of an answer: a rating, thumbs, a score, a comment or a label."""
    return await _take(request, "explicit")


@router.post("/implicit", openapi_extra=_documented("implicit"))
async def implicit(request: Request) -> Response:
    """Take what somebody did after an answer: requery, skip, accept, click or share."""
    return await _take(request, "implicit")


@router.get("/summary")
def summary(
    request: Request,
    days: Annotated[float, Query(gt=0, le=MAX_DAYS, description="Looked back from now.")] = 30.0,
    workspace: Annotated[str, Query(max_length=256)] = "",
    model_version: Annotated[str, Query(max_length=256)] = "",
) -> Response:
    """Give what was said and done: counts, mean rating, share of thumbs up, sentiment, by day and by model version."""
    now = _clock.wall_ns() / 1e9
    found = request.app.state.store.opinions.summary(
        now - days * DAY, now + DAY, tenant=tenant_of(request), workspace=workspace or None, model=model_version
    )
    return JSONResponse(plain(found))


@export_router.get("/export")
def export(request: Request) -> Response:
    """Give every judged prediction with what the model saw, a JSON object a line, without personal data: for training."""
    lines = _lines(request.app.state.store, tenant_of(request))
    return StreamingResponse(lines, media_type="application/x-ndjson")


def _lines(store: Store, tenant: str | None) -> Iterator[bytes]:
    for example in store.opinions.examples(tenant=tenant):
        yield json.dumps(plain(line(example)), separators=(",", ":")).encode() + b"\n"


async def _take(request: Request, kind: judging.Kind) -> Response:
    """Answer with the receipt: 200, 409 for a duplicate, else one sentence and a status that say why not."""
    public = getattr(request.state, "public", False)
    if public and (seconds := request.app.state.throttle.wait(f"address {_address(request)}")):
        await drain(request)  # not looked at, so that a flood costs little
        return _later(seconds)
    if public and not request.app.state.settings.feedback_key:
        await drain(request)
        return JSONResponse({"message": judging.UNSIGNED}, HTTPStatus.UNAUTHORIZED)
    try:
        require_json(request)
        async with Body(request, request.app.state.held, limit=LIMITS.inflated_bytes) as body:
            data = jsontext.loads(body.data, LIMITS)
        return await _answer(request, kind, data, Judge(tenant_of(request), public=public))
    except UnsupportedMediaError as error:
        await drain(request)
        return JSONResponse({"message": str(error)}, error.status)
    except WireError as error:
        return JSONResponse({"message": str(error)}, error.status)
    except RowError as error:
        status = {ForeignError: HTTPStatus.FORBIDDEN, UnsignedError: HTTPStatus.UNAUTHORIZED}.get(type(error))
        return JSONResponse({"message": str(error)}, status or HTTPStatus.UNPROCESSABLE_ENTITY)


async def _answer(request: Request, kind: judging.Kind, data: object, who: Judge) -> Response:
    state = request.app.state
    given, who = judging.admitted(data, kind, who, state.settings)
    if seconds := _wait(request, given, who):
        return _later(seconds)
    # In a thread: the first comment of all loads a lexicon.
    row = await run_in_threadpool(judging.judged, given, kind, who, state.store, state.settings)
    receipt = await state.writer.run(kept, state.store, state.settings, row)
    if receipt.duplicate:
        return JSONResponse({"message": receipt.reason, "receipt": plain(receipt)}, HTTPStatus.CONFLICT)
    state.hub.tell("rows", row.tenant)
    return JSONResponse({"receipt": plain(receipt)})


def _wait(request: Request, given: dict[str, Any], who: Judge) -> float:
    """Seconds until this user, program or address may judge again; 0 if now."""
    throttle = request.app.state.throttle
    if who.ticket is not None:
        return float(throttle.wait(f"user {who.ticket.tenant} {who.ticket.user or who.ticket.trace_id}"))
    grant = grant_of(request)
    if isinstance(user := given.get("user"), str):
        return float(throttle.wait(f"user {who.tenant} {user[:256]}"))
    return float(throttle.wait(f"token {grant.id}" if grant else f"address {_address(request)}", share=MANY))


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _later(seconds: float) -> Response:
    return JSONResponse(
        {"message": "Too many judgements at once: send this one again later."},
        HTTPStatus.TOO_MANY_REQUESTS,
        headers={"retry-after": str(ceil(seconds))},
    )


def kept(store: Store, settings: Settings, row: Feedback) -> Receipt:
    """Commit `row`, then its span in the judged trace; on the writer's thread."""
    (receipt,) = store.rows.write([row])
    if not receipt.duplicate:
        _guard.attempt("web", shown, store, settings, row)
        after.count(row)
    return receipt


def shown(store: Store, settings: Settings, row: Feedback) -> None:
    """Put the span of `row` into its trace, also one that has yet to arrive."""
    if not row.trace_id:
        return
    root = "" if row.span_id else store.opinions.root_of(row.trace_id, tenant=row.tenant)
    span = record_of(row, capture=settings.capture_arguments, now_ns=_clock.wall_ns(), parent_id=root)
    store.traces.write([span], tenant=row.tenant)
