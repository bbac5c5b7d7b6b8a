"""A stage as it stands in the source: what is the same for every call of it."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from opentelemetry.trace import SpanKind

from stagelight.errors import StageError, did_you_mean
from stagelight.stages import names
from stagelight.telemetry import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from opentelemetry.util.types import AttributeValue

Kind = Literal["internal", "client", "server", "producer", "consumer"]
KINDS: dict[str, SpanKind] = {kind.name.lower(): kind for kind in SpanKind}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a stage is to be recorded; what `trace_stage` takes by keyword."""

    kind: Kind = "internal"
    attributes: Mapping[str, object] | None = None
    model_version: str | None = None
    capture_arguments: bool | None = None  #: None: as the setting says.
    capture_result: bool | None = None

    def __post_init__(self) -> None:
        """Refuse a kind that OpenTelemetry does not have, at the caller's line."""
        if self.kind not in KINDS:
            raise StageError(
                f"no span kind {self.kind!r}; expected one of {sorted(KINDS)}.{did_you_mean(str(self.kind), KINDS)}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One stage of the source."""

    name: str
    options: Options = Options()
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    signature: inspect.Signature | None = None

    @property
    def kind(self) -> SpanKind:
        """The kind as OpenTelemetry has it."""
        return KINDS[self.options.kind]


def of_block(name: str, options: Options) -> Site:
    """Describe a `with` block."""
    name = clean.text(name, limit=256)
    return Site(name=name, options=options, attributes={names.STAGE: name, **clean.attributes(options.attributes)})


def of_function(function: Callable[..., Any], name: str | None, options: Options) -> Site:
    """Describe a function: named as it is called in the source, with its place for the reader of a trace."""
    bare = inspect.unwrap(function)
    label = clean.text(name or short_name(bare), limit=256)
    code = getattr(bare, "__code__", None)
    attributes: dict[str, AttributeValue] = {
        names.STAGE: label,
        names.CODE_FUNCTION_NAME: f"{getattr(bare, '__module__', '')}.{getattr(bare, '__qualname__', label)}",
    }
    if code is not None:
        attributes |= {names.CODE_FILE_PATH: code.co_filename, names.CODE_LINE_NUMBER: code.co_firstlineno}
    return Site(
        name=label,
        options=options,
        attributes={**attributes, **clean.attributes(options.attributes)},
        signature=_signature(bare),
    )


def short_name(function: Callable[..., Any]) -> str:
    """Return `Class.method` or `function`, without the functions around it.

    >>> def outer():
    ...     def inner(): ...
    ...     return inner
    >>> short_name(outer())
    'inner'
    """
    qualified = getattr(function, "__qualname__", None) or type(function).__qualname__
    return str(qualified).rpartition("<locals>.")[2]


def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):  # a builtin without one
        return None
