"""The OTLP/HTTP receiver: what any OpenTelemetry SDK or collector sends, checked and committed before it is answered."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Literal, NamedTuple

from fastapi import APIRouter, Request
from starlette.responses import Response

from stagelight import wire
from stagelight.errors import UnsupportedMediaError, WireError
from stagelight.web.body import Body, drain, media_type
from stagelight.web.tenancy import tenant_of
from stagelight.wire.limits import DEFAULT as LIMITS

if TYPE_CHECKING:
    from stagelight.web.keeping import Keeping

MEDIA: dict[str, Literal["protobuf", "json"]] = {"application/x-protobuf": "protobuf", "application/json": "json"}
CONTENT_TYPES: dict[wire.Media, str] = {media: content_type for content_type, media in MEDIA.items()}
RETRY_SECONDS = 5  #: What a client is told to wait when the store is busy or away.

router = APIRouter(prefix="/v1")


@router.post("/traces")
async def traces(request: Request) -> Response:
    """Receive spans."""
    return await receive(request, "traces")


@router.post("/metrics")
async def metrics(request: Request) -> Response:
    """Receive metric points."""
    return await receive(request, "metrics")


@router.post("/logs")
async def logs(request: Request) -> Response:
    """Receive log records."""
    return await receive(request, "logs")


def warm() -> None:
    """Load what decodes and answers, before the first request: it may be an alert."""
    wire.decode_logs(wire.inflate(b"", ""), "protobuf")
    wire.response("logs", "protobuf")


class _Sent(NamedTuple):
    """What a request says of its body."""

    signal: wire.Signal
    media: wire.Media
    encoding: str
    tenant: str | None


async def receive(request: Request, signal: wire.Signal) -> Response:
    """Read, decode and commit one request, or say in one sentence why not; a refused request changes nothing."""
    try:
        answer = await _taken(request, signal)
    except UnsupportedMediaError as error:
        await drain(request)
        return failure(request, error.status, str(error))
    except WireError as error:
        return failure(request, error.status, str(error))
    request.app.state.hub.tell(signal, tenant_of(request))
    return Response(answer, media_type=media_type(request))


async def _taken(request: Request, signal: wire.Signal) -> bytes:
    state = request.app.state
    encoding = request.headers.get("content-encoding", "").strip().lower()
    sent = _Sent(signal, _media(request), encoding, tenant_of(request))
    wire.Inflater(encoding)  # refuses an encoding that is not known before the body is read
    limit = LIMITS.inflated_bytes if encoding in ("", "identity") else LIMITS.compressed_bytes
    async with Body(request, state.held, limit=limit) as body:
        answer: bytes = await state.writer.run(_commit, state.keeping, sent, body.data)
    return answer


def _media(request: Request) -> wire.Media:
    found = media_type(request)
    if found not in MEDIA:
        raise UnsupportedMediaError(
            f"Content-Type {found[:80] or 'missing'!r} is not supported: send {' or '.join(MEDIA)}."
        )
    return MEDIA[found]


def _commit(keeping: Keeping, sent: _Sent, body: bytes) -> bytes:
    """Decode and write on the writer's thread; the answer follows the commit."""
    plain = wire.inflate(body, sent.encoding)
    if sent.signal == "traces":
        spans = wire.decode_traces(plain, sent.media)
        keeping.seen.count(spans, sent.tenant)
        keeping.store.traces.write(spans, tenant=sent.tenant)
        return wire.response("traces", sent.media, rejected=spans.rejected, message=spans.message)
    if sent.signal == "metrics":
        points = wire.decode_metrics(plain, sent.media)
        keeping.seen.count(points, sent.tenant)
        keeping.store.metrics.write(points, tenant=sent.tenant)
        return wire.response("metrics", sent.media, rejected=points.rejected, message=points.message)
    records = wire.decode_logs(plain, sent.media)
    keeping.seen.count(records, sent.tenant)
    refused = keeping.logs(records, sent.tenant)
    return wire.response("logs", sent.media, rejected=refused.records, message=refused.message)


def failure(request: Request, status: int, message: str) -> Response:
    """An OTLP `Status` in the request's own encoding, JSON where that is unknown; 503 says when to send again."""
    media = MEDIA.get(media_type(request), "json")
    headers = {"retry-after": str(RETRY_SECONDS)} if status == HTTPStatus.SERVICE_UNAVAILABLE else None
    return Response(
        wire.failure(status, message=message, media=media), status, headers=headers, media_type=CONTENT_TYPES[media]
    )
