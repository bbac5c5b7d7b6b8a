"""Who may send to a collector that other machines reach."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from spans import body, span
from stack import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from stack_backend import Backend
    from stack_certificates import Certificates
    from stack_collector import Collector

    StartCollector = Callable[..., Collector]
    StartBackend = Callable[..., Backend]
    StartTier = Callable[..., tuple[Collector, list[Collector]]]

PROTOBUF = {"Content-Type": "application/x-protobuf"}


@pytest.mark.parametrize("tier_file", ["collector.yaml", "agent.yaml"])
def test_with_secure_yaml_a_program_needs_tls_and_the_token(
    tier_file: str, collector: StartCollector, certificates: Certificates
) -> None:
    """Without encryption, without a token and with another one the request is refused; with the right one it is taken."""
    guarded = collector(tier_file, "secure.yaml", **certificates.variables)
    url = guarded.http.replace("http://127.0.0.1", "https://localhost") + "/v1/traces"
    context = ssl.create_default_context(cafile=certificates.authority)

    def status(**headers: str) -> int:
        with httpx.Client(verify=context, trust_env=False) as client:
            return client.post(url, content=body(span()), headers={**PROTOBUF, **headers}).status_code

    try:
        plain = httpx.post(f"{guarded.http}/v1/traces", content=body(span()), headers=PROTOBUF, trust_env=False)
    except httpx.ReadError:  # it hung up on what it had not read, and so took its own answer back
        pass
    else:
        assert plain.status_code == 400
    assert status() == 401
    assert status(Authorization="Bearer guess") == 401
    assert status(Authorization=f"Bearer {certificates.token}") == 200
    with pytest.raises(httpx.ConnectError, match="certificate"), httpx.Client(trust_env=False) as client:
        client.post(url, content=body(span()))


def test_a_gateway_takes_from_agents_alone(
    collector: StartCollector, backend: StartBackend, certificates: Certificates
) -> None:
    """Without a certificate of our authority there is no connection, without the token no entry; an agent has both."""
    store = backend()
    gateway = collector(
        "gateway.yaml",
        STAGELIGHT_TRACES_ENDPOINT=store.url,
        STAGELIGHT_SAMPLE_WAIT="1s",
        STAGELIGHT_SAMPLE_PERCENT="100",
        **certificates.variables,
    )
    authority = Path(certificates.authority).read_bytes()
    key, chain = ((certificates.folder / name).read_bytes() for name in ("tls.key", "tls.crt"))
    stranger = grpc.ssl_channel_credentials(authority)
    agent = grpc.ssl_channel_credentials(authority, key, chain)
    sent = span()
    request = ExportTraceServiceRequest.FromString(body(sent))

    def export(credentials: grpc.ChannelCredentials, token: str) -> grpc.StatusCode:
        address = gateway.grpc.replace("127.0.0.1", "localhost")
        metadata = [("authorization", f"Bearer {token}")] if token else []
        with grpc.secure_channel(address, credentials) as channel:
            try:
                TraceServiceStub(channel).Export(request, metadata=metadata, timeout=5)
            except grpc.RpcError as error:
                return error.code()
        return grpc.StatusCode.OK

    assert export(stranger, certificates.token) is grpc.StatusCode.UNAVAILABLE
    assert export(agent, "") is grpc.StatusCode.UNAUTHENTICATED
    assert export(agent, "guess") is grpc.StatusCode.UNAUTHENTICATED
    assert export(agent, certificates.token) is grpc.StatusCode.OK
    eventually(lambda: sent.span_id in store.delivered, what="the span at the backend")
