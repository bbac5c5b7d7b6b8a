"""Where programs hand in predictions, feedback and truth, one or many at a time, for a receipt each."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from stagelight import _clock, _guard
from stagelight.errors import RowError, UnsupportedMediaError, WireError
from stagelight.feedback import sentiment
from stagelight.sink import codec
from stagelight.sink.rows import Feedback, Receipt
from stagelight.web import feedback
from stagelight.web.body import Body, drain, require_json
from stagelight.web.plain import plain
from stagelight.web.tenancy import tenant_of
from stagelight.wire import jsontext
from stagelight.wire.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.datastructures import State

    from stagelight.sink.rows import Row

MAX_ROWS = 1000  #: In one request.
LIMITS: Final = Limits(inflated_bytes=4 * 2**20, parts=50_000, numbers=200_000, json_depth=codec.MAX_DEPTH + 4)

router = APIRouter(prefix="/api")


def _documented(kind: codec.Kind) -> dict[str, Any]:
    """What the body may be, for whoever reads the API's description; what a field may hold, a receipt says."""
    one: dict[str, Any] = {"type": "object", "properties": {field.name: {} for field in fields(codec.KINDS[kind])}}
    schema = {"anyOf": [one, {"type": "array", "items": one, "maxItems": MAX_ROWS}]}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


@router.post("/predictions", openapi_extra=_documented("prediction"))
async def predictions(request: Request) -> Response:
    """Take what models said: an object, or a list of them, with the fields of `stagelight.sink.Prediction`."""
    return await _take(request, "prediction")


@router.post("/feedback", openapi_extra=_documented("feedback"))
async def judgements(request: Request) -> Response:
    """Take what users said or did: an object, or a list of them, with the fields of `stagelight.sink.Feedback`."""
    return await _take(request, "feedback")


@router.post("/decisions", openapi_extra=_documented("decision"))
async def decisions(request: Request) -> Response:
    """Take what routers chose: an object, or a list of them, with the fields of `stagelight.sink.Decision`."""
    return await _take(request, "decision")


@router.post("/truth", openapi_extra=_documented("truth"))
async def truth(request: Request) -> Response:
    """Take what really happened: an object, or a list of them, with the fields of `stagelight.sink.Truth`."""
    return await _take(request, "truth")


async def _take(request: Request, kind: codec.Kind) -> Response:
    """Answer with a receipt for each row, in order: 200, or 422 where not one of them was taken."""
    try:
        require_json(request)
        async with Body(request, request.app.state.held, limit=LIMITS.inflated_bytes) as body:
            receipts = await request.app.state.writer.run(
                _commit, request.app.state, kind, body.data, tenant_of(request)
            )
    except UnsupportedMediaError as error:
        await drain(request)
        return JSONResponse({"message": str(error)}, error.status)
    except WireError as error:
        return JSONResponse({"message": str(error)}, error.status)
    except RowError as error:
        return JSONResponse({"message": str(error)}, 422)
    if any(receipt.accepted for receipt in receipts):
        request.app.state.hub.tell("rows", tenant_of(request))
    answer: dict[str, Any] = {"receipts": plain(receipts)}
    if receipts and not any(receipt.accepted for receipt in receipts):
        return JSONResponse({"message": receipts[0].reason, **answer}, 422)
    return JSONResponse(answer)


def _commit(state: State, kind: codec.Kind, body: bytes, tenant: str | None) -> list[Receipt]:
    """Check and write on the writer's thread; a row that cannot be taken does not stop its neighbours."""
    data = jsontext.loads(body, LIMITS)
    items = data if isinstance(data, list) else [data]
    if len(items) > MAX_ROWS:
        raise RowError(f"{len(items)} rows: send {MAX_ROWS} at most.")
    rows = [_row(kind, item, tenant) for item in items]
    good = [row for row in rows if not isinstance(row, Receipt)]
    stored = iter(heard(state, good) if kind == "feedback" else state.store.rows.write(good))
    return [row if isinstance(row, Receipt) else next(stored) for row in rows]


def heard(state: State, rows: Sequence[Row]) -> list[Receipt]:
    """Commit feedback that a program sends; where it could not say which trace it judges, show it there on its behalf."""
    sent = [
        replace(row, sentiment=row.sentiment or sentiment.of(row.comment)) for row in rows if isinstance(row, Feedback)
    ]
    found = state.store.opinions.placed(sent)
    receipts: list[Receipt] = state.store.rows.write(found)
    for was, row, receipt in zip(sent, found, receipts, strict=True):
        if not was.trace_id and not receipt.duplicate:
            _guard.attempt("web", feedback.shown, state.store, state.settings, row)
    return receipts


def _row(kind: codec.Kind, item: object, tenant: str | None) -> Row | Receipt:
    """One row, or the receipt that says why it is none; a token's tenant overrides the row's own."""
    try:
        if tenant is not None and isinstance(item, dict):
            item = {**item, "tenant": tenant}
        return codec.from_json(kind, item, now=_clock.wall_ns() / 1e9, new_id=_clock.new_id())
    except RowError as error:
        found = item.get(codec.IDS[kind]) if isinstance(item, dict) else None
        return Receipt("refused", found if isinstance(found, str) else "", str(error))
