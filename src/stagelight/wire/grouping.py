"""Records by the resource and scope they came from, as OTLP nests them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from stagelight.wire.records import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable

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
