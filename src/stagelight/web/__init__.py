"""The HTTP API, the OTLP receiver and the pages over the store; `create_app` puts them together, `serve` runs them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from stagelight.errors import MissingExtraError

if TYPE_CHECKING:
    from stagelight.web.app import create_app
    from stagelight.web.server import Serving, running, serve

__all__ = ["Serving", "create_app", "running", "serve"]

_HOMES: Final = {"create_app": "app", "serve": "server", "running": "server", "Serving": "server"}
_PACKAGES: Final = ("fastapi", "starlette", "uvicorn", "jinja2", "anyio")


def __getattr__(name: str) -> Any:
    """Import on first use: the framework costs a quarter of a second, which importing one page's helper should not."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _PACKAGES:
            raise
        raise MissingExtraError("serve", "the page and the receiver") from error
