"""From the body of POST /feedback/… to a row: who judges, for whom, what, and what of it they may say."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

from stagelight.errors import RowError, did_you_mean
from stagelight.feedback import rewards, signing
from stagelight.feedback.said import About, Place, Said, row_of
from stagelight.feedback.target import Target
from stagelight.sink import values
from stagelight.sink.checks import IMPLICIT, SOURCES
from stagelight.stages.context import told_as

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagelight.config import Settings
    from stagelight.feedback.signing import Ticket
    from stagelight.sink.rows import Feedback
    from stagelight.store import Store

Kind = Literal["explicit", "implicit"]

_TEXT: Final = {"type": "string", "maxLength": 256}
_NUMBER: Final = {"type": "number"}
#: Field of the body -> its schema; None of them need be there but those that say what was said, and of what.
COMMON: Final[Mapping[str, Any]] = {
    "trace_id": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    "span_id": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
    "traceparent": _TEXT,
    "prediction_id": _TEXT,
    "decision_id": _TEXT,
    "reward": {"type": "number", "minimum": 0, "maximum": 1},
    "source": {"enum": list(SOURCES)},
    "user": _TEXT,
    "idempotency_key": _TEXT,
    "observed_at": _NUMBER,
    "model_version": _TEXT,
    "tenant": _TEXT,
    "workspace": _TEXT,
    "token": {"type": "string", "maxLength": signing.MAX_TOKEN},
}
FIELDS: Final[Mapping[Kind, Mapping[str, Any]]] = {
    "explicit": {
        "rating": {"type": "number", "minimum": 1, "maximum": 5},
        "thumbs": {"anyOf": [{"type": "boolean"}, {"enum": ["up", "down"]}]},
        "score": {"type": "number", "minimum": 0, "maximum": 1},
        "comment": {"type": "string", "maxLength": 10_000},
        "label": _TEXT,
        **COMMON,
    },
    "implicit": {"signal": {"enum": list(IMPLICIT)}, "value": _NUMBER, **COMMON},
}
UNSIGNED: Final = "A token is needed: send `Authorization: Bearer sl_…`, or a signed feedback token."
#: What may be said with a token: the judgement itself. Its worth, its user and its trace are not the public's to choose.
PUBLIC: Final = frozenset({"token", "rating", "thumbs", "comment", "label", "signal", "value", "trace_id"})


class ForeignError(RowError):
    """The body names what is not its sender's."""


class UnsignedError(RowError):
    """Neither a token of ours nor a signed one."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Who judges, as far as the request proves it."""

    tenant: str | None  #: Of the bearer token; None where none was needed, or a signed token has to do.
    public: bool  #: No bearer token, though one is needed: a signed one must be in the body.
    ticket: Ticket | None = None  #: What the signed token allows.


def schema(kind: Kind) -> dict[str, Any]:
    """Return the JSON schema of the body."""
    return {"type": "object", "properties": dict(FIELDS[kind]), "additionalProperties": False}


def admitted(body: object, kind: Kind, judge: Judge, settings: Settings) -> tuple[dict[str, Any], Judge]:
    """Return the fields of `body`, None values left out, and its judge with the ticket it shows.

    Raises:
        RowError: It is no object, has unknown fields, or a token that does not hold.
        ForeignError: It names a tenant or a trace that is not its sender's.
        UnsignedError: A token is needed and there is none.
    """
    if not isinstance(body, dict):
        raise RowError("the body must be a JSON object")
    given = {name: value for name, value in body.items() if value is not None}
    for name in given:
        if name not in FIELDS[kind]:
            raise RowError(
                f"{kind} feedback has no field {name[:40]!r}.{did_you_mean(name[:40], FIELDS[kind])}".rstrip(".")
            )
    token = values.text("token", given.get("token"))
    if judge.public and not token:
        raise UnsignedError(UNSIGNED)
    ticket = _ticket(given, token, settings) if token else None
    _own(given, ticket.tenant if ticket else None, judge.tenant)
    return given, replace(judge, ticket=ticket)


def _ticket(given: Mapping[str, Any], token: str, settings: Settings) -> Ticket:
    try:
        ticket = signing.verify(token, settings.feedback_key)
    except RowError as error:
        raise UnsignedError(str(error)) from None
    for name in given:
        if name not in PUBLIC:
            raise ForeignError(
                f"{name}: not to be said with a feedback token, which says whose answer it is, and who judges"
            )
    if given.get("trace_id", ticket.trace_id) != ticket.trace_id:
        raise ForeignError("trace_id: found another trace than the one that the token is for")
    return ticket


def _own(given: Mapping[str, Any], signed: str | None, granted: str | None) -> None:
    """Refuse another tenant than the sender's, where a token says which that is."""
    for tenant in (given.get("tenant"), signed):
        if granted is not None and tenant is not None and tenant != granted:
            raise ForeignError("tenant: found another one than the token's")


def judged(given: Mapping[str, Any], kind: Kind, judge: Judge, store: Store, settings: Settings) -> Feedback:
    """Return the row that the body describes.

    Raises:
        RowError: It makes no sense; the message is one sentence.
    """
    place = _place(given, judge, store, settings)
    said = {name: given[name] for name in Said.__dataclass_fields__ if name in given}
    about = {name: given[name] for name in About.__dataclass_fields__ if name in given}
    row, _ = row_of(Said(**said), About(**about, target=_target(given, judge.ticket)), place)
    if row.kind != kind:
        raise RowError(f"signal: found {row.signal!r}, which is {row.kind}: send it to /feedback/{row.kind}")
    if judge.ticket is not None:
        row = replace(row, feedback_id=signing.vote_id(judge.ticket, row.signal))
    return row


def _place(given: Mapping[str, Any], judge: Judge, store: Store, settings: Settings) -> Place:
    ticket = judge.ticket
    tenant = ticket.tenant if ticket else judge.tenant or values.text("tenant", given.get("tenant")) or "default"
    workspace = ticket.workspace if ticket else values.text("workspace", given.get("workspace")) or "default"
    return Place(
        tenant=tenant,
        workspace=workspace,
        rewards=rewards.table(settings.rewards),
        user=ticket.user if ticket else "",
        pseudonym=partial(told_as, key=settings.user_id_key),
        find=partial(_found, store, tenant, workspace),
    )


def _found(store: Store, tenant: str, workspace: str, prediction_id: str, decision_id: str) -> Target | None:
    made = store.opinions.made(tenant, workspace, prediction_id=prediction_id, decision_id=decision_id)
    return Target(made.trace_id, made.span_id, model_version=made.model_version) if made else None


def _target(given: Mapping[str, Any], ticket: Ticket | None) -> object:
    if ticket is not None:
        return Target(ticket.trace_id, ticket.span_id)
    named = [name for name in ("trace_id", "traceparent") if name in given]
    if len(named) > 1:
        raise RowError("trace_id and traceparent at once: one of them says whose answer it is")
    if "span_id" not in given:
        return given[named[0]] if named else None
    if named != ["trace_id"]:
        raise RowError("span_id goes with trace_id")
    trace_id, span_id = values.text("trace_id", given["trace_id"]), values.text("span_id", given["span_id"])
    return f"00-{trace_id}-{span_id}-01"


def refuse_bad_rewards(settings: Settings) -> None:
    """Refuse a table of rewards that cannot be read, before the first request.

    Raises:
        ConfigurationError: Which part of the setting, and how it is written.
    """
    rewards.table(settings.rewards)
