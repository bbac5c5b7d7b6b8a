"""`Keeper`: has every Alertmanager know what fires, as long as it fires, and what has ended; tells people by itself.

Alertmanager forgets its alerts when it ends, and counts as over what it does not hear of again. So everything in the
outbox is posted to each peer at the start, again and again, and as soon as a peer that was away answers. Peers know
nothing of each other here: their own cluster sees to it that one of them notifies.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from stagelight import _guard
from stagelight.alerts import alertmanager
from stagelight.alerts.loop import Loop
from stagelight.errors import AlertError, ConfigurationError, StoreError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagelight.alerts.alert import Alert
    from stagelight.alerts.notify import Notifier
    from stagelight.alerts.outbox import Outbox
    from stagelight.config import Settings

BATCH = 200  #: Alerts in one request.


class Keeper:
    """Keeps firing alerts alive; one for each outbox."""

    def __init__(
        self,
        outbox: Outbox,
        *,
        peers: Sequence[alertmanager.Client] = (),
        notifier: Notifier | None = None,
        resend_seconds: float = 30.0,
    ) -> None:
        """Send what is in `outbox` to `peers` and through `notifier`; nothing is sent before `start`."""
        self._peers = [Peer(client, outbox) for client in peers]
        self._loops = [
            Loop(f"posting to {peer.client.url}", peer.turn, every_seconds=resend_seconds) for peer in self._peers
        ]
        if notifier is not None:
            self._loops.append(Loop("notifying", Announcing(notifier, outbox).turn, every_seconds=resend_seconds))

    @classmethod
    def of_settings(cls, settings: Settings, outbox: Outbox) -> Keeper:
        """Return the keeper that `settings` ask for; one without peers and notifier sends nothing.

        Raises:
            ConfigurationError: An address or a severity cannot be used.
            MissingExtraError: `stagelight[notify]` is not installed, and there are addresses to notify.
        """
        if settings.alert_resend_seconds <= 0:
            raise ConfigurationError(
                "STAGELIGHT_ALERT_RESEND_SECONDS: found 0, expected more: alerts that fire are posted again"
            )
        notifier = None
        if settings.notify_urls:
            from stagelight.alerts.notify import Notifier

            notifier = Notifier(settings.notify_urls, floor=settings.notify_severity)
        urls = dict.fromkeys(settings.alertmanager_urls)
        peers = [alertmanager.Client(url, token=settings.alertmanager_token) for url in urls]
        return cls(outbox, peers=peers, notifier=notifier, resend_seconds=settings.alert_resend_seconds)

    @property
    def idle(self) -> bool:
        """Whether there is nobody to send to."""
        return not self._loops

    def start(self) -> None:
        """Begin with all that the outbox holds."""
        for loop in self._loops:
            loop.start()

    def tell(self, alerts: Sequence[Alert]) -> None:
        """Send `alerts`, which are in the outbox already, without delay; comes back at once."""
        for peer in self._peers:
            peer.tell(alerts)
        for loop in self._loops:
            loop.wake()

    def stop(self, timeout_s: float = 3.0) -> bool:
        """End; what was not sent is in the outbox. Say whether all of it was sent."""
        in_time = [loop.stop(timeout_s) for loop in self._loops]  # every one, also after the first that was late
        return all(in_time)


class Peer:
    """One Alertmanager, and what it has yet to hear."""

    def __init__(self, client: alertmanager.Client, outbox: Outbox) -> None:
        """Bring `client` up to date with `outbox`."""
        self.client = client
        self._outbox = outbox
        self._lock = threading.Lock()
        self._told: dict[str, Alert] = {}

    def tell(self, alerts: Sequence[Alert]) -> None:
        """Remember `alerts` for the next turn; of the same alert the later word counts."""
        with self._lock:
            self._told |= {alert.fingerprint: alert for alert in alerts}

    def turn(self, whole: bool) -> str:  # noqa: FBT001  what a `Loop` passes
        """Post what is new, and with `whole` everything; return why it did not work, or nothing."""
        try:
            self._post_news()
            if whole:
                self._post_all()
        except (UnreachableError, StoreError) as error:
            return str(error)
        return ""

    def _post_all(self) -> None:
        waiting = {alert.fingerprint: alert for alert in self._outbox.current()}
        if not waiting:
            # A peer that is away is told of before the first alert, which then finds an open line.
            self._post([])
        while waiting:
            self._post_news(waiting)  # which shall not wait until a thousand old ones are posted
            part = [waiting.pop(fingerprint) for fingerprint in list(waiting)[:BATCH]]
            if part:
                self._post(part)

    def _post_news(self, waiting: dict[str, Alert] | None = None) -> None:
        """Post what was told, and take it out of `waiting`, whose word about it is older."""
        with self._lock:
            told, self._told = self._told, {}
        if waiting is not None:
            for fingerprint in waiting.keys() & told.keys():
                del waiting[fingerprint]
        news = list(told.values())
        for start in range(0, len(news), BATCH):
            self._post(news[start : start + BATCH])

    def _post(self, alerts: Sequence[Alert]) -> None:
        try:
            self.client.post(alerts)
        except AlertError as error:
            if len(alerts) <= 1:
                _guard.report("alerts", error)
                return
            for alert in alerts:  # one that is refused must not keep the others back
                self._post([alert])


class Announcing:
    """Tells people of what begins and what ends, once each."""

    def __init__(self, notifier: Notifier, outbox: Outbox) -> None:
        """Tell through `notifier` what `outbox` holds."""
        self._notifier = notifier
        self._outbox = outbox

    def turn(self, whole: bool) -> str:  # noqa: ARG002, FBT001  what a `Loop` passes; the outbox knows what is new
        """Send what was not told; return why that did not work, or nothing."""
        failed = 0
        try:
            for alert, row in self._outbox.unannounced():
                if not self._notifier.wants(alert):
                    continue
                # Noted after it was sent: after a crash it may be told twice, and never not at all.
                if self._notifier.send(alert):
                    self._outbox.announced(row, "firing" if alert.firing else "resolved")
                else:
                    failed += 1
        except StoreError as error:
            return str(error)
        return f"{failed} notifications could not be sent; are STAGELIGHT_NOTIFY_URLS right?" if failed else ""
