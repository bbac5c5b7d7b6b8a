"""The model routers over HTTP, for programs that route elsewhere: their policies are declared, read and changed here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from stagelight.errors import PolicyError
from stagelight.routing import keeping
from stagelight.routing.arms import ArmChange
from stagelight.routing.plan import DEFAULT_POLICY, Plan, refuse_names
from stagelight.store.loop import consumer_of
from stagelight.web.asking import MAX_TEXT, TEXT, asked, documented, owner, text, texts
from stagelight.web.plain import plain
from stagelight.web.tenancy import tenant_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from stagelight.store import Store
    from stagelight.store.loop import PolicyRow
    from stagelight.wire.records import Tenancy

MAX_ARMS = 1000
MAX_PARAMETERS = 20
MAX_DIMENSION = 256  #: A contextual policy keeps its square for each arm.
MAX_NUMBERS = 1_000_000  #: Of a policy's state, all arms together: each costs about 80 bytes while it is read.
OWNER = {"tenant": TEXT, "workspace": TEXT}
DECLARATION = {
    "arms": {"type": "array", "items": TEXT, "minItems": 1, "maxItems": MAX_ARMS},
    "policy": TEXT,
    "parameters": {"type": "object", "additionalProperties": {"type": "number"}},
    **OWNER,
}
CHANGE = {"kind": {"enum": ["add", "retire", "rename"]}, "arm": TEXT, "new": TEXT, **OWNER}

Name = Annotated[str, Query(max_length=MAX_TEXT)]

router = APIRouter(prefix="/api/routers")


@router.get("")
def routers(request: Request) -> Response:
    """Give the routers that learn here: for whom, by which policy, at which version."""
    return JSONResponse({"routers": plain(_store(request).loop_reports.policies(tenant=tenant_of(request)))})


@router.get("/{name}")
def policy(request: Request, name: str, tenant: Name = "", workspace: Name = "") -> Response:
    """Give a router's policy with all it knows, and how much waits for it."""
    whose = owner(request, tenant, workspace)
    return _shown(_store(request), name, whose, _kept(request, name, whose))


@router.post("/{name}", openapi_extra=documented(DECLARATION))
async def declare(request: Request, name: str) -> Response:
    """Make a router, or give it the arms that it lacks: `arms`, `policy`, `parameters`; for a tenant and workspace."""
    given = await asked(request, *DECLARATION)
    whose, plan = owner(request, text(given, "tenant"), text(given, "workspace")), _plan(given)
    return await run_in_threadpool(_declared, request, name, whose, plan)


@router.post("/{name}/arms", openapi_extra=documented(CHANGE))
async def change(request: Request, name: str) -> Response:
    """Add, retire or rename an arm: `kind`, `arm` and, for a renaming, `new`; in every workspace of the tenant."""
    given = await asked(request, *CHANGE)
    whose, kind = owner(request, text(given, "tenant"), text(given, "workspace")), given.get("kind")
    if kind not in ("add", "retire", "rename"):
        raise HTTPException(422, "kind: expected add, retire or rename")
    what = ArmChange(kind, text(given, "arm"), text(given, "new"))
    return await run_in_threadpool(_changed, request, name, whose, what)


def _declared(request: Request, name: str, whose: Tenancy, plan: Plan) -> Response:
    try:
        refuse_names(name, plan.arms)
        kept = _store(request).policies.get(name, tenant=whose.tenant, workspace=whose.workspace)
        _refuse_large({*plan.arms, *(kept.state["arms"] if kept else ())}, plan.parameters)
        row = keeping.establish(_store(request), name, whose, plan)
    except PolicyError as error:
        raise HTTPException(422, str(error)) from error
    if row is None:
        raise HTTPException(422, "arms: expected at least one name")
    return _shown(_store(request), name, whose, row)


def _changed(request: Request, name: str, whose: Tenancy, what: ArmChange) -> Response:
    kept = _kept(request, name, whose)
    as_kept = Plan(declared=False)
    try:
        refuse_names(name, [what.new or what.arm])
        if what.kind == "add":
            _refuse_large({what.arm, *kept.state["arms"]}, kept.state["parameters"])
        rows = keeping.change_arms(_store(request), name, whose, as_kept, what, tenant=tenant_of(request))
    except PolicyError as error:
        raise HTTPException(422, str(error)) from error
    return _shown(_store(request), name, whose, rows[whose])


def _refuse_large(arms: Collection[str], parameters: Mapping[str, Any]) -> None:
    """Refuse a policy that would be too large to be read again and again.

    Raises:
        PolicyError: It would.
    """
    numbers = len(arms) * (1 + parameters.get("dimension", 0)) ** 2
    if numbers > MAX_NUMBERS:
        raise PolicyError(f"{len(arms)} arms would need {numbers:,.0f} numbers, expected {MAX_NUMBERS:,} at most")


def _kept(request: Request, name: str, whose: Tenancy) -> PolicyRow:
    known = texts([name], 1)
    row = _store(request).policies.get(name, tenant=whose.tenant, workspace=whose.workspace) if known else None
    if row is None:
        raise HTTPException(404, f"no router {name[:40]!r}: nothing was declared or learned under this name")
    return row


def _shown(store: Store, name: str, whose: Tenancy, row: PolicyRow) -> Response:
    depth = store.deliveries.depth(consumer_of(name), whose.tenant).get(whose, 0)
    about = {"router": name, **whose._asdict(), "version": row.version, "queue_depth": depth}
    return JSONResponse({**about, "state": row.state})


def _plan(given: dict[str, Any]) -> Plan:
    arms, parameters = given.get("arms", []), given.get("parameters", {})
    if not texts(arms, MAX_ARMS):
        raise HTTPException(422, f"arms: expected a list of at most {MAX_ARMS} names")
    if not isinstance(parameters, dict) or len(parameters) > MAX_PARAMETERS or {"kind", "arms"} & set(parameters):
        raise HTTPException(422, "parameters: expected an object, as the policy takes them")
    if not all(type(value) in (int, float) for value in parameters.values()):
        raise HTTPException(422, "parameters: expected numbers")
    dimension = parameters.get("dimension", 0)
    if dimension > MAX_DIMENSION:
        raise HTTPException(422, f"parameters.dimension: found {dimension}, expected {MAX_DIMENSION} at most")
    return Plan(text(given, "policy") or DEFAULT_POLICY, tuple(dict.fromkeys(arms)), parameters)


def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store
