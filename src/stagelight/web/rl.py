"""The feedback loop's queue over HTTP: how it is, what is in it, and what people do to it by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from stagelight.loops import operations
from stagelight.web.asking import MAX_TEXT, TEXT, asked, documented, text, texts
from stagelight.web.plain import plain
from stagelight.web.tenancy import tenant_of

if TYPE_CHECKING:
    from stagelight.store import Store

MAX_IDS = 1000
SIZE = {"type": "integer", "minimum": 1, "maximum": operations.MOST}
IDS = {"type": "array", "items": TEXT, "maxItems": MAX_IDS}

router = APIRouter(prefix="/api/rl")


@router.get("")
def overview(request: Request) -> Response:
    """Give whether the loop is on, its knobs, and how much waits and is dead for each router."""
    settings = request.app.state.settings
    queues = operations.inspect(_store(request), tenant=tenant_of(request), limit=0)
    return JSONResponse(
        {
            "rl_feedback_enabled": settings.enable_trajectory_feedback_loop,
            "trajectory_evaluation_enabled": settings.enable_trajectory_evaluation,
            "batch_size": settings.rl_feedback_batch_size,
            "interval_seconds": settings.rl_feedback_loop_interval_seconds,
            "queue_depth": sum(queue.queue_depth for queue in queues),
            "dead": sum(queue.dead for queue in queues),
            "queues": [{k: v for k, v in plain(queue).items() if k != "items"} for queue in queues],
        }
    )


@router.get("/queue")
def queue(
    request: Request,
    router: Annotated[str, Query(max_length=MAX_TEXT)] = "",
    state: Literal["waiting", "leased", "dead", "done", "purged"] = "waiting",
    limit: Annotated[int, Query(ge=0, le=1000)] = operations.LISTED,
) -> Response:
    """Give each router's queue: how many wait, how many are dead, and the first items in a state."""
    found = operations.inspect(_store(request), router=router, tenant=tenant_of(request), state=state, limit=limit)
    if router and not found:
        raise _unknown(router)
    return JSONResponse({"queues": plain(found)})


@router.post("/process", openapi_extra=documented({"batch_size": SIZE, "anyway": {"type": "boolean"}}))
async def process(request: Request) -> Response:
    """Learn one batch for each router, as the loop would: `batch_size`, and `anyway` although the loop is off."""
    given = await asked(request, "batch_size", "anyway", admin=True)
    size = given.get("batch_size")
    if size is not None and (type(size) is not int or not 1 <= size <= operations.MOST):
        raise HTTPException(422, f"batch_size: expected a whole number from 1 to {operations.MOST}")
    done = await run_in_threadpool(
        operations.process,
        _store(request),
        request.app.state.settings,
        tenant=tenant_of(request),
        batch_size=size,
        anyway=given.get("anyway") is True,
    )
    return _answer(request, done)


@router.post("/purge", openapi_extra=documented({"confirm": {"const": "purge"}, "router": TEXT}))
async def purge(request: Request) -> Response:
    """Discard what waits, for good: `confirm` must be "purge"; of `router` alone where it is named."""
    given = await asked(request, "confirm", "router", admin=True)
    if given.get("confirm") != "purge":
        raise HTTPException(422, 'confirm: expected "purge"; what waits is discarded for good, so say it')
    name = text(given, "router")
    return _answer(request, {"discarded": await run_in_threadpool(_purged, request, name)})


@router.post("/requeue", openapi_extra=documented({"feedback_ids": IDS, "router": TEXT}))
async def requeue(request: Request) -> Response:
    """Let dead letters wait again: those of `feedback_ids`, or all; of `router` alone where it is named."""
    given = await asked(request, "feedback_ids", "router", admin=True)
    ids = given.get("feedback_ids")
    if ids is not None and not texts(ids, MAX_IDS):
        raise HTTPException(422, f"feedback_ids: expected a list of at most {MAX_IDS} ids")
    name = text(given, "router")
    return _answer(request, {"requeued": await run_in_threadpool(_requeued, request, name, ids)})


def _purged(request: Request, name: str) -> int:
    return operations.purge(_known(request, name), router=name, tenant=tenant_of(request))


def _requeued(request: Request, name: str, ids: list[str] | None) -> int:
    return operations.requeue(_known(request, name), router=name, tenant=tenant_of(request), feedback_ids=ids)


def _known(request: Request, name: str) -> Store:
    """The store; 404 for a router that has nothing there."""
    store = _store(request)
    if name and not operations.routers(store, router=name, tenant=tenant_of(request)):
        raise _unknown(name)
    return store


def _unknown(name: str) -> HTTPException:
    return HTTPException(404, f"no router {name[:40]!r} has a queue: nothing was declared or queued under this name")


def _answer(request: Request, done: dict[str, Any]) -> Response:
    request.app.state.hub.tell("rows", tenant_of(request))
    return JSONResponse(done)


def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store
