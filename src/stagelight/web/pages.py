"""The pages: Overview, Traces, Trace, Compare, Feedback and Models, rendered here and kept fresh by small scripts.

Every page works without script as well: filters are a form, rows are links, the waterfall is SVG made here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from stagelight import _clock, wire
from stagelight.waterfall import tree as trees
from stagelight.web import view_compare, view_feedback, view_format, view_models, view_overview, view_static, view_trace
from stagelight.web.tenancy import grant_of, tenant_of
from stagelight.web.view_traces import WINDOWS, Filters

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagelight.store import Store
    from stagelight.store.model import Trace

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

SUGGESTIONS = 30
Text = Annotated[str, Query(max_length=400)]


@router.get("/")
def overview(request: Request, window: str = "") -> Response:
    """Show every stage: its rate, errors and quantiles."""
    seen = view_overview.overview(_store(request), window, now_ns=_clock.wall_ns(), tenant=tenant_of(request))
    return _page(
        request, "overview.html", {"seen": seen, "windows": view_overview.WINDOWS, "address": _address(request)}
    )


@router.get("/traces")
def traces(request: Request) -> Response:
    """Show the traces that the address asks for."""
    filters = Filters.read(request.query_params)
    tenant = tenant_of(request)
    found = _store(request).traces.search(filters.query(now_ns=_clock.wall_ns(), tenant=tenant))
    answer = _page(
        request,
        "traces.html",
        {"filters": filters, "found": found, "windows": WINDOWS, "address": _address(request)},
    )
    # A form sends its empty fields too; the address that is kept and shared is the short one.
    if request.headers.get("hx-trigger") == "filters":
        answer.headers["HX-Replace-Url"] = filters.address()
    return answer


@router.get("/traces/suggest")
def suggest(
    request: Request,
    attr: Annotated[list[str] | None, Query()] = None,
    session: str = "",
    field: str = "attr",
) -> Response:
    """Offer what can be asked for: attributes' names, then their values; or sessions."""
    store, tenant = _store(request), tenant_of(request)
    typed = attr[-1] if attr else ""
    key, named, _ = typed.partition("=")
    if field == "session":
        offers = [one.session for one in store.traces.sessions(tenant=tenant) if session in one.session]
    elif named:
        offers = [f"{key}={value}" for value in store.traces.attribute_values(key, tenant=tenant)]
    else:
        offers = [f"{name}=" for name in store.traces.attribute_keys(key, tenant=tenant)]
    return _page(request, "suggest.html", {"offers": offers[:SUGGESTIONS]})


@router.get("/traces/{trace_id}")
def trace(request: Request, trace_id: str, span: str = "") -> Response:
    """Show one trace's waterfall, with the details of one span open."""
    found = _trace(request, trace_id)
    if found is None:
        return _missing(request, trace_id)
    tree = trees.build(found.spans)
    opened = span or view_trace.first(tree)
    about = {
        "trace": found,
        "tree": tree,
        "rows": view_trace.rows(tree, selected=opened),
        "ticks": view_trace.ticks(tree),
        "services": view_trace.services(tree),
        "usage": view_trace.usage(tree.roots),
        "session": view_trace.session(tree),
        "version": view_trace.version(tree),
        "judged": _store(request).rows.of_trace(trace_id, tenant=tenant_of(request)),
        "opened": opened,
        "details": view_trace.details(tree, opened, found.logs),
    }
    return _page(request, "trace.html", about)


@router.get("/traces/{trace_id}/spans/{span_id}")
def span_details(request: Request, trace_id: str, span_id: str) -> Response:
    """Show the details of one span alone, for the panel beside the waterfall."""
    found = _trace(request, trace_id)
    details = found and view_trace.details(trees.build(found.spans), span_id, found.logs)
    if not details:
        return _page(request, "gone.html", {}, status=404)
    return _page(request, "details.html", {"details": details})


@router.get("/traces/{trace_id}/otlp.json")
def otlp(request: Request, trace_id: str) -> Response:
    """Give the trace as one OTLP/JSON request, ready to be sent anywhere."""
    found = _trace(request, trace_id)
    if found is None:
        return JSONResponse({"message": _gone(trace_id)}, 404)
    return JSONResponse(wire.traces_json(found.spans))


