"""The application: receiver, API, live stream and pages over one store."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import anyio.to_thread
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import HTMLResponse, Response

from stagelight import _guard
from stagelight._version import __version__
from stagelight.alerts import Relay
from stagelight.errors import StoreFullError, StoreUnavailableError
from stagelight.web import (
    api,
    feedback,
    judging,
    live,
    login,
    models,
    otlp,
    pages,
    rl,
    routers,
    rows,
    security,
    tenancy,
    view_format,
)
from stagelight.web.body import Held
from stagelight.web.ingest import Writer
from stagelight.web.keeping import Keeping
from stagelight.web.looping import Looping
from stagelight.web.scheduling import Scheduling
from stagelight.web.throttle import Throttle

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from stagelight.config import Settings
    from stagelight.store import Store

# FastAPI traces its own requests since 0.165. A receiver that does so in a program whose telemetry is sent to this very
# receiver would feed itself for ever. Earlier versions take the argument and ignore it.
NO_TELEMETRY: Any = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
READERS = 8  #: Threads that read from the store for pages and API.
EXPIRE_SECONDS = 60.0


def create_app(store: Store, settings: Settings) -> FastAPI:
    """Return the application over `store`; `stagelight serve` runs it, and so may any ASGI server.

    The application does not close the store.

    Raises:
        ConfigurationError: An address that alerts are sent to, or the table of rewards, cannot be used.
    """
    app = FastAPI(
        title="stagelight",
        version=__version__,
        lifespan=life,
        openapi_url="/api/openapi.json",
        docs_url=None,  # these pages load their scripts from a CDN
        redoc_url=None,
        telemetry=NO_TELEMETRY,
    )
    door = furnish(app, store, settings)
    app.state.looping = Looping(store, settings)
    app.state.scheduling = Scheduling(store, settings)
    for router in (
        otlp.router,
        api.router,
        api.health_router,
        rows.router,
        rl.router,
        routers.router,
        feedback.router,
        feedback.export_router,
        models.router,
        live.router,
        login.router,
        pages.router,
    ):
        app.include_router(router)
    app.add_middleware(security.Gate, door=door)
    answer_errors(app)
    return app


def furnish(app: FastAPI, store: Store, settings: Settings, *, lines: bool = True) -> security.Door:
    """Give `app` what its routes work with, and return the door to put before it; `lines`: log lines are kept.

    Raises:
        ConfigurationError: An address that alerts are sent to cannot be used.
    """
    judging.refuse_bad_rewards(settings)
    state = app.state
    state.store = store
    state.settings = settings
    state.writer = Writer()
    state.held = Held()
    state.throttle = Throttle(settings.feedback_rate)
    state.seen = tenancy.Seen()
    state.keeping = Keeping(store, state.seen, Relay(store, settings), lines=lines)
    state.hub = live.Hub(store)
    state.looping = None
    state.scheduling = None
    state.door = security.Door(store, host=settings.host, allowed_hosts=settings.allowed_hosts)
    door: security.Door = state.door
    return door


@asynccontextmanager
async def life(app: FastAPI) -> AsyncIterator[None]:
    """Run what works beside the requests: expiry, the sending of alerts, the feedback loop, and the scheduled tasks."""
    anyio.to_thread.current_default_thread_limiter().total_tokens = READERS
    expiry = asyncio.create_task(_expire(app))
    warming = asyncio.create_task(app.state.writer.run(otlp.warm))
    app.state.keeping.relay.start()
    looping: Looping | None = app.state.looping
    if looping is not None:
        looping.start()
    scheduling: Scheduling | None = app.state.scheduling
    if scheduling is not None:
        scheduling.start()
    try:
        yield
    finally:
        app.state.hub.close()
        expiry.cancel()
        if scheduling is not None:
            await scheduling.stop()
        if looping is not None:
            await looping.stop()
        await warming
        with suppress(asyncio.CancelledError):
            await expiry
        app.state.writer.close()
        await asyncio.to_thread(app.state.keeping.relay.stop)


async def _expire(app: FastAPI) -> None:
    """Remove what is old, and the oldest where the store is too big, as long as the server runs."""
    while True:
        with _guard.guard("web"):
            await app.state.writer.run(app.state.store.admin.expire)
        await asyncio.sleep(EXPIRE_SECONDS)


def answer_errors(app: FastAPI) -> None:
    """Every failure is one sentence with its status; what nobody foresaw is answered by `security.Gate`."""

    async def full(request: Request, error: Exception) -> Response:
        return security.answer(request, 507, str(error))

    async def away(request: Request, error: Exception) -> Response:
        return security.answer(request, 503, str(error))

    async def refused(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        message = str(error.detail) if isinstance(error, HTTPException) else ""
        answer = _page(request, status, message) or security.answer(request, status, message)
        answer.headers.update(getattr(error, "headers", None) or {})
        return answer

    async def invalid(request: Request, error: Exception) -> Response:
        found = error.errors()[0] if isinstance(error, RequestValidationError) else {}
        where = ".".join(str(part) for part in found.get("loc", ())[1:])
        return security.answer(request, 422, f"{where}: {found.get('msg', 'not valid')}")

    async def gone(_request: Request, _error: Exception) -> Response:
        return Response(status_code=400)  # the client hung up; nobody is left to read it

    app.add_exception_handler(StoreFullError, full)
    app.add_exception_handler(StoreUnavailableError, away)
    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(ClientDisconnect, gone)


def _page(request: Request, status: int, message: str) -> Response | None:
    """A page that says what is wrong, for a person who followed a link; None for a program."""
    if request.url.path.startswith(("/api/", "/v1/")) or "text/html" not in request.headers.get("accept", ""):
        return None
    template = view_format.environment().get_template("missing.html")
    return HTMLResponse(template.render(what=HTTPStatus(status).phrase, why=message, path=request.url.path), status)
