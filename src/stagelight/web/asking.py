"""Small JSON bodies of operations: read within bounds, checked name by name, documented for who generates clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from starlette.exceptions import HTTPException

from stagelight.errors import UnsupportedMediaError, WireError
from stagelight.web.body import Body, drain, require_json
from stagelight.web.tenancy import grant_of, tenant_of
from stagelight.wire import jsontext
from stagelight.wire.limits import Limits
from stagelight.wire.records import Tenancy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import Request

LIMITS: Final = Limits(inflated_bytes=256 * 2**10, parts=5_000, numbers=5_000, json_depth=4)
MAX_TEXT = 256  #: Characters of a name or an id.
UNNAMED = Tenancy().tenant
TEXT: Final = {"type": "string", "maxLength": MAX_TEXT}


def documented(properties: Mapping[str, object]) -> dict[str, Any]:
    """Return what OpenAPI says of a body with these properties."""
    schema = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


async def asked(request: Request, *names: str, admin: bool = False) -> dict[str, Any]:
    """Return the body, an object of `names` alone; with `admin` only to who may administer.

    Raises:
        HTTPException: It may not be, or is something else; in one sentence.
    """
    grant = grant_of(request)
    if admin and grant is not None and "admin" not in grant.scopes:
        await drain(request)
        raise HTTPException(403, "This token lacks the scope 'admin'.")
    try:
        require_json(request)
        async with Body(request, request.app.state.held, limit=LIMITS.inflated_bytes) as body:
            data = jsontext.loads(body.data, LIMITS) if body.data.strip() else {}
    except UnsupportedMediaError as error:
        await drain(request)
        raise HTTPException(error.status, str(error)) from error
    except WireError as error:
        raise HTTPException(error.status, str(error)) from error
    if not isinstance(data, dict) or not set(data) <= set(names):
        raise HTTPException(422, f"expected an object with {', '.join(names)}, or some of them")
    return data


def owner(request: Request, tenant: str, workspace: str) -> Tenancy:
    """Whose it is: the token's tenant, who may leave out or not know its own name; another tenant is not there for it.

    Raises:
        HTTPException: 404 for another tenant than the token's; 422 for what is no name.
    """
    mine = tenant_of(request)
    if not texts([tenant, workspace], 2):
        raise HTTPException(422, "tenant, workspace: expected text")
    if mine is not None and tenant not in ("", UNNAMED, mine):
        raise HTTPException(404, f"no tenant {tenant[:40]!r} is open to this token")
    return Tenancy(mine or tenant or UNNAMED, workspace or UNNAMED)


def text(given: Mapping[str, Any], name: str) -> str:
    """Return a text of the body; empty where it is missing.

    Raises:
        HTTPException: It is something else, or too long.
    """
    value = given.get(name, "")
    if not texts([value], 1):
        raise HTTPException(422, f"{name}: expected text of at most {MAX_TEXT} characters")
    return str(value)


def texts(values: object, most: int) -> bool:
    r"""Whether `values` is a list of at most `most` short texts that every database can hold.

    >>> texts(["a"], 1), texts(["a", "b"], 1), texts(["\0"], 1), texts("a", 1)
    (True, False, False, False)
    """
    return isinstance(values, list) and len(values) <= most and all(map(_plain, values))


def _plain(value: object) -> bool:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        return False
    return "\0" not in value and not any("\ud800" <= sign <= "\udfff" for sign in value)
