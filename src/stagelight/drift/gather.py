"""What predictions of the last hours say of each feature: counts where there is a reference, plain values where there is none."""

from __future__ import annotations

from collections import deque
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stagelight.drift.held import Held, Key
from stagelight.drift.reference import Reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from stagelight.drift.bins import Bins
    from stagelight.drift.held import Owner
    from stagelight.drift.sketch import Sketch
    from stagelight.store import Store
    from stagelight.store.drift_model import Seen

SCORE = "score"  #: The feature that every prediction may have.
FEATURES = 200  #: Of a model version that are watched, at most.
RECENT = 2_000  #: Rows of a version kept to find an example among.
MOST_RAW = 100_000
ROOM = 10  #: Rows read for each that a first reference needs, since not every row tells every feature.


@dataclass
class Feature:
    """What was gathered of one feature."""

    held: Held | None
    freeze_after: int  #: Values that become the reference where there is none; 0 freezes nothing.
    sketch: Sketch | None = None
    raw: list[Any] = field(default_factory=list)
    since: float = 0.0
    until: float = 0.0
    frozen: bool = False  #: The reference was made here.

    def add(self, moments: list[float], values: list[Any]) -> None:
        """Take in values in the order they were made."""
        if self.held is None:
            moments, values = self._kept_raw(moments, values)
        if self.held is None or not values:
            return
        first = next((at for at, moment in enumerate(moments) if moment > self.held.until or self.frozen), len(values))
        if first < len(values):
            sketch = self.held.reference.count(values[first:])
            self.sketch = sketch if self.sketch is None else self.sketch + sketch

    def _kept_raw(self, moments: list[float], values: list[Any]) -> tuple[list[float], list[Any]]:
        """Keep values as they are until there are enough for a reference; return those that are left over."""
        room = (self.freeze_after or MOST_RAW) - len(self.raw)
        self.since = self.since or moments[0]
        self.raw += values[:room]
        self.until = moments[: max(room, 1)][-1]
        if self.freeze_after and len(self.raw) >= self.freeze_after:
            self.held, self.frozen = Held(Reference.of(self.raw), self.until), True
            self.raw = []
        return moments[room:], values[room:]


class Gathering:
    """Every feature of every version of one model, as rows come by."""

    def __init__(self, held: Mapping[Key, Held], *, freeze_after: int, wanted: frozenset[str] | None) -> None:
        """Count by the references that are `held`; `wanted` are the features to look at, all of them if None."""
        self._held = held
        self._freeze_after = freeze_after
        self._wanted = wanted
        self.features: dict[Key, Feature] = {}
        self.recent: dict[str, deque[Seen]] = {}

    def add(self, rows: Iterable[Seen]) -> None:
        """Take in rows in the order they were made."""
        moments: dict[Key, list[float]] = {}
        values: dict[Key, list[Any]] = {}
        for row in rows:
            self.recent.setdefault(row.model_version, deque(maxlen=RECENT)).append(row)
            for name, value in self._told(row):
                key = Key(row.model_version, name)
                moments.setdefault(key, []).append(row.observed_at)
                values.setdefault(key, []).append(value)
        for key, told in values.items():
            self._feature(key).add(moments[key], told)

    def example(self, key: Key, bins: Bins, group: int) -> tuple[str, str]:
        """Return trace and span of the latest row whose value lies in a group; nothing where none was traced."""
        rows = [row for row in reversed(self.recent.get(key.model_version, ())) if row.trace_id]
        for row in rows:
            place = bins.place([dict(self._told(row)).get(key.feature)])
            if (bins.groups <= place[0]).sum() - 1 == group:
                return row.trace_id, row.span_id
        return "", ""

    def _feature(self, key: Key) -> Feature:
        if key not in self.features:
            self.features[key] = Feature(self._held.get(key), self._freeze_after)
        return self.features[key]

    def _told(self, row: Seen) -> Iterator[tuple[str, Any]]:
        if row.score is not None and (self._wanted is None or SCORE in self._wanted):
            yield SCORE, row.score
        for number, (name, value) in enumerate(row.features.items()):
            if number < FEATURES and name != SCORE and (self._wanted is None or name in self._wanted) and _plain(value):
                yield name, value


def first_rows(
    store: Store,
    model: str,
    owner: Owner,
    version: str,
    *,
    until: float,
    freeze_after: int,
    wanted: frozenset[str] | None,
) -> dict[Key, Held]:
    """Return the references that the first rows of a version make, however long ago it began to predict."""
    gathering = Gathering({}, freeze_after=freeze_after, wanted=wanted)
    limit = ROOM * freeze_after
    seen = store.drift.seen(model, **owner, since=0.0, until=until, model_version=version, limit=limit)
    with closing(seen):
        for rows in seen:
            gathering.add(rows)
            if all(found.held for found in gathering.features.values()):
                break
    return {key: found.held for key, found in gathering.features.items() if found.held}


def _plain(value: Any) -> bool:
    """Lists and objects have no distribution that could be watched."""
    return value is None or isinstance(value, (bool, int, float, str))
