"""The JSON API: what the store holds, for programs; and where they hand in predictions, feedback and truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from stagelight import _clock, wire
from stagelight._version import __version__
from stagelight.store import TraceQuery
from stagelight.web.plain import plain
from stagelight.web.tenancy import grant_of, tenant_of

if TYPE_CHECKING:
    from stagelight.store import Store

WINDOW_SECONDS = 900.0  #: Looked back where no window is given.
MAX_POINTS = 2000  #: Of one series.
MAX_ATTRIBUTES = 12  #: Asked for at once; each is a join.
NS = 1_000_000_000

router = APIRouter(prefix="/api")
health_router = APIRouter()

Seconds = Annotated[float | None, Query(ge=0, lt=9e9, description="Seconds since 1970, UTC.")]
Text = Annotated[str, Query(max_length=400)]


@router.get("/stages")
def stages(request: Request, since: Seconds = None, until: Seconds = None, workspace: Text = "") -> Response:
    """Give every stage's calls, errors, rate and quantiles within a window; the last 15 minutes if none is given."""
    since_ns, until_ns = _window(since, until)
    found = _store(request).metrics.stages(since_ns, until_ns, tenant=tenant_of(request), workspace=workspace or None)
    return JSONResponse({"since": since_ns / NS, "until": until_ns / NS, "stages": plain(found)})


@router.get("/stages/{stage:path}/series")
def series(
    request: Request,
    stage: str,
    since: Seconds = None,
    until: Seconds = None,
    step: Annotated[float, Query(ge=10, le=86_400)] = 10,
) -> Response:
    """Give one stage's course, a point each `step` seconds."""
    since_ns, until_ns = _window(since, until)
    if (until_ns - since_ns) / NS / step > MAX_POINTS:
        raise HTTPException(422, f"step: {step:g} s gives more than {MAX_POINTS} points; take a longer one")
    found = _store(request).metrics.series(stage, since_ns, until_ns, int(step), tenant=tenant_of(request))
    return JSONResponse({"stage": stage, "step": int(step), "points": plain(found)})


@router.get("/traces")
def traces(
    request: Request,
    *,
    text: Text = "",
    attr: Annotated[list[str] | None, Query(description="key=value; several mean all of them.")] = None,
    min_ms: Annotated[float | None, Query(ge=0, lt=1e15)] = None,
    max_ms: Annotated[float | None, Query(ge=0, lt=1e15)] = None,
    errors: bool = False,
    session: Text = "",
    stage: Text = "",
    model_version: Text = "",
    since: Seconds = None,
    until: Seconds = None,
    workspace: Text = "",
    sort: Literal["recent", "slowest"] = "recent",
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    cursor: Text = "",
) -> Response:
    """Give a page of traces; `cursor` of the answer, where not empty, asks for the next."""
    query = TraceQuery(
        text=text,
        attributes=_attributes(attr or []),
        min_ms=min_ms,
        max_ms=max_ms,
        errors_only=errors,
        session=session,
        stage=stage,
        model_version=model_version,
        since_ns=_ns(since),
        until_ns=_ns(until),
        tenant=tenant_of(request),
        workspace=workspace or None,
        sort=sort,
        limit=limit,
        cursor=cursor,
    )
    page = _store(request).traces.search(query)
    return JSONResponse({"traces": plain(page.rows), "cursor": page.cursor})


@router.get("/traces/{trace_id}")
def trace(request: Request, trace_id: str) -> Response:
    """Give one trace: its spans, log lines, and what was predicted and said of it."""
    store, tenant = _store(request), tenant_of(request)
    found = store.traces.get(trace_id, tenant=tenant)
    if found is None:
        raise HTTPException(404, f"no trace {trace_id[:40]}: it never arrived, or it has expired")
    return JSONResponse({**plain(found), "rows": plain(store.rows.of_trace(trace_id, tenant=tenant))})


@router.get("/traces/{trace_id}/otlp")
def otlp(request: Request, trace_id: str) -> Response:
    """Give one trace as an OTLP/JSON request, ready to be sent anywhere."""
    found = _store(request).traces.get(trace_id, tenant=tenant_of(request))
    if found is None:
        raise HTTPException(404, f"no trace {trace_id[:40]}: it never arrived, or it has expired")
    return JSONResponse(wire.traces_json(found.spans))


@router.get("/metrics/{name}")
def metric(request: Request, name: str) -> Response:
    """Give what each sender last said of each series of a metric, the latest first; nothing for an unknown name."""
    return JSONResponse(
        {"name": name, "series": plain(_store(request).metrics.latest(name, tenant=tenant_of(request)))}
    )


@router.get("/attributes")
def attributes(request: Request, prefix: Text = "", key: Text = "") -> Response:
    """Give the attributes' names that begin with `prefix`; with `key`, the values that it takes."""
    found, tenant = _store(request).traces, tenant_of(request)
    if key:
        return JSONResponse({"key": key, "values": plain(found.attribute_values(key, tenant=tenant))})
    return JSONResponse({"keys": plain(found.attribute_keys(prefix, tenant=tenant))})


@router.get("/sessions")
def sessions(request: Request) -> Response:
    """Give the sessions, the latest first."""
    return JSONResponse({"sessions": plain(_store(request).traces.sessions(tenant=tenant_of(request)))})


@health_router.get("/health")
def health(request: Request) -> Response:
    """Say that the server is up; to an admin's token, or on loopback without any, what it holds too."""
    enabled = request.app.state.settings.enable_trajectory_feedback_loop
    about: dict[str, Any] = {"status": "ok", "version": __version__, "rl_feedback_enabled": enabled}
    grant = grant_of(request)
    if "admin" in grant.scopes if grant else request.app.state.door.open:
        about["store"] = plain(_store(request).admin.size())
        about["tenant_mismatches"] = request.app.state.seen.mismatches
    return JSONResponse(about)


def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


def _ns(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds * NS)


def _window(since: float | None, until: float | None) -> tuple[int, int]:
    until_ns = _ns(until) or _clock.wall_ns()
    since_ns = until_ns - int(WINDOW_SECONDS * NS) if since is None else int(since * NS)
    if since_ns >= until_ns:
        raise HTTPException(422, "since: must be before until")
    return since_ns, until_ns


def _attributes(pairs: list[str]) -> dict[str, str]:
    if len(pairs) > MAX_ATTRIBUTES:
        raise HTTPException(422, f"attr: {len(pairs)} of them, expected {MAX_ATTRIBUTES} at most")
    split = [pair.partition("=") for pair in pairs]
    if any(not key or not equals for key, equals, _ in split):
        raise HTTPException(422, "attr: expected key=value")
    return {key: value for key, _, value in split}
