"""Tells people of alerts without an Alertmanager, through Apprise: Slack, Discord, mail, webhooks and a hundred more.

For one machine and few alerts: nothing is grouped, inhibited or silenced. That is Alertmanager's work.
"""

from __future__ import annotations

import re
import warnings
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

from stagelight import _guard
from stagelight.alerts.alert import RANKS
from stagelight.alerts.plain import URL, line, plain
from stagelight.errors import ConfigurationError, MissingExtraError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stagelight.alerts.alert import Alert

TITLE_CHARS: Final = 150
SUMMARY_CHARS: Final = 300
TEXT_CHARS: Final = 1_500  #: Discord takes 2,000 in all.
VALUE_CHARS: Final = 100
ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


class Notifier:
    """Sends alerts from a severity on to every address it was given."""

    def __init__(self, urls: Sequence[str], *, floor: str = "warning") -> None:
        """Speak to `urls`, written as Apprise has them: slack://…, discord://…, mailto://…, json://host/path.

        Raises:
            ConfigurationError: An address is none that Apprise knows, or `floor` is no severity.
            MissingExtraError: `stagelight[notify]` is not installed.
        """
        if floor not in RANKS:
            raise ConfigurationError(
                f"STAGELIGHT_NOTIFY_SEVERITY: found {floor!r}, expected one of {', '.join(RANKS)}.{did_you_mean(floor, RANKS)}"
            )
        self._floor = RANKS[floor]
        self._services = [_service(url) for url in joined(urls)]

    def wants(self, alert: Alert) -> bool:
        """Whether `alert` is bad enough to tell."""
        return RANKS[alert.severity] >= self._floor

    def send(self, alert: Alert) -> bool:
        """Tell of `alert`, that it fires or that it is over; say whether at least one of the addresses took it."""
        said = {"title": title(alert), "body": body(alert), "body_format": "text", "notify_type": _kind(alert)}
        # Each of them is tried. Apprise itself tells its own log which one failed.
        taken = [bool(_guard.attempt("alerts", service.notify, **said)) for service in self._services]
        return any(taken)

    def send_batch(self, alerts: Sequence[Alert]) -> bool:
        """Tell of many alerts in one message; say whether at least one of the addresses took it."""
        if len(alerts) == 1:
            return self.send(alerts[0])
        worst = max(alerts, key=lambda alert: RANKS[alert.severity])
        first = line(f"[FIRING] {len(alerts)} alerts ({worst.severity})", limit=TITLE_CHARS)
        # As many as fit: a message that a service refuses for its length tells nothing.
        texts = [f"{title(alert)}\n{body(alert)}" for alert in alerts]
        fitting = [text for text, end in zip(texts, accumulate(map(len, texts)), strict=True) if end <= TEXT_CHARS]
        left = len(alerts) - len(fitting)
        shown = "\n\n".join([*fitting, *([f"and {left} more"] if left else [])])
        said = {"title": first, "body": shown, "body_format": "text", "notify_type": _kind(worst)}
        taken = [bool(_guard.attempt("alerts", service.notify, **said)) for service in self._services]
        return any(taken)


def title(alert: Alert) -> str:
    """Return the first line: state, name, severity and whose it is."""
    state = "FIRING" if alert.firing else "RESOLVED"
    whose = "/".join(alert.identity[name] for name in ("tenant", "workspace"))
    return line(f"[{state}] {alert.name} ({alert.severity}) {whose}", limit=TITLE_CHARS)


def body(alert: Alert) -> str:
    """Return what a person reads: summary, description, labels, runbook and example traces; all text made harmless."""
    said = alert.annotations
    lines = [
        line(said.get("summary", ""), limit=SUMMARY_CHARS),
        plain(said.get("description", ""), limit=TEXT_CHARS - SUMMARY_CHARS),
        "  ".join(f"{name}={line(value, limit=VALUE_CHARS)}" for name, value in alert.labels.items())[:SUMMARY_CHARS],
        _runbook(said.get("runbook_url", "")),
        f"traces: {', '.join(alert.trace_ids[:3])}" if alert.trace_ids else "",
    ]
    return "\n".join(text for text in lines if text) or alert.name


def joined(urls: Iterable[str]) -> list[str]:
    """Return the addresses among parts that were cut at commas, which an address may hold itself.

    >>> joined(["mailto://me@x.org?to=a@x.org", "b@x.org", "json://host/"])
    ['mailto://me@x.org?to=a@x.org,b@x.org', 'json://host/']
    """
    found: list[str] = []
    for part in urls:
        if found and not ADDRESS.match(part):
            found[-1] += f",{part}"
        else:
            found.append(part)
    return found


def _runbook(url: str) -> str:
    """The one address that stays alive: plain enough to show where it leads."""
    return f"runbook: {url}" if URL.fullmatch(url) else ""


def _kind(alert: Alert) -> str:
    if not alert.firing:
        return "success"
    return ("info", "warning", "failure")[RANKS[alert.severity]]


def _service(url: str) -> Any:
    """One address, ready to send to; its secrets are in no message."""
    apprise = _apprise()
    asset = apprise.AppriseAsset(
        app_id="stagelight",
        http_redirects=False,  # the secret of the address would go along
        image_url_mask="",  # a picture is fetched from elsewhere by whoever reads
        image_url_logo="",
        storage_mode="memory",
    )
    service = apprise.Apprise(asset=asset)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of modules that Apprise loads, all of them at once
        known = service.add(url)
    if not known:
        scheme = url.partition("://")[0]
        raise ConfigurationError(
            f"STAGELIGHT_NOTIFY_URLS: {scheme[:20]}://… is no address that Apprise knows; expected as slack://a/b/c, "
            "mailto://user:password@host, json://host/path"
        )
    return service


def _apprise() -> Any:
    try:
        import apprise
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "apprise":
            raise
        raise MissingExtraError("notify", "STAGELIGHT_NOTIFY_URLS") from error
    return apprise
