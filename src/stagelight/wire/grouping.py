"""Records by the resource and scope they came from, as OTLP nests them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from stagelight.wire.records import Scope
from stagelight.wire.values import attributes_json, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from stagelight.wire.records import Attributes


class Sourced(Protocol):
    """A record which says where it came from."""

    @property
    def resource(self) -> Attributes:
        """Attributes of what sent it."""
        ...


R = TypeVar("R", bound=Sourced)


def grouped(records: Iterable[R]) -> list[tuple[Attributes, list[tuple[Scope, list[R]]]]]:
    """Records of the same resource, and within it of the same scope, together; first come, first served.

    Resources are the same when they read the same: a store gives each record a dict of its own.
    """
    keys: dict[int, str] = {}  # identity of a resource -> how it reads, so that a shared one is read once
    resources: dict[str, tuple[Attributes, dict[Scope, list[R]]]] = {}
    kept = list(records)  # alive while their resources' identities are used
    for record in kept:
        identity = id(record.resource)
        if identity not in keys:
            keys[identity] = repr(sorted(record.resource.items()))
        _, scopes = resources.setdefault(keys[identity], (record.resource, {}))
        scopes.setdefault(getattr(record, "scope", None) or Scope(), []).append(record)
    return [(resource, list(scopes.items())) for resource, scopes in resources.values()]


def grouped_json(
    records: Iterable[R], scopes_key: str, records_key: str, as_json: Callable[[R], dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return `records` nested as OTLP JSON nests them: resources, in each its scopes, in each its records."""
    return [
        {
            "resource": {"attributes": attributes_json(resource)},
            scopes_key: [
                {
                    "scope": {"name": text(scope.name), "version": text(scope.version)},
                    records_key: [as_json(record) for record in found],
                }
                for scope, found in scopes
            ],
        }
        for resource, scopes in grouped(records)
    ]
