"""Server-sent events: a page learns that something has arrived without asking again and again."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response, StreamingResponse

from stagelight.errors import StoreUnavailableError
from stagelight.web.tenancy import tenant_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from stagelight.store import Store
    from stagelight.store.model import NumberedSpan

POLL_SECONDS = 1.0  #: Programs may write to the store beside us; we hear of them at the next look.
GAP_SECONDS = 0.2  #: Between two events: a page redraws five times a second at most.
QUIET_SECONDS = 15.0  #: After so long without news a comment is sent, so that proxies keep the connection.
SPANS_LOOKED_AT = 500  #: In one event; when more came, the next event follows.
MAX_NAMES = 50  #: In one event.
MAX_STREAMS = 64
TOLD = ("metrics", "logs", "rows")  #: Events without data.

router = APIRouter()


class Hub:
    """Wakes the open streams when something was committed. Used by the event loop alone."""

    def __init__(self, store: Store) -> None:
        """Tell of what arrives in `store`."""
        self._store = store
        self._news = asyncio.Event()
        self._told: Counter[tuple[str, str | None]] = Counter()
        self._closed = False
        self.streams = 0  #: Open now.

    def tell(self, what: str, tenant: str | None) -> None:
        """Say that `what` was committed for `tenant`: traces, metrics, logs or rows."""
        self._told[what, tenant] += 1
        self._wake()

    def close(self) -> None:
        """End every stream."""
        self._closed = True
        self._wake()

    async def stream(self, *, after: int | None, tenant: str | None) -> AsyncIterator[str]:
        """Yield events about spans with a row number over `after`, and about metrics and rows as they are committed.

        Args:
            after: Where a broken stream left off; None begins with the next span to arrive.
            tenant: Whose; None is everybody's.
        """
        self.streams += 1
        try:
            seen = await run_in_threadpool(self._store.traces.last_id) if after is None else after
            yield _event("hello", {}, seen)
            told, quiet = self._count(tenant), 0.0
            while not self._closed:
                news, now = self._news, self._count(tenant)
                rows = await self._after(seen, tenant)
                seen = rows[-1].id if rows else seen
                events = ([_event("spans", _about(rows), seen)] if rows else []) + [
                    _event(name, {}, seen) for name in TOLD if now[name] != told[name]
                ]
                told = now
                if events:
                    quiet = 0.0
                    yield "".join(events)
                    await asyncio.sleep(GAP_SECONDS)
                    continue
                quiet += await _wait(news, POLL_SECONDS)
                if quiet >= QUIET_SECONDS:
                    quiet = 0.0
                    yield ": still here\n\n"
        finally:
            self.streams -= 1

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _count(self, tenant: str | None) -> Counter[str]:
        counts: Counter[str] = Counter()
        for (what, owner), count in self._told.items():
            if tenant in (None, owner):
                counts[what] += count
        return counts

    async def _after(self, seen: int, tenant: str | None) -> list[NumberedSpan]:
        try:
            return await run_in_threadpool(self._store.traces.recent_spans, seen, SPANS_LOOKED_AT, tenant=tenant)
        except StoreUnavailableError:
            return []  # the next look may find it back


@router.get("/live")
async def live(request: Request) -> Response:
    """Tell of what arrives, as it is committed.

    An event `spans` has JSON data: how many spans came (`spans`), the ids of the traces they belong to (`traces`) and
    their names (`names`). Events `metrics`, `logs` and `rows` say only that some came. `Last-Event-ID` continues where a
    stream broke.
    """
    hub: Hub = request.app.state.hub
    if hub.streams >= MAX_STREAMS:
        return JSONResponse({"message": f"{MAX_STREAMS} streams are open already."}, 503, headers={"retry-after": "5"})
    last = request.headers.get("last-event-id", "")
    after = int(last) if re.fullmatch("[0-9]{1,18}", last) else None
    return StreamingResponse(hub.stream(after=after, tenant=tenant_of(request)), media_type="text/event-stream")


def _about(rows: list[NumberedSpan]) -> dict[str, Any]:
    names = sorted({row.span.name for row in rows})[:MAX_NAMES]
    return {"spans": len(rows), "traces": sorted({row.span.trace_id for row in rows}), "names": names}


def _event(name: str, data: dict[str, Any], seen: int) -> str:
    return f"id: {seen}\nevent: {name}\ndata: {json.dumps(data)}\n\n"


async def _wait(news: asyncio.Event, seconds: float) -> float:
    """Wait for news, `seconds` at most; return how long was waited for nothing."""
    try:
        async with asyncio.timeout(seconds):
            await news.wait()
    except TimeoutError:
        return seconds
    return 0.0
