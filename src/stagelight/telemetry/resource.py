"""Who this process is, as every span, metric and log record says."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, Resource

from stagelight._version import __version__
from stagelight.telemetry import clean
from stagelight.wire.records import TENANT, WORKSPACE

if TYPE_CHECKING:
    from stagelight.config import Settings

NAMELESS = "python"  #: The service's name where the program has none, as in a prompt.


def resource(settings: Settings, *, instance: str = "") -> Resource:
    """Return the resource: OTEL_SERVICE_NAME beats OTEL_RESOURCE_ATTRIBUTES beats the script's name.

    `instance` beats the instance id that OpenTelemetry gives each process, or OTEL_RESOURCE_ATTRIBUTES.
    """
    found = Resource.create(
        {
            "telemetry.distro.name": "stagelight",
            "telemetry.distro.version": __version__,
            TENANT: clean.text(settings.tenant),
            WORKSPACE: clean.text(settings.workspace),
        }
    )
    if instance:
        found = found.merge(Resource({SERVICE_INSTANCE_ID: instance}))
    if settings.service_name:
        return found.merge(Resource({SERVICE_NAME: clean.text(settings.service_name)}))
    if str(found.attributes.get(SERVICE_NAME, "")).startswith("unknown_service"):
        return found.merge(Resource({SERVICE_NAME: script_name()}))
    return found


def script_name() -> str:
    """Return the name of the program that runs, as people call it: `train` for `python train.py` and `python -m train`."""
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return clean.text(spec.name.removesuffix(".__main__"), limit=256)
    file = getattr(main, "__file__", None) or _started()
    return NAMELESS if file == "<stdin>" else clean.text(Path(file).stem, limit=256)


def _started() -> str:
    """What the interpreter was told to run; all there is to know under `opentelemetry-instrument`, before the program begins."""
    first = sys.argv[0] if sys.argv else ""
    if first == "-m" and first in sys.orig_argv[:-1]:
        return sys.orig_argv[sys.orig_argv.index(first) + 1]
    return NAMELESS if first in ("", "-c", "-") else first
