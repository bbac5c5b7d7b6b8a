"""What the tests of telemetry share."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from stagelight import _guard, config
from stagelight.telemetry import pipeline
from stagelight.telemetry.current import replaced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stagelight.telemetry.pipeline import Telemetry

NOWHERE = {"traces_exporter": "none", "metrics_exporter": "none"}


@contextmanager
def telemetry_of(settings: dict[str, Any], **parts: Any) -> Iterator[Telemetry]:
    """Telemetry of these settings, in use inside the block."""
    built = pipeline.build(config.load(environ={}, **settings), **parts)
    try:
        with replaced(built):
            yield built
    finally:
        built.shutdown(2.0)


@pytest.fixture
def using() -> Iterator[Callable[..., Telemetry]]:
    """Build telemetry of settings and use it until the test ends: `using(endpoint=…, sinks=[…])`."""
    with ExitStack() as stack:

        def use(
            *, sinks: Any = (), span_exporter: Any = None, metric_readers: Any = None, **settings: Any
        ) -> Telemetry:
            parts = {"sinks": sinks, "span_exporter": span_exporter, "metric_readers": metric_readers}
            return stack.enter_context(telemetry_of(settings, **parts))

        yield use


@pytest.fixture(autouse=True)
def _own_errors() -> Iterator[None]:
    """Errors of ours are counted, and told once a minute; each test begins without any."""
    _guard.forget()
    yield
    _guard.forget()
