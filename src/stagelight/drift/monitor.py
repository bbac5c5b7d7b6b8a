"""`Monitor`: watches the score and the features of a model, version by version, for drift from how they were."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from stagelight import _clock, _guard
from stagelight.drift import published, settling
from stagelight.drift.comparison import judge
from stagelight.drift.gather import SCORE, Gathering, first_rows
from stagelight.drift.held import Held, Key, Owner, References
from stagelight.drift.measured import measurement
from stagelight.drift.reference import Reference
from stagelight.drift.scores import Table
from stagelight.drift.severity import MINIMUM, THRESHOLD
from stagelight.drift.streams import Streams
from stagelight.errors import ConfigurationError
from stagelight.store.current import current
from stagelight.telemetry.current import current as telemetry

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stagelight.drift.sketch import Sketch
    from stagelight.drift.stream import Stream
    from stagelight.store import Store
    from stagelight.store.drift_model import DriftAlert, Measurement, Origin

HOUR = 3600.0
BASELINE = 7  #: Windows before the current one that a trailing reference covers.
KEPT_IN_MEMORY = 1_000  #: Measurements, where there is no store.
ORIGINS = ("frozen", "training", "trailing")


class Monitor:
    """Watches a model for drift: give it references, feed it or let it read the store, and have it check now and then.

    >>> monitor = Monitor("churn")
    >>> monitor.train({"score": [0.1, 0.2, 0.3, 0.4] * 100}, model_version="v1")
    >>> seen = monitor.stream("score", model_version="v1")
    >>> for score in [0.3, 0.4, 0.4, 0.4] * 100:
    ...     seen.observe(score)
    >>> [(found.feature, found.severity, found.verdict) for found in monitor.check()]
    [('score', 'critical', 'alert')]
    """

    def __init__(
        self,
        model: str,
        *,
        origin: Origin = "frozen",
        freeze_after: int = 1_000,
        window_hours: float = 24.0,
        features: Iterable[str] | None = None,
        threshold: float | None = None,
        minimum: int = MINIMUM,
        store: Store | None = None,
        tenant: str = "default",
        workspace: str = "default",
    ) -> None:
        """Watch `model`, the type of its predictions.

        Args:
            model: As `log_prediction` is told it.
            origin: Where references come from: `frozen`, the first rows of a version, or those at hand when `freeze` is
                called; `training`, what `train` is given; `trailing`, the seven windows before the one that is checked.
            freeze_after: Rows of a version that become its reference where `frozen` is the origin.
            window_hours: How far back a check looks.
            features: Those to watch, `score` among them; all if None.
            threshold: PSI from which drift is low; DRIFT_THRESHOLD if None.
            minimum: Rows before an alert.
            store: Where predictions are read and findings kept; the one in use if None.
            tenant: Whose predictions.
            workspace: Whose predictions.

        Raises:
            ConfigurationError: An argument that cannot be.
        """
        if origin not in ORIGINS:
            raise ConfigurationError(f"origin: found {origin!r}, expected one of {', '.join(ORIGINS)}")
        figures = {"freeze_after": freeze_after, "window_hours": window_hours, "minimum": minimum}
        for name, value in (figures | ({} if threshold is None else {"threshold": threshold})).items():
            if not value > 0:
                raise ConfigurationError(f"{name}: found {value!r}, expected a number over 0")
        self.model = model
        self._freeze_after = freeze_after if origin == "frozen" else 0
        self._trailing = origin == "trailing"
        self._window = window_hours * HOUR
        self._features = None if features is None else frozenset(features)
        self._threshold, self._minimum = threshold, minimum
        self._given = store
        self._owner = Owner(tenant=tenant, workspace=workspace)
        self._streams = Streams(self._window)
        self._references = References(model, self._owner, self._streams.refer)
        self._found: deque[Measurement] = deque(maxlen=KEPT_IN_MEMORY)
        self._lock = threading.RLock()
        self._watched = False  # its streams are counted when metrics are collected

    def stream(self, feature: str = SCORE, *, model_version: str = "") -> Stream:
        """Return where this process's values of a feature go: its `observe` is cheap enough for every prediction."""
        key = Key(model_version, feature)
        if not self._watched:
            self._watched = True
            settling.watch(self)
        return self._streams.of(key, self._references.held.get(key))

    def observe(self, values: Mapping[str, Any], *, model_version: str = "") -> None:
        """Take in a prediction's score and features by name; never raises."""
        with _guard.guard("drift"):
            for feature, value in values.items():
                self.stream(feature, model_version=model_version).observe(value)

    def train(self, columns: Mapping[str, Any], *, model_version: str = "") -> None:
        """Take training data, a column for each feature, as the reference from now on.

        Raises:
            StoreError: It cannot be kept in the store.
        """
        made = {Key(model_version, feature): Held(Reference.of(values)) for feature, values in columns.items()}
        with self._lock:
            self._references.keep(made, "training", self._store)

    def freeze(self, *, model_version: str | None = None) -> list[str]:
        """Take what came within the window as the reference from now on; return the features that have a new one.

        Args:
            model_version: That version alone; all if None.

        Raises:
            StoreError: Predictions cannot be read, or references not be kept.
        """
        now = _clock.wall_ns() / 1e9
        with self._lock:
            made = {key: Held(reference, now) for key, reference in self._at_hand(now).items()}
            chosen = {key: held for key, held in made.items() if model_version in (None, key.model_version)}
            self._references.keep(chosen, "frozen", self._store)
        return sorted({key.feature for key in chosen})

    def settle(self) -> None:
        """Count what streams have taken in; every few seconds, it keeps Prometheus up to date; never raises."""
        with _guard.guard("drift"), self._lock:
            if self._freeze_after:
                self._references.keep(self._streams.frozen(self._freeze_after), "frozen", self._store)
            self._streams.publish(self._references)

    def check(self) -> list[Measurement]:
        """Compare every feature with its reference, keep and publish what is found, and return it; never raises."""
        return _guard.attempt("drift", self.measure) or []

    def measure(self) -> list[Measurement]:
        """Do what `check` does.

        Raises:
            StoreError: The store is away; what streams took in is not lost.
        """
        now_ns = _clock.wall_ns()
        now = now_ns / 1e9
        with self._lock:
            self._references.recall(self._store)
            self.settle()
            if self._trailing:
                self._look_back(now)
            gathering = self._gathered(now - self._window, now)
            if self._began(gathering, now):
                gathering = self._gathered(now - self._window, now)
            frozen = {key: found.held for key, found in gathering.features.items() if found.held and found.frozen}
            self._references.keep(frozen, "frozen", self._store)
            stored = {key: found.sketch for key, found in gathering.features.items() if found.sketch is not None}
            found = self._judged(stored | self._streams.seen(now), gathering, now_ns)
            self._kept(found)
        return found

    @property
    def threshold(self) -> float:
        """PSI from which drift is low."""
        if self._threshold is not None:
            return self._threshold
        running = telemetry()
        return THRESHOLD if running is None else running.settings.drift_threshold

    @property
    def references(self) -> dict[tuple[str, str], Reference]:
        """The references that hold, by model version and feature."""
        return {(key.model_version, key.feature): held.reference for key, held in self._references.held.items()}

    def measurements(self) -> list[Measurement]:
        """Return what checks have found, the earliest first."""
        store = self._store
        return list(self._found) if store is None else store.drift.measurements(self.model, **self._owner)

    def alerts(self) -> list[DriftAlert]:
        """Return the alerts that the store keeps, the earliest first."""
        store = self._store
        return [] if store is None else store.drift.alerts(self.model, **self._owner)

    @property
    def _store(self) -> Store | None:
        return self._given or current()

    def _judged(self, seen: Mapping[Key, Sketch], gathering: Gathering, now_ns: int) -> list[Measurement]:
        held = self._references.held
        keys = sorted(key for key in seen if key in held and held[key].reference.bins.size == seen[key].counts.size)
        if not keys:
            return []
        sketches = [seen[key] for key in keys]
        table = Table([held[key].reference for key in keys])
        judged = judge(table, sketches, threshold=self.threshold, minimum=self._minimum)
        found = []
        for key, comparison, group in zip(keys, judged, table.moved_most(sketches), strict=True):
            reference = held[key].reference
            published.resembling(
                self._references.labels(key), reference, comparison.effective_rows / max(1, comparison.rows)
            )
            example = gathering.example(key, reference.bins, group)
            whose = self._references.whose(key) | {"reference": reference.id}
            since = now_ns - round(self._window * 1e9)
            found.append(measurement(comparison, self._owner, whose, since_ns=since, until_ns=now_ns, example=example))
        return found

    def _kept(self, found: list[Measurement]) -> None:
        if self._store is not None:
            self._store.drift.end_unseen()
            self._store.drift.put_measurements(found)
        self._found.extend(found)
        for one in found:
            published.measured(one)

    def _gathered(self, since: float, until: float, *, raw: bool = False) -> Gathering:
        """Read predictions; a version that has enough of them and no reference gets one."""
        held = {} if raw else self._references.held
        gathering = Gathering(held, freeze_after=0 if raw else self._freeze_after, wanted=self._features)
        if self._store is not None:
            score_alone = self._features == frozenset({SCORE})
            for rows in self._store.drift.seen(
                self.model, **self._owner, since=since, until=until, features=not score_alone
            ):
                gathering.add(rows)
        return gathering

    def _began(self, gathering: Gathering, now: float) -> bool:
        """Make the first rows of each version that has no reference one, were they before the window; say if there are any."""
        store, known = self._store, {key.model_version for key in self._references.held}
        made: dict[Key, Held] = {}
        if store is not None and self._freeze_after:
            for version in {key.model_version for key in gathering.features} - known:
                made |= first_rows(
                    store,
                    self.model,
                    self._owner,
                    version,
                    until=now,
                    freeze_after=self._freeze_after,
                    wanted=self._features,
                )
        self._references.keep(made, "frozen", store)
        return bool(made)

    def _at_hand(self, now: float) -> dict[Key, Reference]:
        """Return what there is within the window as references: of this process's streams, else of the store."""
        stored = self._gathered(now - self._window, now, raw=True).features
        made = {key: Reference.of(found.raw) for key, found in stored.items() if found.raw}
        self._streams.frozen(1)
        held = self._references.held
        for key, sketch in self._streams.seen(now).items():
            bins = held[key].reference.bins if key in held else None
            if bins is not None:
                made[key] = Reference(bins, sketch)
        return made

    def _look_back(self, now: float) -> None:
        """Make the windows before the current one the reference, anew with each window."""
        until = now - self._window
        stale = [key for key, held in self._references.held.items() if held.until < until - self._window]
        if self._references.held and not stale:
            return
        before = self._gathered(until - BASELINE * self._window, until, raw=True).features
        held = self._references.held
        made = {
            # The same bins again where there are any, so that what processes have counted in them goes on.
            key: Held(held[key].reference.renewed(found.raw) if key in held else Reference.of(found.raw), until)
            for key, found in before.items()
            if len(found.raw) >= self._minimum
        }
        self._references.keep(made, "trailing", self._store)
