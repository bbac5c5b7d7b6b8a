"""Alertmanager's API v2, as far as alerts are posted to it."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from stagelight import _clock, egress
from stagelight.errors import AlertError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagelight.alerts.alert import Alert

PATH = "/api/v2/alerts"
READ_SECONDS = 5.0


class Client:
    """Posts alerts to one Alertmanager; safe to use from several threads.

    Posting an alert again announces it to nobody. One that fires is sent without its end, so it counts as over
    `resolve_timeout` after the last post: keep posting (see `keeper`).
    """

    def __init__(self, url: str, *, token: str = "") -> None:
        """Speak to the Alertmanager at `url`, its route prefix included where it has one.

        Raises:
            ConfigurationError: `url` is not an http or https address.
        """
        self._http = egress.Client(url, token=token, read_seconds=READ_SECONDS)
        self.url = self._http.url

    def post(self, alerts: Sequence[Alert]) -> None:
        """Post `alerts`: those that fire, and those that ended, which resolves them.

        Raises:
            UnreachableError: It is away, or failing; send again later.
            AlertError: It refuses them, and would again.
        """
        answer = self._http.post(PATH, [payload(alert) for alert in alerts])
        if answer.status == HTTPStatus.OK:
            return
        said = answer.data if isinstance(answer.data, str) else answer.body[:200].decode(errors="replace")
        if answer.status == HTTPStatus.BAD_REQUEST:
            raise AlertError(f"{self.url} refuses {len(alerts)} alerts: {said}")
        # 401 and 404 too: someone is setting it up, and the alerts must be there when it is.
        raise UnreachableError(f"{self.url} answers {answer.status}: {said}")


def payload(alert: Alert) -> dict[str, Any]:
    """Return `alert` as the API takes it."""
    now = _clock.wall_ns() / 1e9
    data: dict[str, Any] = {
        "labels": alert.identity,
        "annotations": _annotations(alert),
        # One from a clock that is ahead would begin after its end to Alertmanager, which refuses that.
        "startsAt": _moment(min(alert.starts_at, now)),
    }
    if alert.ends_at is not None:
        data["endsAt"] = _moment(alert.ends_at)
    return data


def _annotations(alert: Alert) -> dict[str, str]:
    cited = {"trace_ids": ",".join(alert.trace_ids)} if alert.trace_ids else {}
    return dict(alert.annotations) | cited


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")
