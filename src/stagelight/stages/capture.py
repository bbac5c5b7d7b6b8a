"""Arguments and results on spans: off unless asked for, redacted, bounded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from stagelight._guard import guard
from stagelight.stages import names, redact
from stagelight.telemetry.current import current

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagelight.stages.run import Run


def arguments(run: Run, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Record the arguments of a call on its span, where that is wanted."""
    wanted = run.site.options.capture_arguments
    if not _wanted(wanted, "capture_arguments") or run.site.signature is None:
        return
    with guard("stages"):
        bound = run.site.signature.bind_partial(*args, **kwargs).arguments
        for name, found in bound.items():
            if name not in ("self", "cls"):
                run.span.set_attribute(
                    names.ARGUMENT + name, redact.REDACTED if redact.secret(name) else as_text(found)
                )


def result(run: Run, found: object) -> None:
    """Record what a stage returned on its span, where that is wanted."""
    if _wanted(run.site.options.capture_result, "capture_result"):
        with guard("stages"):
            run.span.set_attribute(names.RESULT, as_text(found))


def as_text(found: object) -> str:
    """Return `found` as text: itself if it is text, else JSON, without secrets and cut to a bounded length.

    >>> as_text({"query": "soup", "api_key": "sk-123"})
    '{"query": "soup", "api_key": "[redacted]"}'
    """
    redacted = redact.value(found)
    written = redacted if isinstance(redacted, str) else json.dumps(redacted, ensure_ascii=False, default=repr)
    return written[: redact.MAX_TEXT]


def _wanted(told: bool | None, setting: str) -> bool:  # noqa: FBT001  the option's own three states
    if told is not None:
        return told
    telemetry = current()
    return bool(telemetry and getattr(telemetry.settings, setting))
