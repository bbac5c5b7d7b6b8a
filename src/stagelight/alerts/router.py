"""`AlertRouter`: findings about models to Alertmanager and people: not the small ones, not twice, many as one."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from stagelight import _clock, _guard, config
from stagelight.alerts.events import emit
from stagelight.alerts.finding import LEVELS, Finding, Subject, finding
from stagelight.alerts.notify import Notifier
from stagelight.alerts.outbox import Outbox
from stagelight.errors import AlertError, ConfigurationError, did_you_mean
from stagelight.store import current
from stagelight.store.model import AlertKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from stagelight.alerts.alert import Alert
    from stagelight.config import Settings
    from stagelight.store import Store

HOUR_NS: Final = 3600 * 1_000_000_000
REPEAT_HOURS: Final = 24.0  #: After which the same finding is worth telling again.
MOST_PER_HOUR: Final = 20  #: Alerts for one tenant; Alertmanager groups, people are woken.

_log = logging.getLogger("stagelight")


@dataclass(frozen=True, slots=True)
class Routed:
    """What became of findings."""

    sent: tuple[Finding, ...] = ()
    low: tuple[Finding, ...] = ()  #: Below the least severity that is told.
    repeated: tuple[Finding, ...] = ()  #: Told of within the last day.
    limited: tuple[Finding, ...] = ()  #: Past what a tenant is told of within an hour.
    refused: tuple[str, ...] = ()  #: Why findings were none.
    channels: tuple[str, ...] = ()  #: Those that took it.
    reason: str = ""  #: Why nothing was sent, where that is not the findings' own doing.


@dataclass
class _Sorted:
    """Findings by what is to become of them."""

    sent: list[Finding] = field(default_factory=list)
    low: list[Finding] = field(default_factory=list)
    repeated: list[Finding] = field(default_factory=list)
    limited: list[Finding] = field(default_factory=list)


class AlertRouter:
    """Sends findings on. What was sent stands in the store, so a restart repeats nothing; without one, in memory."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        store: Store | None = None,
        floor: str = "medium",
        repeat_hours: float = REPEAT_HOURS,
        most_per_hour: int = MOST_PER_HOUR,
    ) -> None:
        """Prepare the channels that the settings switch on.

        Args:
            settings: Read from the environment if None.
            store: Keeps what was sent; the store in use if None.
            floor: The least severity that is told: low, medium, high or critical.
            repeat_hours: Hours after which the same finding is told again.
            most_per_hour: Alerts that a tenant gets within an hour; the rest waits for the next run.

        Raises:
            ConfigurationError: An address or `floor` cannot be used.
            MissingExtraError: Slack or mail is switched on without `stagelight[notify]`.
        """
        if floor not in LEVELS:
            raise ConfigurationError(
                f"floor: found {floor!r}, expected one of {', '.join(LEVELS)}.{did_you_mean(floor, LEVELS)}"
            )
        self._settings = settings or config.load()
        self._store = store
        self._floor = LEVELS.index(floor)
        self._repeat_ns = int(repeat_hours * HOUR_NS)
        self._most = most_per_hour
        self._people = {name: Notifier([url], floor="info") for name, url in _addresses(self._settings).items()}
        self._memory: dict[AlertKey, int] = {}

    def route(self, found: Finding | Mapping[str, Any]) -> Routed:
        """Send one finding where it belongs; never raises."""
        return self.route_batch([found])

    def route_batch(self, findings: Iterable[Finding | Mapping[str, Any]]) -> Routed:
        """Send many findings as one message to people, and each to Alertmanager; never raises."""
        routed = _guard.attempt("alerts", self._routed, list(findings))
        return routed or Routed(reason="an error inside stagelight; its log says more")

    def resolve(self, examined: Iterable[Subject], found: Iterable[Finding]) -> int:
        """End the alerts about what was `examined` and not `found` again, or found less or more severe; never raises.

        Returns:
            How many ended.
        """
        return _guard.attempt("alerts", self._ended, set(examined), {_key(one.alert()) for one in found}) or 0

    def _ended(self, examined: set[Subject], found: set[AlertKey]) -> int:
        store = self._at()
        if store is None:
            return 0
        outbox, now = Outbox(store.outbox), _clock.wall_ns()
        over = [
            alert.ended()
            for alert in outbox.current()
            if alert.firing and _subject(alert) in examined and _key(alert) not in found
        ]
        outbox.put((alert, now) for alert in over)
        return len(over)

    def _routed(self, given: Sequence[Finding | Mapping[str, Any]]) -> Routed:
        found, refused = _read(given)
        if not self._settings.drift_alerts:
            return Routed(
                refused=refused, reason="STAGELIGHT_DRIFT_ALERTS is off: findings are recorded, nobody is told"
            )
        parts = self._sorted(found)
        channels = self._send([one.alert() for one in parts.sent])
        self._revive([one.alert() for one in parts.repeated])
        self._note(parts, taken=bool(channels))
        unsent = parts.sent if parts.sent and not channels else []
        return Routed(
            sent=() if unsent else tuple(parts.sent),
            low=tuple(parts.low),
            repeated=tuple(parts.repeated),
            limited=tuple(parts.limited),
            refused=refused,
            channels=channels,
            reason="no channel took them; they are tried again with the next run" if unsent else "",
        )

    def _sorted(self, found: Sequence[Finding]) -> _Sorted:
        """Worst first, so that the limit cuts off what matters least."""
        parts, now = _Sorted(), _clock.wall_ns()
        told: dict[str, int] = {}
        seen: set[AlertKey] = set()
        for one in sorted(found, key=lambda one: -LEVELS.index(one.severity)):
            key = _key(one.alert())
            told.setdefault(one.tenant, self._sent_since(one.tenant, now - HOUR_NS))
            last = self._last(key)
            if LEVELS.index(one.severity) < self._floor:
                parts.low.append(one)
            elif key in seen or (last and now - last < self._repeat_ns):
                parts.repeated.append(one)
            elif told[one.tenant] >= self._most:
                parts.limited.append(one)
            else:
                seen.add(key)
                told[one.tenant] += 1
                parts.sent.append(one)
        return parts

    def _send(self, alerts: Sequence[Alert]) -> tuple[str, ...]:
        """Tell every channel, and return those that took it."""
        if not alerts:
            return ()
        taken = [name for name, people in self._people.items() if people.send_batch(alerts)]
        if self._to_alertmanager(alerts):
            taken.append("alertmanager")
        return tuple(taken)

    def _to_alertmanager(self, alerts: Sequence[Alert]) -> bool:
        """Hand over to the outbox of a store, whose server posts it; else as log events, to the relay."""
        store = self._at()
        if store is not None:
            Outbox(store.outbox).put([(alert, _clock.wall_ns()) for alert in alerts], announce=True)
            return True
        emitted = [emit(alert) for alert in alerts]  # each of them, also after one that failed
        return all(emitted)

    def _revive(self, alerts: Sequence[Alert]) -> None:
        """Have Alertmanager see what fires again within the day, whose end it was told; it knows whom to tell how often.

        People whom we tell ourselves have heard of it today; if it still fires tomorrow, it is sent and they hear of it.
        """
        store = self._at()
        if store is None or not alerts:
            return
        outbox, now = Outbox(store.outbox), _clock.wall_ns()
        firing = {_key(one) for one in outbox.current() if one.firing}
        outbox.put(((one, now) for one in alerts if _key(one) not in firing), announce=False)

    def _note(self, parts: _Sorted, *, taken: bool) -> None:
        """Written after the sending: a crash in between repeats an alert, and loses none."""
        store, now = self._at(), _clock.wall_ns()
        sent = [_key(one.alert()) for one in parts.sent] if taken else []
        if store is None:
            self._memory |= dict.fromkeys(sent, now)
            return
        store.sent_alerts.sent(sent, now)

    def _last(self, key: AlertKey) -> int:
        store = self._at()
        return self._memory.get(key, 0) if store is None else store.sent_alerts.last(key)

    def _sent_since(self, tenant: str, after_ns: int) -> int:
        store = self._at()
        if store is not None:
            return store.sent_alerts.since(tenant, after_ns)
        return sum(key.tenant == tenant and at > after_ns for key, at in self._memory.items())

    def _at(self) -> Store | None:
        return self._store or current.current()


