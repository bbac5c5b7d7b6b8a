"""`References`: what the features of one model are compared with, here and in the store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypedDict

from stagelight.drift import published
from stagelight.drift.body import of_body, to_body
from stagelight.store.drift_model import KeptReference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stagelight.drift.reference import Reference
    from stagelight.store import Store
    from stagelight.store.drift_model import Origin


class Key(NamedTuple):
    """A feature of a model version."""

    model_version: str
    feature: str


class Owner(TypedDict):
    """Whose predictions are watched."""

    tenant: str
    workspace: str


@dataclass(frozen=True, eq=False)
class Held:
    """A reference, and the moment its last row was made."""

    reference: Reference
    until: float = 0.0  #: Seconds since 1970; only later rows are compared with it.


class References:
    """References by feature; the store's copy is the one that holds where several processes watch one model."""

    def __init__(self, model: str, owner: Owner, changed: Callable[[Key, Held], None]) -> None:
        """Hold none; `changed` hears of each that begins to hold."""
        self._model = model
        self._owner = owner
        self._changed = changed
        self.held: dict[Key, Held] = {}

    def recall(self, store: Store | None) -> None:
        """Take over what the store has: from before a restart, or from another process."""
        for kept in [] if store is None else store.drift.references(self._model, **self._owner):
            key = Key(kept.model_version, kept.feature)
            known = self.held.get(key)
            if known is None or known.reference.id != kept.reference:
                self._hold(key, Held(of_body(kept.body), kept.until_ns / 1e9))

    def keep(self, found: Mapping[Key, Held], origin: Origin, store: Store | None) -> None:
        """Hold what was found, and keep it in the store first."""
        if store is not None:
            store.drift.put_references([self._row(key, held, origin) for key, held in found.items()])
        for key, held in found.items():
            self._hold(key, held)

    def whose(self, key: Key) -> dict[str, str]:
        """Return what names a feature of one owner."""
        return {"model": self._model, **key._asdict()}

    def labels(self, key: Key) -> dict[str, str]:
        """Return the labels of a feature, whose owner's it is among them."""
        return self.whose(key) | {"tenant": self._owner["tenant"], "workspace": self._owner["workspace"]}

    def _hold(self, key: Key, held: Held) -> None:
        before = self.held.get(key)
        self.held[key] = held
        self._changed(key, held)
        if before is not None and before.reference.layout != held.reference.layout:
            published.retired(self.labels(key), before.reference)
        published.referred(self.labels(key), held.reference)

    def _row(self, key: Key, held: Held, origin: Origin) -> KeptReference:
        return KeptReference(
            **self._owner,
            model=self._model,
            model_version=key.model_version,
            feature=key.feature,
            reference=held.reference.id,
            origin=origin,
            rows=held.reference.rows,
            until_ns=round(held.until * 1e9),
            body=to_body(held.reference),
        )