@router.get("/compare")
def compare(request: Request, t: Annotated[list[str] | None, Query()] = None) -> Response:
    """Show two traces side by side, stage by stage."""
    match t:
        case [one, other]:
            return _compared(request, one, other)
    return _page(request, "missing.html", {"what": "Choose two traces", "why": _HOW_TO_COMPARE}, status=400)


@router.get("/feedback")
def feedback(request: Request, window: str = "", requeued: Annotated[int | None, Query(ge=0)] = None) -> Response:
    """Show what users say, what waits to be learned from it, and what the model routers make of it."""
    grant = grant_of(request)
    about = {
        "seen": view_feedback.feedback(_store(request), window, now_ns=_clock.wall_ns(), tenant=tenant_of(request)),
        "windows": view_overview.WINDOWS,
        "may_requeue": grant is None or bool({"feedback", "admin"} & set(grant.scopes)),
        "requeued": requeued,
        "loop_on": request.app.state.settings.enable_trajectory_feedback_loop,
    }
    return _page(request, "feedback.html", about)


@router.post("/feedback/dead-letters")
async def requeue(request: Request, consumer: Text = "", feedback_id: Text = "", window: Text = "") -> Response:
    """Let dead letters wait again, one or all of them, and lead back to the page."""
    store, tenant = _store(request), tenant_of(request)
    count = await request.app.state.writer.run(view_feedback.requeue, store, consumer, feedback_id, tenant)
    request.app.state.hub.tell("rows", tenant)
    asked = {"window": window} if window in view_overview.WINDOWS else {}
    return RedirectResponse(f"/feedback?{urlencode({**asked, 'requeued': count})}", status_code=303)


@router.get("/models")
def models(request: Request) -> Response:
    """Show how each version of a model does: drift of what it sees and says, and accuracy as truth comes in."""
    about = {
        "seen": view_models.models(_store(request), now_ns=_clock.wall_ns(), tenant=tenant_of(request)),
        "drift_minutes": request.app.state.settings.drift_check_interval,
        "drift_threshold": request.app.state.settings.drift_threshold,
    }
    return _page(request, "models.html", about)


@router.get("/static/{version}/{path:path}")
def static(version: str, path: str) -> Response:
    """Give one of the pages' own files."""
    asset = view_static.assets().get(path)
    if asset is None:
        return JSONResponse({"message": "no such file"}, 404)
    # The address changes with the content, so a browser that has it need not ask again.
    kept = "public, max-age=31536000, immutable" if version == view_static.version() else "no-cache"
    return Response(asset.body, media_type=asset.media, headers={"Cache-Control": kept})


_HOW_TO_COMPARE = "Tick two traces on the Traces page, then press Compare."


def _compared(request: Request, one: str, other: str) -> Response:
    a, b = _trace(request, one), _trace(request, other)
    if a is None or b is None:
        return _missing(request, other if a else one)
    tree_a, tree_b = trees.build(a.spans), trees.build(b.spans)
    about = {
        "sides": [("A", a, tree_a), ("B", b, tree_b)],
        "stages": view_compare.stages(tree_a, tree_b),
        "differences": view_compare.attributes(tree_a, tree_b),
    }
    return _page(request, "compare.html", about)


def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


def _trace(request: Request, trace_id: str) -> Trace | None:
    found = _store(request).traces.get(trace_id, tenant=tenant_of(request))
    return found if found and found.spans else None


def _missing(request: Request, trace_id: str) -> Response:
    return _page(request, "missing.html", {"what": "No such trace", "why": _gone(trace_id)}, status=404)


def _gone(trace_id: str) -> str:
    return f"No trace {trace_id[:40]} is kept here: it never arrived, or it has expired."


def _address(request: Request) -> str:
    """Where this server was reached: what a program must be told to send to it."""
    return f"{request.url.scheme}://{request.url.netloc}"


def _page(request: Request, name: str, about: Mapping[str, Any], *, status: int = 200) -> Response:
    page = view_format.environment().get_template(name)
    return HTMLResponse(page.render(about, path=request.url.path), status, headers={"Cache-Control": "no-store"})
