"""A trace carried to another process and taken up there; and a whole trace as one block."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry import propagate
from opentelemetry.context import get_current

from stagelight._guard import guard
from stagelight.stages import frames, lifecycle
from stagelight.stages.block import Block
from stagelight.stages.context import with_values

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping


def inject(carrier: MutableMapping[str, str] | None = None, *, trace_id: str = "") -> MutableMapping[str, str]:
    """Write where the calling code stands into `carrier` (headers, a job's metadata), and return it.

    Args:
        carrier: What travels; a new dict if None.
        trace_id: Of a trace begun by `start_trace`, to carry that instead of the current one.

    >>> sorted(inject({"accept": "text/plain"}))
    ['accept']
    """
    carrier = {} if carrier is None else carrier
    with guard("stages"):
        propagate.inject(carrier, context=lifecycle.context_of(trace_id) or get_current())
    return carrier


class continue_trace(Block[None]):  # noqa: N801  reads as a statement: `with continue_trace(request.headers):`
    """Take up the trace in `carrier` for everything inside the block; a carrier without one changes nothing.

    >>> headers = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    >>> with continue_trace(headers):
    ...     inject()["traceparent"] == headers["traceparent"]
    True
    """

    def __init__(self, carrier: Mapping[str, str]) -> None:
        self._carrier = carrier

    def __enter__(self) -> None:
        """Make the carried trace current."""
        found = get_current()
        with guard("stages"):
            found = propagate.extract({str(key).lower(): value for key, value in self._carrier.items()})
        frames.swap_in(found)

    def leave(self, _error: BaseException | None, /) -> None:
        """Make current what was before."""
        frames.swap_out()


class trace(Block["trace"]):  # noqa: N801  reads as a statement: `with trace("answer", tenant="acme"):`
    """A whole trace as one block: `start_trace` at its beginning, current inside, `end_trace` at its end.

    Takes what `start_trace` takes. The block's value has the `trace_id` and sets attributes of the whole:

    >>> with trace("answer", request_id="r-1", model_version="v2") as answer:
    ...     answer.set(final_decision="ml_validated")
    """

    def __init__(
        self,
        name: str = "trace",
        *,
        request_id: str | None = None,
        model_version: str | None = None,
        tenant: str | None = None,
        workspace: str | None = None,
        session: str | None = None,
        user: str | None = None,
        attributes: Mapping[str, object] | None = None,
    ) -> None:
        self._name = name
        self._told = {
            "request_id": request_id,
            "model_version": model_version,
            "tenant": tenant,
            "workspace": workspace,
            "session": session,
            "user": user,
        }
        self._attributes = attributes
        self._result: dict[str, object] = {}
        self.trace_id = ""  #: 32 hex digits, once the block has begun.

    def set(self, **attributes: object) -> None:
        """Say something of the whole trace; on its root span when the block ends."""
        self._result.update(attributes)

    def __enter__(self) -> trace:  # noqa: PYI034  Self cannot be said of Block["trace"]
        """Begin the trace and make it current."""
        self.trace_id = lifecycle.start_trace(self._name, attributes=self._attributes, **self._told)
        # Where nobody listens there is no such trace, but whose work it is still holds.
        frames.swap_in(lifecycle.context_of(self.trace_id) or with_values(get_current(), self._told))
        return self

    def leave(self, error: BaseException | None, /) -> None:
        """End it; an exception is recorded and passes through."""
        frames.swap_out()
        lifecycle.end_trace(self.trace_id, error=error, **self._result)
