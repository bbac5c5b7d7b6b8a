"""`stagelight relay`: the small server that takes alert events alone, over OTLP, and sends them on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from stagelight._version import __version__
from stagelight.errors import ConfigurationError
from stagelight.web import app as whole
from stagelight.web import security
from stagelight.web.otlp import receive

if TYPE_CHECKING:
    from stagelight.config import Settings
    from stagelight.store import Store

router = APIRouter()


@router.post("/v1/logs")
async def logs(request: Request) -> Response:
    """Receive alert events."""
    return await receive(request, "logs")


@router.post("/v1/{signal}")
async def others(signal: str) -> Response:
    """Refuse what belongs elsewhere."""
    raise HTTPException(404, f"This is the alert relay: it takes /v1/logs alone, not /v1/{signal[:40]}.")


@router.get(security.HEALTH)
async def health() -> Response:
    """Say that the relay runs."""
    return JSONResponse({"status": "ok", "version": __version__})


def create_relay(store: Store, settings: Settings) -> FastAPI:
    """Return the application that takes alert events into the outbox of `store` and sends them on.

    Raises:
        ConfigurationError: There is nobody to send to, or an address cannot be used.
    """
    app = FastAPI(
        title="stagelight relay",
        version=__version__,
        lifespan=whole.life,
        openapi_url=None,
        telemetry=whole.NO_TELEMETRY,
    )
    door = whole.furnish(app, store, settings, lines=False)
    if app.state.keeping.relay.idle:
        raise ConfigurationError(
            "the relay has nobody to tell: set STAGELIGHT_ALERTMANAGER_URLS or STAGELIGHT_NOTIFY_URLS"
        )
    app.include_router(router)
    app.add_middleware(security.Gate, door=door)
    whole.answer_errors(app)
    return app
