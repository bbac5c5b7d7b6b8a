"""Spans and log lines to rows and back: what is asked for often has a column, the rest is compact JSON text.

Text goes through `clean`, because one lone surrogate or NUL in one name would lose the whole batch it came in.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from stagelight.wire.records import LogRecord, Scope, SpanEvent, SpanLink, SpanRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST = 2**63 - 1  #: What a 64-bit column holds; OTLP's times are unsigned.
EXACT = 2**53  #: Below it floats hold every integer.
NAME_CHARS = 1_000

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str, check_circular=False).encode


class Resource(NamedTuple):
    """What many spans share: who sent them, through which instrumentation."""

    id: int
    attributes: Mapping[str, Any]
    scope: Scope


def clean(text: str) -> str:
    """Return `text` without what a database refuses: lone surrogates become `?`, NUL the replacement character.

    >>> clean("a" + chr(0xD800) + "b" + chr(0))
    'a?b�'
    """
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()
    return text.replace("\0", "\ufffd") if "\0" in text else text


def json_text(value: object) -> str:
    """Return `value` as compact JSON that any database takes."""
    return clean(_encode(value))


def whole(value: int) -> int:
    """Return `value` within 0 and what 64 bits hold.

    >>> whole(2**64 - 1) == LARGEST, whole(-5)
    (True, 0)
    """
    return min(max(0, int(value)), LARGEST)


def text_of(value: object) -> str:
    """Return an attribute's value as people write it in a filter.

    >>> [text_of(v) for v in ("a", True, 3, 3.0, 0.5, [1, 2])]
    ['a', 'true', '3', '3', '0.5', '[1,2]']
    """
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if is_plain(value) else repr(value)
    return str(value) if isinstance(value, int) else json_text(value)


def is_plain(value: float) -> bool:
    """Return whether a number is whole and small enough to be the same as an integer and as a float; zero has two signs."""
    return 0 < abs(value) < EXACT and value == int(value)


def hash63(text: str) -> int:
    """Return 63 bits that stand for `text`, the same in every process."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) >> 1


def resource_of(record: SpanRecord | LogRecord) -> Resource:
    """Return what identifies the sender of `record`."""
    scope = record.scope
    text = json_text([dict(record.resource), scope.name, scope.version])
    return Resource(hash63(text), record.resource, scope)


def span_row(span: SpanRecord) -> dict[str, Any]:
    """Return the columns of `span`, without whose it is, its trace and its resource."""
    return {
        "span_id": clean(span.span_id),
        "parent_id": clean(span.parent_id),
        "name": clean(span.name),
        "kind": span.kind,
        "start_ns": whole(span.start_ns),
        "end_ns": whole(span.end_ns),
        "status": span.status,
        "attributes": json_text(dict(span.attributes)) if span.attributes else "",
        "rest": _rest(span),
    }


def _rest(span: SpanRecord) -> str:
    rest: dict[str, object] = {}
    if span.events:
        rest["events"] = [[event.name, whole(event.time_ns), dict(event.attributes)] for event in span.events]
    if span.links:
        rest["links"] = [[link.trace_id, link.span_id, dict(link.attributes)] for link in span.links]
    if span.status_message:
        rest["message"] = span.status_message
    if span.trace_state:
        rest["state"] = span.trace_state
    if span.flags:
        rest["flags"] = span.flags
    return json_text(rest) if rest else ""


def span_of(row: Any, trace_id: str, resources: Mapping[int, Resource]) -> SpanRecord:
    """Return the span that `row` was made from."""
    resource = resources.get(row.resource, NOBODY)
    rest = loads(row.rest)
    return SpanRecord(
        trace_id=trace_id,
        span_id=row.span_id,
        parent_id=row.parent_id,
        name=row.name,
        kind=row.kind,
        start_ns=row.start_ns,
        end_ns=row.end_ns,
        status=row.status,
        status_message=rest.get("message", ""),
        attributes=loads(row.attributes),
        events=tuple(SpanEvent(name=name, time_ns=at, attributes=found) for name, at, found in rest.get("events", ())),
        links=tuple(SpanLink(trace_id=t, span_id=s, attributes=found) for t, s, found in rest.get("links", ())),
        resource=resource.attributes,
        scope=resource.scope,
        trace_state=rest.get("state", ""),
        flags=rest.get("flags", 0),
    )


def log_row(log: LogRecord) -> dict[str, Any]:
    """Return the columns of `log`, without whose it is and its resource."""
    return {
        "trace_id": clean(log.trace_id),
        "span_id": clean(log.span_id),
        "time_ns": whole(log.time_ns),
        "severity": clean(log.severity),
        "severity_number": whole(log.severity_number),
        "event_name": clean(log.event_name),
        "body": json_text(log.body),
        "attributes": json_text(dict(log.attributes)) if log.attributes else "",
    }


def log_of(row: Any, resources: Mapping[int, Resource]) -> LogRecord:
    """Return the log line that `row` was made from."""
    resource = resources.get(row.resource, NOBODY)
    return LogRecord(
        time_ns=row.time_ns,
        severity=row.severity,
        severity_number=row.severity_number,
        body=json.loads(row.body) if row.body else None,
        trace_id=row.trace_id,
        span_id=row.span_id,
        event_name=row.event_name,
        attributes=loads(row.attributes),
        resource=resource.attributes,
        scope=resource.scope,
    )


def loads(text: str) -> dict[str, Any]:
    """Return the object in `text`; none for none."""
    found: dict[str, Any] = json.loads(text) if text else {}
    return found


NOBODY = Resource(0, {}, Scope())