def _read(given: Sequence[Finding | Mapping[str, Any]]) -> tuple[list[Finding], tuple[str, ...]]:
    found: list[Finding] = []
    refused: list[str] = []
    for one in given:
        try:
            made = finding(one)
            made.alert()  # a figure that is none would spoil the whole batch later
        except (AlertError, TypeError, ValueError, AttributeError, LookupError) as error:
            refused.append(str(error))
        else:
            found.append(made)
    return found, tuple(refused)


def _key(alert: Alert) -> AlertKey:
    owner = alert.identity
    return AlertKey(
        tenant=owner["tenant"], workspace=owner["workspace"], fingerprint=alert.fingerprint, name=alert.name
    )


def _subject(alert: Alert) -> Subject:
    said = alert.identity
    return Subject(*(said.get(name, "") for name in Subject._fields))


def _addresses(settings: Settings) -> dict[str, str]:
    """The channels that are switched on, with their addresses.

    Raises:
        ConfigurationError: One is on and has no address.
    """
    found: dict[str, str] = {}
    for name, on, url in (
        ("slack", settings.enable_slack, settings.slack_url),
        ("email", settings.enable_email, settings.email_url),
    ):
        if on and not url:
            raise ConfigurationError(
                f"STAGELIGHT_ENABLE_{name.upper()} is on without an address: set STAGELIGHT_{name.upper()}_URL"
            )
        if on:
            found[name] = url
    return found
