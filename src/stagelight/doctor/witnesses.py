"""The programs behind the collector that may have the canary, and how each of them is asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import urlencode

from stagelight.catalogue.internal import CANARIES
from stagelight.catalogue.pipeline_alerts import CANARY
from stagelight.egress import Client
from stagelight.errors import ConfigurationError, UnreachableError

if TYPE_CHECKING:
    from stagelight.config import Settings
    from stagelight.doctor.canary import Sent

READ_SECONDS: Final = 2.0
OK: Final = 200
REFUSED: Final = (401, 403)


class TokenNeededError(Exception):
    """The program does not show it to us."""


class Witness(ABC):
    """A program behind the collector."""

    hop: ClassVar[str]  #: Its name among the findings.
    after: ClassVar[str] = ""  #: The hop before it, without which nothing comes; empty where that is the collector.
    what: ClassVar[str]  #: What is looked for.
    carrier: ClassVar[str] = "metric"  #: What it comes from.
    variable: ClassVar[str]  #: The setting with its address.
    token_advice: ClassVar[str] = ""

    def __init__(self, url: str, *, token: str = "") -> None:
        """Be asked at `url`, which is not looked at yet."""
        self.url = url
        self._token = token
        self._client: Client | None = None

    def sent(self, sent: Sent) -> bool:
        """Whether what would come here was sent at all."""
        return bool(sent.instance)

    @abstractmethod
    def seen(self, sent: Sent) -> bool:
        """Whether it has what was sent.

        Raises:
            ConfigurationError: The address is none.
            UnreachableError: Nobody answers, or somebody else.
            TokenNeededError: It wants to know who asks.
        """

    @abstractmethod
    def why_lost(self) -> str:
        """Say where to look when it never came."""

    def ask(self, path: str, **parameters: str | list[str]) -> Any:
        """Return the JSON of an answer; None where it has no such thing, or is not ready; raises as `seen`."""
        if self._client is None:
            self._client = Client(self.url, token=self._token, read_seconds=READ_SECONDS)
        answer = self._client.get(f"{path}?{urlencode(parameters, doseq=True)}" if parameters else path)
        if answer.status in REFUSED:
            raise TokenNeededError
        return answer.data if answer.status == OK else None


class Traces(Witness):
    """Tempo, or a `stagelight serve`."""

    hop = "traces"
    what = carrier = "span"
    variable = "STAGELIGHT_TEMPO_URL"
    token_advice = "STAGELIGHT_TOKEN=$(stagelight token create me)"  # noqa: S105  a command that makes one

    def sent(self, sent: Sent) -> bool:
        """Whether the sampler kept the span."""
        return bool(sent.trace_id)

    def seen(self, sent: Sent) -> bool:
        """Ask for the trace as each of the two has it."""
        served = self.ask(f"/api/traces/{sent.trace_id}") if self._serves() else None
        tempo = None if served else self.ask(f"/api/v2/traces/{sent.trace_id}")
        found = _within(served, "spans") or _within(tempo, "trace", "resourceSpans")
        return bool(found)

    def _serves(self) -> bool:
        return "version" in (self.ask("/health") or {})

    def why_lost(self) -> str:
        """It waits in the collector's queue, or was given up."""
        return "Can the collector reach it (STAGELIGHT_TRACES_ENDPOINT there)? Its log says `Exporting failed` if not."


class Prometheus(Witness):
    """Prometheus, scraping or being sent the collector's metrics."""

    hop = "prometheus"
    what = "metric"
    variable = "STAGELIGHT_PROMETHEUS_URL"

    def seen(self, sent: Sent) -> bool:
        """Ask for the one series that this canary alone has."""
        return bool(self.query(f'{CANARIES.name}{{instance="{sent.instance}"}}'))

    def query(self, promql: str) -> list[Any]:
        """The series that an expression gives."""
        answer = self.ask("/api/v1/query", query=promql)
        return list(_within(answer, "data", "result") or [])

    def why_lost(self) -> str:
        """Name the targets that it cannot scrape."""
        try:
            down = [f"{one['metric'].get('job')} ({one['metric'].get('instance')})" for one in self.query("up == 0")]
        except (UnreachableError, TokenNeededError):
            down = []
        if down:
            return f"It cannot scrape {', '.join(sorted(down))}."
        return "Does it scrape the collector, or does the collector send to it (STAGELIGHT_METRICS_ENDPOINT there)?"

    def has_rule(self, name: str) -> bool:
        """Whether it evaluates the alert `name`."""
        groups = _within(self.ask("/api/v1/rules", type="alert"), "data", "groups") or []
        return any(rule.get("name") == name for group in groups for rule in group["rules"])


class Alertmanager(Witness):
    """Alertmanager, told by Prometheus."""

    hop = "alertmanager"
    after = Prometheus.hop
    what = "alert"
    variable = "STAGELIGHT_ALERTMANAGER_URLS"
    token_advice = "Set STAGELIGHT_ALERTMANAGER_TOKEN."  # noqa: S105  advice, no token

    def __init__(self, url: str, *, token: str = "", prometheus: Prometheus | None = None) -> None:
        """As every witness; `prometheus` is the one that should tell it, where known."""
        super().__init__(url, token=token)
        self._prometheus = prometheus

    def seen(self, sent: Sent) -> bool:
        """Ask for the alert that the canary's series makes fire."""
        return bool(self.ask("/api/v2/alerts", filter=[f'alertname="{CANARY.name}"', f'instance="{sent.instance}"']))

    def why_lost(self) -> str:
        """Tell a rule that is not loaded from an Alertmanager that is not told."""
        try:
            loaded = self._prometheus is None or self._prometheus.has_rule(CANARY.name)
        except (ConfigurationError, UnreachableError, TokenNeededError):
            loaded = True
        if not loaded:
            return f"Prometheus has no rule {CANARY.name}: load collector/prometheus/rules."
        return "Does Prometheus know its address? See `alerting` in prometheus.yml, and Status > Runtime there."


def configured(settings: Settings) -> list[Witness]:
    """Return the programs whose addresses are known, in the order of the way."""
    found: list[Witness] = [Traces(settings.tempo_url, token=settings.token)] if settings.tempo_url else []
    prometheus = Prometheus(settings.prometheus_url) if settings.prometheus_url else None
    if prometheus is not None:
        found.append(prometheus)
    token = settings.alertmanager_token
    return [*found, *(Alertmanager(url, token=token, prometheus=prometheus) for url in settings.alertmanager_urls)]


def _within(data: Any, *keys: str) -> Any:
    """What lies under `keys` in JSON; None where it does not."""
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data
